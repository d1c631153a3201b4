using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.DhcpV6;

/// <summary>The walk over a message, its relays and its options (RFC 8415 §8, §9, §21).</summary>
/// <remarks>
/// <code>
///  | type (1) | transaction id (3) | options            between client and server
///  | 12 or 13 | hops (1) | link-address (16) | peer-address (16) | options      of a relay; option 9 holds the message
///  option: code (2), length (2), data
/// </code>
/// </remarks>
internal static class DhcpV6Message
{
    private const int HeaderBytes = 4;
    private const int RelayBytes = 34;
    private const int AddressBytes = 16;

    /// <summary>A known type and, where there is one, a first option that fits.</summary>
    public static bool IsMessage(ReadOnlySpan<byte> data)
    {
        int header = data.IsEmpty || !DhcpV6Tables.IsRelay(data[0]) ? HeaderBytes : RelayBytes;
        if (data.Length < header || data[0] is 0 or > DhcpV6Tables.RelayReply)
        {
            return false;
        }

        var reader = new WireReader(data[header..]);
        return reader.Left == 0 || (reader.TryUInt16(out ushort code) && code is > 0 and < 256 && reader.TryUInt16(out ushort length) && length <= reader.Left);
    }

    /// <summary>Fills the transaction. Options that cannot be read raise an anomaly; the rest of the message counts.</summary>
    public static void Read(ReadOnlySpan<byte> message, DhcpV6Transaction transaction)
    {
        int options = DhcpV6Limits.MaxOptions;
        while (!message.IsEmpty && DhcpV6Tables.IsRelay(message[0]) && message.Length >= RelayBytes)
        {
            if (transaction.Relays++ == 0)
            {
                transaction.LinkAddress = transaction.Bytes.Append(message.Slice(2, AddressBytes));
                transaction.PeerAddress = transaction.Bytes.Append(message.Slice(2 + AddressBytes, AddressBytes));
            }

            if (transaction.Relays > DhcpV6Limits.MaxDepth)
            {
                transaction.Raise(DhcpV6Anomaly.NestedTooDeep);
                return;
            }

            transaction.MessageType = message[0];
            message = Carried(message[RelayBytes..], transaction, ref options);
        }

        if (message.Length < HeaderBytes)
        {
            if (!message.IsEmpty)
            {
                transaction.Raise(DhcpV6Anomaly.MalformedOptions);
            }

            return;
        }

        transaction.MessageType = message[0];
        transaction.TransactionId = (uint)((message[1] << 16) | (message[2] << 8) | message[3]);
        ReadOptions(message[HeaderBytes..], transaction, 0, ref options);
    }

    /// <summary>The message in a relay's options; nothing when there is none.</summary>
    private static ReadOnlySpan<byte> Carried(ReadOnlySpan<byte> options, DhcpV6Transaction transaction, scoped ref int left)
    {
        var reader = new WireReader(options);
        while (TryOption(ref reader, transaction, ref left, out DhcpV6Option code, out ReadOnlySpan<byte> data))
        {
            if (code == DhcpV6Option.RelayMessage)
            {
                return data;
            }
        }

        return default;
    }

    private static bool TryOption(scoped ref WireReader reader, DhcpV6Transaction transaction, scoped ref int left, out DhcpV6Option code, out ReadOnlySpan<byte> data)
    {
        code = 0;
        data = default;
        if (reader.Left == 0)
        {
            return false;
        }

        if (left-- == 0)
        {
            transaction.Raise(DhcpV6Anomaly.TooManyOptions);
            return false;
        }

        if (!reader.TryUInt16(out ushort number) || !reader.TryUInt16(out ushort length) || !reader.TryTake(length, out data))
        {
            transaction.Raise(DhcpV6Anomaly.TruncatedOptions);
            return false;
        }

        code = (DhcpV6Option)number;
        return true;
    }

    private static void ReadOptions(ReadOnlySpan<byte> options, DhcpV6Transaction transaction, int depth, scoped ref int left)
    {
        var reader = new WireReader(options);
        while (TryOption(ref reader, transaction, ref left, out DhcpV6Option code, out ReadOnlySpan<byte> data))
        {
            if (!ReadOption(code, data, transaction, depth, ref left))
            {
                transaction.Raise(DhcpV6Anomaly.MalformedOptions);
            }
        }
    }

