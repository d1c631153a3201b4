using System.Buffers.Binary;
using System.Text;
using BridgeGuard.Attachments.Interop;

namespace BridgeGuard.Attachments.Bridge;

/// <summary>What a link message says of a network device.</summary>
internal readonly record struct LinkRecord
{
    public required int IfIndex { get; init; }

    public required string Name { get; init; }

    /// <summary>ifindex of the bridge (or bond) it belongs to; 0 when to none.</summary>
    public int Master { get; init; }

    public string Mac { get; init; }

    /// <summary>The driver kind: <c>bridge</c>, <c>veth</c>, <c>tun</c>, <c>vlan</c>, <c>bond</c>; empty for a NIC.</summary>
    public string Kind { get; init; }

    /// <summary>The message is of a bridge about one of its ports (AF_BRIDGE), not of the device itself.</summary>
    public bool IsBridgeMessage { get; init; }

    public bool IsGone { get; init; }
}

/// <summary>Reads and writes the few rtnetlink messages that are needed.</summary>
internal static class RouteNetlink
{
    /// <summary>RTMGRP_LINK.</summary>
    public const uint GroupLink = 1;

    private const ushort NewLink = 16;
    private const ushort DeleteLink = 17;
    private const ushort GetLink = 18;
    private const ushort NewQdisc = 36;
    private const int LinkMessageBytes = 16;
    private const int TrafficMessageBytes = 20;
    private const int AttributeBytes = 4;
    private const ushort AttributeTypeMask = 0x3FFF;
    private const ushort LinkAddress = 1;
    private const ushort LinkName = 3;
    private const ushort LinkMaster = 10;
    private const ushort LinkInfo = 18;
    private const ushort InfoKind = 1;
    private const byte FamilyBridge = 7;
    private const ushort TrafficKind = 1;
    private const uint RootHandle = 0xFFFF_FFFF;

    /// <summary>Asks for every link; the answers come as notifications do.</summary>
    public static bool RequestLinks(NetlinkSocket socket)
    {
        Span<byte> message = stackalloc byte[NetlinkSocket.HeaderBytes + LinkMessageBytes];
        message.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(message[4..], GetLink);
        BinaryPrimitives.WriteUInt16LittleEndian(message[6..], NetlinkSocket.FlagRequest | NetlinkSocket.FlagDump);
        return socket.Send(message);
    }

    /// <summary>Takes the messages of a datagram apart; <paramref name="isDone"/> at the end of a dump.</summary>
    public static void ReadLinks(ReadOnlySpan<byte> datagram, List<LinkRecord> links, out bool isDone)
    {
        isDone = false;
        while (datagram.Length >= NetlinkSocket.HeaderBytes)
        {
            int length = BinaryPrimitives.ReadInt32LittleEndian(datagram);
            ushort type = BinaryPrimitives.ReadUInt16LittleEndian(datagram[4..]);
            if (length < NetlinkSocket.HeaderBytes || length > datagram.Length)
            {
                return;
            }

            if (type is NetlinkSocket.MessageDone or NetlinkSocket.MessageError)
            {
                isDone = true;
            }
            else if (type is NewLink or DeleteLink && length >= NetlinkSocket.HeaderBytes + LinkMessageBytes)
            {
                links.Add(ReadLink(datagram[NetlinkSocket.HeaderBytes..length], type == DeleteLink));
            }

            int next = (length + 3) & ~3;
            datagram = next < datagram.Length ? datagram[next..] : default;
        }
    }

    /// <summary>Whether a datagram of a dump says that the dump is not of one moment (NLM_F_DUMP_INTR).</summary>
    public static bool IsInterrupted(ReadOnlySpan<byte> datagram)
    {
        while (datagram.Length >= NetlinkSocket.HeaderBytes)
        {
            int length = BinaryPrimitives.ReadInt32LittleEndian(datagram);
            if ((BinaryPrimitives.ReadUInt16LittleEndian(datagram[6..]) & NetlinkSocket.FlagInterrupted) != 0)
            {
                return true;
            }

            int next = (Math.Max(length, NetlinkSocket.HeaderBytes) + 3) & ~3;
            datagram = next < datagram.Length ? datagram[next..] : default;
        }

        return false;
    }

