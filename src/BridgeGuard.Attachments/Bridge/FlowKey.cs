using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Attachments.Bridge;

/// <summary>What a frame says about flow decisions in the kernel.</summary>
internal enum FlowKeyKind
{
    /// <summary>No flow that the kernel could decide: no TCP or UDP, a fragment, an extension header, cut short.</summary>
    None,

    /// <summary>The key names its flow.</summary>
    Flow,

    /// <summary>So it does, and the frame opens a connection (SYN without ACK): an older decision about the key is void.</summary>
    Opening,
}

/// <summary>struct flow_key: equal for both directions; the lower (address, port) is A. Every field as it stands in the packet.</summary>
/// <remarks>Computed the same way in Bpf/bridge.bpf.c; a test sends frames through the kernel and compares.</remarks>
[StructLayout(LayoutKind.Sequential, Size = 44)]
internal struct FlowKey : IEquatable<FlowKey>
{
    private Words _a;
    private Words _b;
    private ushort _portA;
    private ushort _portB;
    private ushort _vlan0;
    private ushort _vlan1;
    private byte _protocol;
    private byte _version;
    private ushort _bridgeId;

    private const int EthernetBytes = 14;
    private const int TagBytes = 4;
    private const int Ipv4Bytes = 20;
    private const int Ipv6Bytes = 40;
    private const int TcpFlagsOffset = 13;
    private const byte Tcp = 6;
    private const byte Udp = 17;
    private const int FlagSyn = 0x02;
    private const int FlagAck = 0x10;
    private const ushort FragmentMask = 0x3FFF;
    private const int VlanIdMask = 0x0FFF;

    /// <summary>Reads the key of a frame that begins with its Ethernet header.</summary>
    public static FlowKeyKind Read(ReadOnlySpan<byte> frame, ushort bridgeId, out FlowKey key) => Read(frame, bridgeId, out key, out _, out _);

    /// <summary>The same, with the sender's place (<paramref name="isSwapped"/>: it is B) and where the transport header begins.</summary>
    public static FlowKeyKind Read(ReadOnlySpan<byte> frame, ushort bridgeId, out FlowKey key, out bool isSwapped, out int transport)
    {
        key = default;
        isSwapped = false;
        transport = 0;
        if (frame.Length < EthernetBytes)
        {
            return FlowKeyKind.None;
        }

        int offset = EthernetBytes;
        ushort type = BinaryPrimitives.ReadUInt16BigEndian(frame[12..]);
        for (int tags = 0; tags < 2 && type is 0x8100 or 0x88A8; tags++)
        {
            if (frame.Length < offset + TagBytes)
            {
                return FlowKeyKind.None;
            }

            ushort vlan = (ushort)(BinaryPrimitives.ReadUInt16BigEndian(frame[offset..]) & VlanIdMask);
            if (tags == 0)
            {
                key._vlan0 = vlan;
            }
            else
            {
                key._vlan1 = vlan;
            }

            type = BinaryPrimitives.ReadUInt16BigEndian(frame[(offset + 2)..]);
            offset += TagBytes;
        }

        key._bridgeId = bridgeId;
        ReadOnlySpan<byte> rest = frame[offset..];
        return type switch
        {
            0x0800 => ReadIpv4(rest, offset, ref key, out isSwapped, out transport),
            0x86DD => ReadIpv6(rest, offset, ref key, out isSwapped, out transport),
            _ => FlowKeyKind.None,
        };
    }

    /// <summary>The key of a flow named by its ends; <paramref name="isSwapped"/> when <paramref name="source"/> is B.</summary>
    public static FlowKey Of(
        ushort bridgeId, ushort vlan, ushort innerVlan, byte protocol, IPAddress source, ushort sourcePort, IPAddress destination, ushort destinationPort,
        out bool isSwapped)
    {
        FlowKey key = new()
        {
            _bridgeId = bridgeId,
            _vlan0 = vlan,
            _vlan1 = innerVlan,
            _protocol = protocol,
            _version = (byte)(source.AddressFamily == AddressFamily.InterNetwork ? 4 : 6),
            _a = WordsOf(source),
            _b = WordsOf(destination),
            _portA = BinaryPrimitives.ReverseEndianness(sourcePort),
            _portB = BinaryPrimitives.ReverseEndianness(destinationPort),
        };
        isSwapped = key.Order();
        return key;
    }