    /// <summary>False: of a length that it cannot have.</summary>
    private static bool ReadOption(DhcpV6Option code, ReadOnlySpan<byte> data, DhcpV6Transaction transaction, int depth, scoped ref int left)
    {
        var reader = new WireReader(data);
        switch (code)
        {
            case DhcpV6Option.ClientId:
                transaction.ClientId = transaction.Bytes.Append(data);
                return data.Length > 2;
            case DhcpV6Option.ServerId:
                transaction.ServerId = transaction.Bytes.Append(data);
                return data.Length > 2;
            case DhcpV6Option.OptionRequest:
                transaction.Requested = transaction.Bytes.Append(data);
                return data.Length % 2 == 0;
            case DhcpV6Option.DnsServers:
                transaction.DnsServers = transaction.Bytes.Append(data);
                return data.Length % AddressBytes == 0;
            case DhcpV6Option.VendorClass:
                transaction.VendorClass = reader.TrySkip(6) ? transaction.Bytes.Append(reader.Rest) : Slice.None;
                return data.Length >= 6;
            case DhcpV6Option.FullName:
                return reader.TrySkip(1) && ReadName(reader.Rest, transaction);
            case DhcpV6Option.StatusCode:
                if (!reader.TryUInt16(out ushort status))
                {
                    return false;
                }

                transaction.Status = status;
                transaction.StatusText = transaction.Bytes.Append(reader.Rest);
                return true;
            case DhcpV6Option.NonTemporary or DhcpV6Option.Delegation:
                return ReadAssociation(data, transaction, depth, hasTimes: true, ref left);
            case DhcpV6Option.Temporary:
                return ReadAssociation(data, transaction, depth, hasTimes: false, ref left);
            case DhcpV6Option.Address:
                return reader.TryTake(AddressBytes, out ReadOnlySpan<byte> address) && reader.TryUInt32(out uint preferred) && reader.TryUInt32(out uint valid)
                    && AddLease(new DhcpV6Lease(transaction.Bytes.Append(address), -1, preferred, valid), reader.Rest, transaction, depth, ref left);
            case DhcpV6Option.Prefix:
                return reader.TryUInt32(out preferred) && reader.TryUInt32(out valid) && reader.TryByte(out byte bits) && reader.TryTake(AddressBytes, out address)
                    && AddLease(new DhcpV6Lease(transaction.Bytes.Append(address), bits, preferred, valid), reader.Rest, transaction, depth, ref left);
            default:
                return true;
        }
    }

    private static bool ReadAssociation(ReadOnlySpan<byte> data, DhcpV6Transaction transaction, int depth, bool hasTimes, scoped ref int left)
    {
        var reader = new WireReader(data);
        if (!reader.TrySkip(4))
        {
            return false;
        }

        if (hasTimes)
        {
            if (!reader.TryUInt32(out uint renewal) || !reader.TryUInt32(out uint rebinding))
            {
                return false;
            }

            if (transaction.RenewalTime < 0)
            {
                transaction.RenewalTime = renewal;
                transaction.RebindingTime = rebinding;
            }
        }

        return ReadInner(reader.Rest, transaction, depth, ref left);
    }

    private static bool AddLease(in DhcpV6Lease lease, ReadOnlySpan<byte> rest, DhcpV6Transaction transaction, int depth, scoped ref int left)
    {
        if (!transaction.TryAdd(in lease))
        {
            transaction.Raise(DhcpV6Anomaly.TooManyOptions);
        }

        return ReadInner(rest, transaction, depth, ref left);
    }

    private static bool ReadInner(ReadOnlySpan<byte> options, DhcpV6Transaction transaction, int depth, scoped ref int left)
    {
        if (depth >= DhcpV6Limits.MaxDepth)
        {
            transaction.Raise(DhcpV6Anomaly.NestedTooDeep);
            return true;
        }

        ReadOptions(options, transaction, depth + 1, ref left);
        return true;
    }

    /// <summary>Labels without compression (RFC 4704 §4.2), joined by dots; a partial name has no end.</summary>
    private static bool ReadName(ReadOnlySpan<byte> name, DhcpV6Transaction transaction)
    {
        var reader = new WireReader(name);
        int start = transaction.Bytes.Length;
        while (reader.TryByte(out byte length) && length != 0)
        {
            if (length > 63 || !reader.TryTake(length, out ReadOnlySpan<byte> label))
            {
                transaction.Bytes.Truncate(start);
                return false;
            }

            if (transaction.Bytes.Length > start)
            {
                transaction.Bytes.Append((byte)'.');
            }

            transaction.Bytes.Append(label);
        }

        transaction.HostName = new Slice(start, transaction.Bytes.Length - start);
        return true;
    }
}
