namespace BridgeGuard.Engine.Protocols.Dhcp;

/// <summary>The fixed part of a message (RFC 2131 §2) and the walk over its options.</summary>
/// <remarks>
/// <code>
///  |  op (1)  | htype (1) | hlen (1) | hops (1) |   xid (4)     at 4
///  |  secs (2), flags (2)                       |   ciaddr (4)  at 12
///  |  yiaddr (4) at 16, siaddr (4) at 20        |   giaddr (4)  at 24
///  |  chaddr (16) at 28, sname (64), file (128) |   cookie (4)  at 236
///  |  options: code (1), length (1), data; 0 pads, 255 ends
/// </code>
/// </remarks>
internal static class DhcpMessage
{
    public const int HeaderBytes = 240;
    private const byte Pad = 0;
    private const byte End = 255;

    /// <summary>Whatever is long enough: old clients leave the cookie out, and what is no option then shows as truncated.</summary>
    public static bool IsMessage(ReadOnlySpan<byte> data) => data.Length >= HeaderBytes;

    /// <summary>Fills the transaction. Options that cannot be read raise an anomaly; the rest of the message counts.</summary>
    public static void Read(ReadOnlySpan<byte> message, DhcpTransaction transaction)
    {
        transaction.Operation = message[0];
        transaction.Header = transaction.Bytes.Append(message[..HeaderBytes]);
        transaction.HardwareAddressBytes = Math.Min((int)message[2], DhcpTransaction.MaxHardwareAddressBytes);
        ReadOnlySpan<byte> rest = message[HeaderBytes..];
        while (true)
        {
            if (rest.IsEmpty)
            {
                transaction.Raise(DhcpAnomaly.TruncatedOptions);
                return;
            }

            byte code = rest[0];
            if (code == End)
            {
                return;
            }

            if (code == Pad)
            {
                rest = rest[1..];
                continue;
            }

            if (rest.Length < 2 || rest.Length < 2 + rest[1])
            {
                transaction.Raise(DhcpAnomaly.TruncatedOptions);
                return;
            }

            if (!ReadOption((DhcpOption)code, rest.Slice(2, rest[1]), transaction))
            {
                return;
            }

            rest = rest[(2 + rest[1])..];
        }
    }

    /// <summary>False when reading must end.</summary>
    private static bool ReadOption(DhcpOption code, ReadOnlySpan<byte> data, DhcpTransaction transaction)
    {
        switch (code)
        {
            case DhcpOption.LeaseTime or DhcpOption.RenewalTime or DhcpOption.RebindingTime when data.Length != 4:
                transaction.Raise(DhcpAnomaly.MalformedOptions);
                return true;

            // A type and at least one byte (RFC 2132 §9.14). What follows an empty one cannot be trusted.
            case DhcpOption.ClientId when data.Length < 2:
                transaction.Raise(DhcpAnomaly.MalformedOptions);
                return false;

            case DhcpOption.MessageType when data.IsEmpty:
                return true;

            default:
                return transaction.TryAdd(code, data);
        }
    }
}
