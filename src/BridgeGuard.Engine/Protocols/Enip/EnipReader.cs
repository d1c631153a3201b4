using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Enip;

/// <summary>Reads the data of a message: sessions, the common packet format (CIP volume 2, 2-6), CIP services (volume 1, 2-4, appendix C).</summary>
internal static class EnipReader
{
    /// <summary>False when the data does not have the form of the command.</summary>
    /// <param name="data">Behind the encapsulation header.</param>
    /// <param name="at">Position of the data in the parser's input, for frames.</param>
    /// <param name="isRequest">Direction.</param>
    /// <param name="message">Where it goes.</param>
    /// <param name="transactionId">The number frames carry.</param>
    /// <param name="context">Where frames go.</param>
    public static bool TryRead(ReadOnlySpan<byte> data, int at, bool isRequest, EnipMessage message, ulong transactionId, in ParseContext context)
    {
        switch ((EnipCommand)message.Command)
        {
            case EnipCommand.RegisterSession:
                return TryRegister(data, message);
            case EnipCommand.ListServices or EnipCommand.ListIdentity or EnipCommand.ListInterfaces when !isRequest:
                return TryItems(data, at, isRequest, message, transactionId, in context);
            case EnipCommand.SendRrData or EnipCommand.SendUnitData:
                // Interface handle and timeout stand before the packet.
                const int PrefixBytes = 6;
                return data.Length >= PrefixBytes && TryItems(data[PrefixBytes..], at + PrefixBytes, isRequest, message, transactionId, in context);
            default:
                return true;
        }
    }

    private static bool TryRegister(ReadOnlySpan<byte> data, EnipMessage message)
    {
        var reader = new WireReader(data);
        if (!reader.TryUInt16Little(out ushort version) || !reader.TryUInt16Little(out ushort options))
        {
            return false;
        }

        message.Content = EnipContent.RegisterSession;
        message.ProtocolVersion = version;
        message.Options = options;
        return true;
    }