    /// <summary>The same flow as the engine names it, from A to B.</summary>
    public readonly Engine.Flows.FlowKey ToEngine() => new(
        AddressOf(in _a), AddressOf(in _b), BinaryPrimitives.ReverseEndianness(_portA), BinaryPrimitives.ReverseEndianness(_portB),
        _protocol, _version, _vlan0, _vlan1, 0, 0, _bridgeId);

    private readonly IpAddress AddressOf(ref readonly Words words)
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(new ReadOnlySpan<Words>(in words));
        return _version == 4 ? IpAddress.ReadV4(bytes) : IpAddress.ReadV6(bytes);
    }

    public readonly bool Equals(FlowKey other) => Bytes(in this).SequenceEqual(Bytes(in other));

    public override readonly bool Equals(object? other) => other is FlowKey key && Equals(key);

    public override readonly int GetHashCode()
    {
        HashCode hash = default;
        hash.AddBytes(Bytes(in this));
        return hash.ToHashCode();
    }

    private static ReadOnlySpan<byte> Bytes(ref readonly FlowKey key) => MemoryMarshal.AsBytes(new ReadOnlySpan<FlowKey>(in key));

    private static FlowKeyKind ReadIpv4(ReadOnlySpan<byte> ip, int offset, ref FlowKey key, out bool isSwapped, out int transport)
    {
        isSwapped = false;
        transport = 0;
        if (ip.Length < Ipv4Bytes || (BinaryPrimitives.ReadUInt16BigEndian(ip[6..]) & FragmentMask) != 0)
        {
            return FlowKeyKind.None;
        }

        key._version = 4;
        key._protocol = ip[9];
        key._a.W0 = BinaryPrimitives.ReadUInt32LittleEndian(ip[12..]);
        key._b.W0 = BinaryPrimitives.ReadUInt32LittleEndian(ip[16..]);
        int headerLength = (ip[0] & 15) * 4;
        if (headerLength > ip.Length)
        {
            return FlowKeyKind.None;
        }

        transport = offset + headerLength;
        return ReadPorts(ip[headerLength..], ref key, out isSwapped);
    }

    private static FlowKeyKind ReadIpv6(ReadOnlySpan<byte> ip, int offset, ref FlowKey key, out bool isSwapped, out int transport)
    {
        isSwapped = false;
        transport = 0;
        if (ip.Length < Ipv6Bytes)
        {
            return FlowKeyKind.None;
        }

        key._version = 6;
        key._protocol = ip[6];
        key._a = MemoryMarshal.Read<Words>(ip[8..]);
        key._b = MemoryMarshal.Read<Words>(ip[24..]);
        transport = offset + Ipv6Bytes;
        return ReadPorts(ip[Ipv6Bytes..], ref key, out isSwapped);
    }

    private static FlowKeyKind ReadPorts(ReadOnlySpan<byte> transport, ref FlowKey key, out bool isSwapped)
    {
        isSwapped = false;
        int needed = key._protocol switch { Tcp => TcpFlagsOffset + 1, Udp => 4, _ => int.MaxValue };
        if (transport.Length < needed)
        {
            return FlowKeyKind.None;
        }

        key._portA = BinaryPrimitives.ReadUInt16LittleEndian(transport);
        key._portB = BinaryPrimitives.ReadUInt16LittleEndian(transport[2..]);
        isSwapped = key.Order();
        bool opens = key._protocol == Tcp && (transport[TcpFlagsOffset] & (FlagSyn | FlagAck)) == FlagSyn;
        return opens ? FlowKeyKind.Opening : FlowKeyKind.Flow;
    }

    private bool Order()
    {
        if (!IsLess(in _b, _portB, in _a, _portA))
        {
            return false;
        }

        (_a, _b) = (_b, _a);
        (_portA, _portB) = (_portB, _portA);
        return true;
    }

    private static Words WordsOf(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        bytes.Clear();
        address.TryWriteBytes(bytes, out _);
        return MemoryMarshal.Read<Words>(bytes);
    }

    private static bool IsLess(in Words x, ushort portX, in Words y, ushort portY)
    {
        if (x.W0 != y.W0)
        {
            return x.W0 < y.W0;
        }

        if (x.W1 != y.W1)
        {
            return x.W1 < y.W1;
        }

        if (x.W2 != y.W2)
        {
            return x.W2 < y.W2;
        }

        return x.W3 != y.W3 ? x.W3 < y.W3 : portX < portY;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Words
    {
        public uint W0;
        public uint W1;
        public uint W2;
        public uint W3;
    }
}