    /// <summary>Replaces the root queueing discipline by none: a frame goes straight into the device's ring or is refused.</summary>
    public static AttachmentError? SetNoQueue(int ifIndex, string name)
    {
        using NetlinkSocket? socket = NetlinkSocket.TryOpen(0);
        if (socket is null)
        {
            return new AttachmentError(AttachmentErrorKind.Failed, $"route netlink: {Libc.LastMessage()}");
        }

        ReadOnlySpan<byte> kind = "noqueue\0"u8;
        Span<byte> message = stackalloc byte[NetlinkSocket.HeaderBytes + TrafficMessageBytes + AttributeBytes + 8];
        message.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(message[4..], NewQdisc);
        BinaryPrimitives.WriteUInt16LittleEndian(
            message[6..], NetlinkSocket.FlagRequest | NetlinkSocket.FlagAck | NetlinkSocket.FlagCreate | NetlinkSocket.FlagReplace);
        Span<byte> traffic = message[NetlinkSocket.HeaderBytes..];
        BinaryPrimitives.WriteInt32LittleEndian(traffic[4..], ifIndex);
        BinaryPrimitives.WriteUInt32LittleEndian(traffic[12..], RootHandle);
        Span<byte> attribute = traffic[TrafficMessageBytes..];
        BinaryPrimitives.WriteUInt16LittleEndian(attribute, (ushort)(AttributeBytes + kind.Length));
        BinaryPrimitives.WriteUInt16LittleEndian(attribute[2..], TrafficKind);
        kind.CopyTo(attribute[AttributeBytes..]);
        int error = socket.Send(message) ? socket.ReceiveAck() : Libc.LastError();
        return error == 0
            ? null
            : new AttachmentError(AttachmentErrorKind.Failed, $"punt device {name}: cannot set qdisc noqueue (error {error})");
    }

    private static LinkRecord ReadLink(ReadOnlySpan<byte> message, bool isGone)
    {
        string name = "";
        string mac = "";
        string kind = "";
        int master = 0;
        int ifIndex = BinaryPrimitives.ReadInt32LittleEndian(message[4..]);
        byte family = message[0];
        ReadOnlySpan<byte> rest = message[LinkMessageBytes..];
        while (NextAttribute(ref rest, out ushort type, out ReadOnlySpan<byte> value))
        {
            switch (type)
            {
                case LinkName:
                    name = Text(value);
                    break;
                case LinkAddress when value.Length == 6:
                    mac = Convert.ToHexStringLower(value);
                    break;
                case LinkMaster when value.Length >= 4:
                    master = BinaryPrimitives.ReadInt32LittleEndian(value);
                    break;
                case LinkInfo:
                    kind = ReadKind(value);
                    break;
            }
        }

        return new LinkRecord
        {
            IfIndex = ifIndex,
            Name = name,
            Master = master,
            Mac = mac.Length == 12 ? string.Join(':', mac.Chunk(2).Select(pair => new string(pair))) : "",
            Kind = kind,
            IsBridgeMessage = family == FamilyBridge,
            IsGone = isGone,
        };
    }

    private static string ReadKind(ReadOnlySpan<byte> info)
    {
        while (NextAttribute(ref info, out ushort type, out ReadOnlySpan<byte> value))
        {
            if (type == InfoKind)
            {
                return Text(value);
            }
        }

        return "";
    }

    private static bool NextAttribute(ref ReadOnlySpan<byte> rest, out ushort type, out ReadOnlySpan<byte> value)
    {
        type = 0;
        value = default;
        if (rest.Length < AttributeBytes)
        {
            return false;
        }

        int length = BinaryPrimitives.ReadUInt16LittleEndian(rest);
        type = (ushort)(BinaryPrimitives.ReadUInt16LittleEndian(rest[2..]) & AttributeTypeMask);
        if (length < AttributeBytes || length > rest.Length)
        {
            return false;
        }

        value = rest[AttributeBytes..length];
        int next = (length + 3) & ~3;
        rest = next < rest.Length ? rest[next..] : default;
        return true;
    }

    private static string Text(ReadOnlySpan<byte> value) => Encoding.UTF8.GetString(value.TrimEnd((byte)0));
}
