using System.Buffers.Binary;

namespace BridgeGuard.Engine.Protocols.Ike;

/// <summary>The header of both versions (RFC 2408 §3.1, RFC 7296 §3.1), viewed in place.</summary>
/// <remarks>
/// <code>
///  |  initiator SPI (8)  |  responder SPI (8)  |
///  |  next payload (1)  |  version (1)  |  exchange (1)  |  flags (1)  |  message id (4)  |  length of all (4)  |
/// </code>
/// Errors: <see cref="TryCreate"/> is false for other versions and when the length is not the datagram's.
/// </remarks>
internal readonly ref struct IkeHeader
{
    public const int Bytes = 28;
    private const byte Version1 = 0x10;
    private const byte Version2 = 0x20;

    private readonly ReadOnlySpan<byte> _message;

    private IkeHeader(ReadOnlySpan<byte> message) => _message = message;

    public ReadOnlySpan<byte> InitiatorSpi => _message[..8];

    public ReadOnlySpan<byte> ResponderSpi => _message.Slice(8, 8);

    public byte NextPayload => _message[16];

    public byte Major => (byte)(_message[17] >> 4);

    public byte ExchangeType => _message[18];

    public byte Flags => _message[19];

    public uint MessageId => BinaryPrimitives.ReadUInt32BigEndian(_message[20..]);

    public ReadOnlySpan<byte> Body => _message[Bytes..];

    public static bool TryCreate(ReadOnlySpan<byte> message, out IkeHeader header)
    {
        header = new IkeHeader(message);
        return message.Length >= Bytes
            && message[17] is Version1 or Version2
            && BinaryPrimitives.ReadUInt32BigEndian(message[24..]) == (uint)message.Length;
    }
}
