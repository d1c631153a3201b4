using System.Buffers.Binary;

namespace BridgeGuard.Engine.Protocols.Smb;

/// <summary>The frame around every message: NetBIOS session service (RFC 1002 §4.3.1), also without NetBIOS (MS-SMB2 §2.1).</summary>
/// <remarks>Shape: a byte of type, three bytes of length, big-endian, header excluded.</remarks>
internal static class SmbFrame
{
    public const int HeaderBytes = 4;

    public const byte SessionMessage = 0x00;
    public const byte SessionRequest = 0x81;
    public const byte PositiveResponse = 0x82;
    public const byte NegativeResponse = 0x83;
    public const byte RetargetResponse = 0x84;
    public const byte KeepAlive = 0x85;

    public const byte Smb1 = 0xff;
    public const byte Smb2 = 0xfe;
    public const byte Encrypted = 0xfd;
    public const byte Compressed = 0xfc;

    public static bool IsKnownType(byte type) => type is SessionMessage or (>= SessionRequest and <= KeepAlive);

    public static int Length(ReadOnlySpan<byte> frame) => (int)(BinaryPrimitives.ReadUInt32BigEndian(frame) & 0xffffff);

    /// <summary>A session message that begins with an SMB signature; needs eight bytes.</summary>
    public static bool IsMessage(ReadOnlySpan<byte> frame) =>
        frame[0] == SessionMessage && frame[4] is Smb1 or Smb2 or Encrypted or Compressed && frame[5] == 'S' && frame[6] == 'M' && frame[7] == 'B';

    /// <summary>Whether the message says that it is a response; null when it does not say or is cut off.</summary>
    public static bool? IsResponse(ReadOnlySpan<byte> message) => message[0] switch
    {
        Smb1 when message.Length > 9 => (message[9] & 0x80) != 0,
        Smb2 when message.Length > 16 => (message[16] & 1) != 0,
        _ => null,
    };
}
