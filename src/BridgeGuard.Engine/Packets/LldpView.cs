using System.Buffers.Binary;

namespace BridgeGuard.Engine.Packets;

/// <summary>An LLDP data unit (IEEE 802.1AB-2016 §8.2): who a station says it is, viewed in place.</summary>
/// <remarks>
/// Shape: elements of type (7 bits), length (9 bits) and value, big-endian; chassis, port and lifetime come first, in that order. Errors:
/// <see cref="TryCreate"/> is false when one of those is missing or has a length that it must not have, when an element is longer than what is left, or
/// when there are more than <see cref="MaxElements"/>; what comes twice counts once, the first time. Not read: descriptions, capabilities, and what
/// organisations add. Lifetime: the packet's; copy what must outlive it. Thread: any.
/// </remarks>
public readonly ref struct LldpView
{
    /// <summary>EtherType of LLDP (§7.5).</summary>
    public const ushort EtherType = 0x88cc;

    /// <summary>Elements of one unit. Ours: a frame of 1,500 bytes with all that is defined has some forty.</summary>
    public const int MaxElements = 128;

    private const int HeadBytes = 2;
    private const int EndType = 0;
    private const int ChassisType = 1;
    private const int PortType = 2;
    private const int LifetimeType = 3;
    private const int SystemNameType = 5;
    private const int ManagementType = 8;

    /// <summary>A subtype and an identifier of 1 to 255 bytes (§8.5.2.1).</summary>
    private const int MinIdentifier = 2;
    private const int MaxIdentifier = 256;

    /// <summary>§8.5.6.</summary>
    private const int MaxSystemName = 255;

    // Address families of IANA, as the subtype of an address.
    private const byte FamilyV4 = 1;
    private const byte FamilyV6 = 2;

    private LldpView(ReadOnlySpan<byte> chassis, ReadOnlySpan<byte> port, ushort lifetime, ReadOnlySpan<byte> name, IpAddress v4, IpAddress v6)
    {
        Chassis = chassis;
        Port = port;
        LifetimeSeconds = lifetime;
        SystemName = name;
        ManagementV4 = v4;
        ManagementV6 = v6;
    }

    /// <summary>How the chassis is named (§8.5.2.2: 4 is an Ethernet address, 5 a network address, 7 a name of the station's own), then the name.</summary>
    public ReadOnlySpan<byte> Chassis { get; }

    /// <summary>How the port is named (§8.5.3.2: 3 is an Ethernet address, 4 a network address, 5 an interface name), then the name.</summary>
    public ReadOnlySpan<byte> Port { get; }

    /// <summary>How long this holds; 0: the station is about to go.</summary>
    public ushort LifetimeSeconds { get; }

    /// <summary>Up to 255 bytes; empty when the station does not say it.</summary>
    public ReadOnlySpan<byte> SystemName { get; }

    /// <summary>The first management address of each family; default: none.</summary>
    public IpAddress ManagementV4 { get; }

    public IpAddress ManagementV6 { get; }

    /// <summary>Reads a unit: the bytes behind the EtherType. Padding behind its end is not looked at.</summary>
    public static bool TryCreate(ReadOnlySpan<byte> bytes, out LldpView view)
    {
        view = default;
        if (!TryNext(ref bytes, out int type, out ReadOnlySpan<byte> chassis) || type != ChassisType || chassis.Length is < MinIdentifier or > MaxIdentifier
            || !TryNext(ref bytes, out type, out ReadOnlySpan<byte> port) || type != PortType || port.Length is < MinIdentifier or > MaxIdentifier
            || !TryNext(ref bytes, out type, out ReadOnlySpan<byte> lifetime) || type != LifetimeType || lifetime.Length < 2)
        {
            return false;
        }

        ReadOnlySpan<byte> name = default;
        IpAddress v4 = default;
        IpAddress v6 = default;
        for (int count = 3; bytes.Length > 0; count++)
        {
            if (count == MaxElements || !TryNext(ref bytes, out type, out ReadOnlySpan<byte> value))
            {
                return false;
            }

            if (type == EndType)
            {
                break;
            }

            if (type == SystemNameType && name.IsEmpty && value.Length <= MaxSystemName)
            {
                name = value;
            }
            else if (type == ManagementType)
            {
                ReadAddress(value, ref v4, ref v6);
            }
        }

        view = new LldpView(chassis, port, BinaryPrimitives.ReadUInt16BigEndian(lifetime), name, v4, v6);
        return true;
    }

    /// <summary>Finds the unit in an Ethernet frame, tagged (§7.2 allows priority tags) or not; false when the frame is none, or a broken one.</summary>
    /// <param name="frame">From the Ethernet header on.</param>
    /// <param name="view">The unit.</param>
    public static bool TryFind(ReadOnlySpan<byte> frame, out LldpView view)
    {
        const int typeAt = 12;
        const int tagBytes = 4;
        view = default;
        int at = typeAt;
        if (frame.Length >= at + 2 && BinaryPrimitives.ReadUInt16BigEndian(frame[at..]) == EtherTypes.Vlan)
        {
            at += tagBytes;
        }

        return frame.Length >= at + 2 && BinaryPrimitives.ReadUInt16BigEndian(frame[at..]) == EtherType && TryCreate(frame[(at + 2)..], out view);
    }

    /// <summary>Differs, but for chance, between units that say different things; how long they hold does not count.</summary>
    public ulong Digest()
    {
        // FNV-1a, 64 bits.
        ulong digest = 14_695_981_039_346_656_037;
        Mix(ref digest, Chassis);
        Mix(ref digest, Port);
        Mix(ref digest, SystemName);
        Span<byte> addresses = stackalloc byte[32];
        ManagementV4.Write(addresses, asV4: false);
        ManagementV6.Write(addresses[16..], asV4: false);
        Mix(ref digest, addresses);
        return digest;
    }

    private static void Mix(ref ulong digest, ReadOnlySpan<byte> bytes)
    {
        foreach (byte value in bytes)
        {
            digest = (digest ^ value) * 1_099_511_628_211;
        }

        digest = (digest ^ (uint)bytes.Length) * 1_099_511_628_211;
    }

    /// <summary>§8.5.9: length of the family and the address, family, address; then the interface, which is not of interest.</summary>
    private static void ReadAddress(ReadOnlySpan<byte> value, ref IpAddress v4, ref IpAddress v6)
    {
        if (value.Length < 2 || value[0] > value.Length - 1)
        {
            return;
        }

        ReadOnlySpan<byte> address = value.Slice(1, value[0]);
        if (address.Length == 5 && address[0] == FamilyV4 && v4 == default)
        {
            v4 = IpAddress.ReadV4(address[1..]);
        }
        else if (address.Length == 17 && address[0] == FamilyV6 && v6 == default)
        {
            v6 = IpAddress.ReadV6(address[1..]);
        }
    }

    private static bool TryNext(scoped ref ReadOnlySpan<byte> bytes, out int type, out ReadOnlySpan<byte> value)
    {
        type = 0;
        value = default;
        if (bytes.Length < HeadBytes)
        {
            return false;
        }

        int head = BinaryPrimitives.ReadUInt16BigEndian(bytes);
        int length = head & 0x1ff;
        if (length > bytes.Length - HeadBytes)
        {
            return false;
        }

        type = head >> 9;
        value = bytes.Slice(HeadBytes, length);
        bytes = bytes[(HeadBytes + length)..];
        return true;
    }
}