    private static bool TryItems(ReadOnlySpan<byte> data, int at, bool isRequest, EnipMessage message, ulong transactionId, in ParseContext context)
    {
        const int ItemHeaderBytes = 4;
        var reader = new WireReader(data);
        if (!reader.TryUInt16Little(out ushort count))
        {
            return false;
        }

        for (int i = 0; i < Math.Min((int)count, EnipLimits.MaxItems); i++)
        {
            int start = reader.Position;
            if (!reader.TryUInt16Little(out ushort type) || !reader.TryUInt16Little(out ushort length) || !reader.TryTake(length, out ReadOnlySpan<byte> item))
            {
                return false;
            }

            context.OpenFrame(EnipFrames.Item, at + start, ItemHeaderBytes + length, transactionId);
            int itemAt = at + start + ItemHeaderBytes;
            bool isGood = type switch
            {
                EnipTables.IdentityItem => message.Content != EnipContent.None || TryIdentity(item, message),
                EnipTables.ServicesItem => message.Content != EnipContent.None || TryServices(item, message),
                EnipTables.UnconnectedData => TryCip(item, itemAt, isRequest, message, transactionId, in context),
                EnipTables.ConnectedData => item.Length >= 2 && TryCip(item[2..], itemAt + 2, isRequest, message, transactionId, in context),
                _ => true,
            };
            if (!isGood)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>CIP volume 2, 2-4.2.3; the socket address is big-endian and not kept.</summary>
    private static bool TryIdentity(ReadOnlySpan<byte> item, EnipMessage message)
    {
        const int SocketAddressBytes = 16;
        var reader = new WireReader(item);
        if (!reader.TryUInt16Little(out ushort version) || !reader.TrySkip(SocketAddressBytes)
            || !reader.TryUInt16Little(out ushort vendor) || !reader.TryUInt16Little(out ushort device) || !reader.TryUInt16Little(out ushort product)
            || !reader.TryByte(out byte major) || !reader.TryByte(out byte minor) || !reader.TryUInt16Little(out ushort status)
            || !reader.TryUInt32Little(out uint serial) || !reader.TryByte(out byte length) || !reader.TryTake(length, out ReadOnlySpan<byte> name)
            || !reader.TryByte(out byte state))
        {
            return false;
        }

        message.Content = EnipContent.Identity;
        message.ProtocolVersion = version;
        message.VendorId = vendor;
        message.DeviceType = device;
        message.ProductCode = product;
        message.RevisionMajor = major;
        message.RevisionMinor = minor;
        message.IdentityStatus = status;
        message.Serial = serial;
        message.Name = message.Bytes.Append(name);
        message.State = state;
        return true;
    }

    private static bool TryServices(ReadOnlySpan<byte> item, EnipMessage message)
    {
        var reader = new WireReader(item);
        if (!reader.TryUInt16Little(out ushort version) || !reader.TryUInt16Little(out ushort capabilities))
        {
            return false;
        }

        message.Content = EnipContent.Services;
        message.ProtocolVersion = version;
        message.Options = capabilities;
        message.Name = message.Bytes.Append(reader.Rest);
        return true;
    }

    /// <summary>A service and, for the one that carries others, those; they do not nest further.</summary>
    private static bool TryCip(ReadOnlySpan<byte> cip, int at, bool isRequest, EnipMessage message, ulong transactionId, in ParseContext context)
    {
        context.OpenFrame(EnipFrames.Cip, at, cip.Length, transactionId);
        if (!TryService(cip, isRequest, isNested: false, message, out ReadOnlySpan<byte> rest, out byte service))
        {
            return false;
        }

        message.Content = EnipContent.Cip;
        if (service != EnipTables.MultipleServices)
        {
            return true;
        }

        var reader = new WireReader(rest);
        if (!reader.TryUInt16Little(out ushort count))
        {
            return rest.IsEmpty;
        }

        for (int i = 0; i < count; i++)
        {
            if (!reader.TryUInt16Little(out ushort offset))
            {
                return false;
            }

            var next = new WireReader(reader.Rest);
            int end = i + 1 < count && next.TryUInt16Little(out ushort following) ? following : rest.Length;
            if (offset > end || end > rest.Length)
            {
                return false;
            }

            context.OpenFrame(EnipFrames.Cip, at + cip.Length - rest.Length + offset, end - offset, transactionId);
            if (!TryService(rest[offset..end], isRequest, isNested: true, message, out _, out _))
            {
                return false;
            }
        }

        return true;
    }

    private static bool TryService(
        ReadOnlySpan<byte> cip, bool isRequest, bool isNested, EnipMessage message, out ReadOnlySpan<byte> rest, out byte service)
    {
        var reader = new WireReader(cip);
        rest = default;
        if (!reader.TryByte(out service))
        {
            return false;
        }

        service &= 0x7f;
        var entry = new CipService { Service = service, IsNested = isNested, FirstSegment = message.SegmentCount, ExtendedStatus = Slice.None };
        bool isGood = isRequest ? TryPath(ref reader, message) : TryStatus(ref reader, message, ref entry);
        if (!isGood)
        {
            return false;
        }

        entry.SegmentCount = message.SegmentCount - entry.FirstSegment;
        if (message.Add(entry) < 0)
        {
            return true;
        }

        rest = reader.Rest;
        if (isRequest && service is EnipTables.GetAttributeList or EnipTables.SetAttributeList)
        {
            ReadAttributes(rest, service == EnipTables.GetAttributeList, message);
        }

        return true;
    }

    /// <summary>General status and extended status; its size is taken in bytes, as Suricata does.</summary>
    private static bool TryStatus(ref WireReader reader, EnipMessage message, ref CipService entry)
    {
        if (!reader.TryByte(out _) || !reader.TryByte(out entry.Status) || !reader.TryByte(out byte size) || !reader.TryTake(size, out ReadOnlySpan<byte> extended))
        {
            return false;
        }

        entry.ExtendedStatus = size > 0 ? message.Bytes.Append(extended) : Slice.None;
        return true;
    }

    /// <summary>Logical segments: a type byte whose low two bits tell the width of the number.</summary>
    private static bool TryPath(ref WireReader reader, EnipMessage message)
    {
        if (!reader.TryByte(out byte words) || !reader.TryTake(words * 2, out ReadOnlySpan<byte> path))
        {
            return false;
        }

        var segments = new WireReader(path);
        while (segments.TryByte(out byte type))
        {
            // Port and symbolic segments have other forms.
            const int LogicalSegment = 1;
            if (type >> 5 != LogicalSegment)
            {
                return false;
            }

            uint value;
            switch (type & 3)
            {
                case 0:
                    if (!segments.TryByte(out byte small))
                    {
                        return false;
                    }

                    value = small;
                    break;
                case 1:
                    if (!segments.TrySkip(1) || !segments.TryUInt16Little(out ushort middle))
                    {
                        return false;
                    }

                    value = middle;
                    break;
                case 2:
                    if (!segments.TrySkip(1) || !segments.TryUInt32Little(out value))
                    {
                        return false;
                    }

                    break;
                default:
                    return false;
            }

            message.Add(new CipSegment(type, value));
        }

        return true;
    }

    /// <summary>Of a Set the widths of values are not known: the first attribute only.</summary>
    private static void ReadAttributes(ReadOnlySpan<byte> data, bool isGet, EnipMessage message)
    {
        var reader = new WireReader(data);
        if (!reader.TryUInt16Little(out ushort count))
        {
            return;
        }

        for (int i = 0; i < (isGet ? count : Math.Min(count, (ushort)1)) && reader.TryUInt16Little(out ushort attribute); i++)
        {
            message.AddAttribute(attribute);
        }
    }
}
