using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Ike;

internal enum IkeBuffer
{
    InitiatorSpi,
    ResponderSpi,
    Vendor,
    Nonce,
    KeyExchange,
}

internal enum IkeField
{
    ExchangeType,
    NonceLength,
    KeyExchangeLength,
}

/// <summary>What rules may look at.</summary>
internal static class IkeBuffers
{
    public static readonly BufferDescriptor[] All =
    [
        Buffer("ike.init_spi", IkeBuffer.InitiatorSpi, DirectionMask.ToServer, "the initiator's SPI in hexadecimal"),
        Buffer("ike.resp_spi", IkeBuffer.ResponderSpi, DirectionMask.ToClient, "the responder's SPI in hexadecimal"),
        Buffer("ike.vendor", IkeBuffer.Vendor, DirectionMask.ToServer, "a vendor identifier in hexadecimal", isMulti: true),
        Buffer("ike.nonce_payload", IkeBuffer.Nonce, DirectionMask.Both, "the bytes of the nonce"),
        Buffer("ike.key_exchange_payload", IkeBuffer.KeyExchange, DirectionMask.Both, "the bytes of the key exchange"),
    ];

    public static readonly FieldDescriptor[] Fields =
    [
        Field("ike.exchtype", IkeField.ExchangeType, 8, "the exchange type"),
        Field("ike.nonce_payload_length", IkeField.NonceLength, 32, "bytes of the nonce"),
        Field("ike.key_exchange_payload_length", IkeField.KeyExchangeLength, 32, "bytes of the key exchange"),
    ];

    private static BufferDescriptor Buffer(string name, IkeBuffer id, DirectionMask directions, string help, bool isMulti = false) => new()
    {
        Name = name,
        LocalId = (int)id,
        Directions = directions,
        ProgressToServer = 1,
        ProgressToClient = 1,
        IsMulti = isMulti,
        Help = help,
    };

    private static FieldDescriptor Field(string name, IkeField id, byte bits, string help) => new()
    {
        Name = name,
        LocalId = (int)id,
        Directions = DirectionMask.Both,
        ProgressToServer = 1,
        ProgressToClient = 1,
        Bits = bits,
        Help = help,
    };
}

/// <summary>The values of the buffers and fields.</summary>
internal sealed partial class IkeTransaction
{
    public override bool TryGetBuffer(int buffer, Direction direction, int index, out BufferView view)
    {
        view = default;
        if (!ExistsIn(direction) || index >= ((IkeBuffer)buffer == IkeBuffer.Vendor ? VendorCount : 1))
        {
            return false;
        }

        switch ((IkeBuffer)buffer)
        {
            case IkeBuffer.InitiatorSpi:
                view = new BufferView(_initiatorSpi);
                return true;
            case IkeBuffer.ResponderSpi:
                view = new BufferView(_responderSpi);
                return true;
            case IkeBuffer.Vendor:
                view = new BufferView(Vendor(index));
                return true;
            case IkeBuffer.Nonce:
                view = new BufferView(Bytes[Nonce]);
                return Nonce.Exists;
            default:
                view = new BufferView(Bytes[KeyExchange]);
                return KeyExchange.Exists;
        }
    }

    public override bool TryGetField(int field, Direction direction, int index, out ulong value)
    {
        value = 0;
        if (!ExistsIn(direction) || index > 0)
        {
            return false;
        }

        switch ((IkeField)field)
        {
            case IkeField.ExchangeType:
                value = ExchangeType;
                return true;
            case IkeField.NonceLength:
                value = (ulong)Nonce.Length;
                return Nonce.Exists;
            default:
                value = (ulong)KeyExchange.Length;
                return KeyExchange.Exists;
        }
    }
}
