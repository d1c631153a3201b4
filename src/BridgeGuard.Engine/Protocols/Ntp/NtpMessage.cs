using System.Buffers.Binary;

namespace BridgeGuard.Engine.Protocols.Ntp;

/// <summary>The form of a message (RFC 5905 §7.3).</summary>
/// <remarks>
/// <code>
///  0                   1                   2                   3
///  |LI | VN  |Mode |    Stratum    |     Poll      |   Precision   |
///  |                         root delay, root dispersion           |
///  |                          reference id                         |  at 12
///  |           four timestamps of 8 bytes, to byte 48              |
///  |   version 4: extension fields, then key id and digest (MAC)   |
/// </code>
/// </remarks>
internal static class NtpMessage
{
    public const int HeaderBytes = 48;
    public const int ReferenceIdOffset = 12;

    /// <summary>Key identifier and a digest of 16 bytes.</summary>
    private const int MacBytes = 20;

    /// <summary>Type and length of an extension field.</summary>
    private const int ExtensionHeaderBytes = 4;

    public static int Version(byte first) => (first >> 3) & 7;

    public static int Mode(byte first) => first & 7;

    /// <summary>Version 3 or 4, a whole header, and in version 4 nothing behind it but extension fields and a MAC.</summary>
    public static bool IsWellFormed(ReadOnlySpan<byte> message)
    {
        if (message.Length < HeaderBytes)
        {
            return false;
        }

        return Version(message[0]) switch
        {
            3 => true,
            4 => IsTail(message[HeaderBytes..]),
            _ => false,
        };
    }

    private static bool IsTail(ReadOnlySpan<byte> tail)
    {
        // A MAC is what is left when exactly its length is left: an extension field with a MAC behind it is at least 16 + 20 bytes (RFC 7822 §3).
        while (tail.Length > 0 && tail.Length != MacBytes)
        {
            if (tail.Length < ExtensionHeaderBytes)
            {
                return false;
            }

            int length = BinaryPrimitives.ReadUInt16BigEndian(tail[2..]);
            if (length < ExtensionHeaderBytes || length > tail.Length)
            {
                return false;
            }

            tail = tail[length..];
        }

        return true;
    }
}
