using System.Buffers.Binary;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Streams;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Engine.Packets;

/// <summary>Puts IPv4 (RFC 791 §3.2, RFC 815) and IPv6 (RFC 8200 §4.5) datagrams together as the receiving host would.</summary>
/// <remarks>
/// <para>Fragments wait in blocks of a bounded store; a bitmap of 8-byte units tells overlaps and completion in constant time, so that a
/// flood of tiny fragments costs no more than one of large ones. A datagram ends where its final fragment with the lowest offset ends.</para>
/// <para>A modern Linux discards a datagram with overlaps (RFC 5722 asks for it), others choose by <see cref="HostOs"/>. Inline,
/// <see cref="DefragSettings.DropOverlaps"/> makes all hosts agree with us: what overlaps never reaches them.</para>
/// <para>Owner: one worker, one thread. Allocates nothing once its pools have grown.</para>
/// </remarks>
public sealed partial class Defragmenter
{
    /// <summary>Datagrams rebuilt within one another in one frame; each has a buffer of its own.</summary>
    public const int MaxNested = 4;

    /// <summary>Link headers before the IP header that a rebuilt packet keeps; longer ones are left out.</summary>
    private const int MaxPrefix = 256;
    private const int MaxDatagram = 65_535;
    private const int UnitBytes = 8;

    /// <summary>Overlapping fragments of one datagram that are kept: each costs a walk over the others. No honest sender makes one.</summary>
    private const int MaxOverlaps = 128;

    /// <summary>A datagram whose pieces came within this time and this many fragments is complete for every host when it is for us.</summary>
    private const long TrustedAgeUs = 1_000_000;
    private const int TrustedDistance = 48;
    private const int None = -1;

    private readonly DefragSettings _settings;
    private readonly HostOsEntry[] _hostOs;
    private readonly bool _vlanTracking;
    private readonly FlowHash _hash;
    private readonly FragmentStore _store;
    private readonly int[] _buckets;
    private readonly int[] _owners = new int[(MaxDatagram / UnitBytes) + 1];
    private readonly Packet[] _rebuilt = new Packet[MaxNested];
    private Tracker[] _trackers = new Tracker[64];
    private Fragment[] _fragments = new Fragment[256];
    private int _trackersMade;
    private int _fragmentsMade;
    private int _freeTracker = None;
    private int _freeFragment = None;
    private int _oldest = None;
    private int _newest = None;

    public Defragmenter(DefragSettings settings, HostOsEntry[] hostOs, bool vlanTracking, FlowHash hash)
    {
        _settings = settings;
        _hostOs = hostOs;
        _vlanTracking = vlanTracking;
        _hash = hash;
        _store = new FragmentStore(settings.MemcapBytes);
        _buckets = new int[(int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Clamp(settings.MaxTrackers, 64, 65_536))];
        Array.Fill(_buckets, None);
        for (int i = 0; i < MaxNested; i++)
        {
            _rebuilt[i] = new Packet { Buffer = new byte[MaxPrefix + MaxDatagram + 40] };
        }
    }

    public DefragCounters Counters { get; } = new();

    /// <summary>Bytes of waiting fragments.</summary>
    public long UsedBytes => _store.UsedBytes;

    /// <summary>Datagrams of which fragments wait.</summary>
    public int Waiting { get; private set; }

    /// <summary>Takes a packet with <see cref="PacketFlags.Fragment"/>; its bytes are copied.</summary>
    /// <param name="fragment">Gets the events of overlaps and impossible lengths.</param>
    /// <param name="rebuilt">
    /// With <see cref="DefragResult.Rebuilt"/> the whole datagram behind the link headers of <paramref name="fragment"/>, to be given to
    /// <see cref="PacketDecoder.DecodeRebuilt"/>. Owned by the defragmenter, valid until the next frame.
    /// </param>
    public DefragResult Process(Packet fragment, out Packet? rebuilt)
    {
        rebuilt = null;
        ExpireSome(fragment.TimeUs, 2);
        bool isV4 = fragment.IpVersion == 4;
        if (isV4)
        {
            Counters.Ipv4Fragments++;
        }
        else
        {
            Counters.Ipv6Fragments++;
        }

        // A host discards the whole datagram for some of these lengths (an empty fragment), and the one fragment for a bad header sum.
        bool isSound = TryMeasure(fragment, isV4, out Piece piece);
        if (_settings.DropOverlaps && (!isSound || !Checksums.IsIpv4Valid(fragment)))
        {
            return DefragResult.Overlap;
        }

        if (!isSound)
        {
            return DefragResult.Refused;
        }

        FlowKey key = MakeKey(fragment, isV4);
        ulong station = StationOf(fragment);
        int index = Find(in key, station);
        if (index == None && (index = Add(in key, station, fragment)) == None)
        {
            return Ignore(fragment, isV4);
        }

        ref Tracker tracker = ref _trackers[index];
        int from = piece.Offset / UnitBytes;
        int to = (piece.Offset + piece.Length + UnitBytes - 1) / UnitBytes;
        if (_store.Touches(tracker.Bitmap, from, to))
        {
            fragment.Events.Add(isV4 ? PacketEvent.Ipv4FragmentOverlap : PacketEvent.Ipv6FragmentOverlap);
            Counters.Overlaps++;
            if (_settings.DropOverlaps)
            {
                return DefragResult.Overlap;
            }

            if (++tracker.Overlaps > MaxOverlaps)
            {
                return Ignore(fragment, isV4);
            }

            if (IsHidden(ref tracker, in piece))
            {
                return DefragResult.Waiting;
            }
        }

        if (_settings.DropOverlaps && ContradictsEnd(in tracker, in piece))
        {
            fragment.Events.Add(isV4 ? PacketEvent.Ipv4FragmentOverlap : PacketEvent.Ipv6FragmentOverlap);
            Counters.Overlaps++;
            return DefragResult.Overlap;
        }

        if (!TryKeep(ref tracker, fragment, in piece))
        {
            return Ignore(fragment, isV4);
        }

        _store.Cover(tracker.Bitmap, from, to);
        Touch(index, fragment.TimeUs);
        if (tracker.End < 0 || !_store.IsCovered(tracker.Bitmap, (tracker.End + UnitBytes - 1) / UnitBytes))
        {
            return DefragResult.Waiting;
        }

        rebuilt = Rebuild(ref tracker, fragment, isV4);
        if (!MayDiffer(in tracker, fragment.TimeUs))
        {
            Remove(index);
        }

        return rebuilt is null ? DefragResult.Refused : DefragResult.Rebuilt;
    }

    /// <summary>Forgets datagrams that were not completed in time.</summary>
    public void Expire(long nowUs) => ExpireSome(nowUs, int.MaxValue);

    private void ExpireSome(long nowUs, int limit)
    {
        for (; limit > 0 && _oldest != None && _trackers[_oldest].ExpiresUs <= nowUs; limit--)
        {
            Counters.Timeouts++;
            Remove(_oldest);
        }
    }

    /// <summary>Where the fragment's data lies; false for lengths that no datagram can have.</summary>
    private static bool TryMeasure(Packet fragment, bool isV4, out Piece piece)
    {
        int headerEnd = fragment.NetworkOffset + fragment.NetworkHeaderLength;
        int start = isV4 ? headerEnd : fragment.FragmentHeaderOffset + 8;
        int length = fragment.NetworkEnd - start;
        piece = default;
        if (length <= 0)
        {
            return false;
        }

        // All but the last are multiples of 8 (RFC 8200 §4.5: discard; for IPv4 hosts cut the rest off).
        if (fragment.MoreFragments && length % UnitBytes != 0)
        {
            if (!isV4)
            {
                fragment.Events.Add(PacketEvent.Ipv6FragmentInvalidLength);
                return false;
            }

            length -= length % UnitBytes;
            if (length == 0)
            {
                return false;
            }
        }

        if (fragment.FragmentOffset + length + (isV4 ? fragment.NetworkHeaderLength : 0) > MaxDatagram)
        {
            fragment.Events.Add(isV4 ? PacketEvent.Ipv4FragmentPacketTooLarge : PacketEvent.Ipv6FragmentPacketTooLarge);
            return false;
        }

        piece = new Piece(start, length, fragment.FragmentOffset, headerEnd - fragment.NetworkOffset, !fragment.MoreFragments);
        return true;
    }

    private FlowKey MakeKey(Packet fragment, bool isV4)
    {
        // The identification belongs to source, destination and, in IPv4 only, protocol.
        uint id = isV4
            ? BinaryPrimitives.ReadUInt16BigEndian(fragment.Buffer.AsSpan(fragment.NetworkOffset + 4))
            : BinaryPrimitives.ReadUInt32BigEndian(fragment.Buffer.AsSpan(fragment.FragmentHeaderOffset + 4));
        return new FlowKey(fragment.SourceAddress, fragment.DestinationAddress, (ushort)(id >> 16), (ushort)id, isV4 ? fragment.Protocol : (byte)0,
            fragment.IpVersion, _vlanTracking ? fragment.Vlan0 : (ushort)0, _vlanTracking ? fragment.Vlan1 : (ushort)0,
            _vlanTracking ? fragment.Vlan2 : (ushort)0, fragment.TunnelId, 0, fragment.TunnelDepth);
    }

    /// <summary>
    /// Inline: the host may have given up an old piece that completed the datagram for us (Linux does after 30 seconds, or 64 other
    /// fragments of the sender), and would take another one in its place. Then what we have stays, and whatever overlaps it is dropped until the timeout.
    /// </summary>
    private bool MayDiffer(in Tracker tracker, long nowUs) =>
        _settings.DropOverlaps && (nowUs - tracker.FirstUs > TrustedAgeUs || Counters.Ipv4Fragments + Counters.Ipv6Fragments - tracker.FirstSerial > TrustedDistance);

    /// <summary>
    /// Two ends, or data behind the end: hosts give up such a datagram and begin anew, after which they and we would no longer hold the same pieces.
    /// </summary>
    private static bool ContradictsEnd(in Tracker tracker, in Piece piece)
    {
        int end = piece.Offset + piece.Length;
        return (tracker.End >= 0 && (piece.IsFinal || end > tracker.End)) || (piece.IsFinal && end < tracker.HighestEnd);
    }

    /// <summary>Lies within an earlier fragment whose bytes win: it changes nothing, not even where the datagram ends.</summary>
    private bool IsHidden(ref Tracker tracker, in Piece piece)
    {
        int end = piece.Offset + piece.Length;
        for (int index = tracker.First; index != None; index = _fragments[index].Next)
        {
            ref readonly Fragment old = ref _fragments[index];
            int oldEnd = old.Offset + old.Length;
            if (old.Offset <= piece.Offset && oldEnd >= end && !FragmentOverlap.NewWins(tracker.Os, piece.Offset, end, old.Offset, oldEnd))
            {
                return true;
            }
        }

        return false;
    }

    private DefragResult Ignore(Packet fragment, bool isV4)
    {
        fragment.Events.Add(isV4 ? PacketEvent.Ipv4FragmentIgnored : PacketEvent.Ipv6FragmentIgnored);
        return DefragResult.NoMemory;
    }

    private bool TryKeep(ref Tracker tracker, Packet fragment, in Piece piece)
    {
        // The header of a first fragment becomes that of the datagram.
        int headerLength = piece.Offset == 0 ? piece.HeaderLength : 0;
        int index = TakeFragment();
        if (index == None)
        {
            Counters.MaxFragmentsReached++;
            return false;
        }

        int block = _store.Take(headerLength + piece.Length);
        if (block == None)
        {
            Counters.MemcapReached++;
            _fragments[index].Next = _freeFragment;
            _freeFragment = index;
            return false;
        }

        _store.Write(block, 0, fragment.Buffer.AsSpan(fragment.NetworkOffset, headerLength));
        _store.Write(block, headerLength, fragment.Buffer.AsSpan(piece.Start, piece.Length));
        _fragments[index] = new Fragment
        {
            Next = None,
            Block = block,
            Offset = piece.Offset,
            Length = piece.Length,
            HeaderLength = headerLength,
            Protocol = fragment.IpVersion == 4 ? fragment.Protocol : fragment.Buffer[fragment.FragmentHeaderOffset],
        };
        if (tracker.Last == None)
        {
            tracker.First = index;
        }
        else
        {
            _fragments[tracker.Last].Next = index;
        }

        tracker.Last = index;
        tracker.HighestEnd = Math.Max(tracker.HighestEnd, piece.Offset + piece.Length);
        if (piece.IsFinal && (tracker.End < 0 || piece.Offset < tracker.FinalOffset))
        {
            tracker.End = piece.Offset + piece.Length;
            tracker.FinalOffset = piece.Offset;
        }

        return true;
    }

    private Packet? Rebuild(ref Tracker tracker, Packet fragment, bool isV4)
    {
        int slot = 0;
        for (Packet? outer = fragment; outer is not null; outer = outer.Outer)
        {
            slot += outer.Has(PacketFlags.Defragmented) ? 1 : 0;
        }

        int units = (tracker.End + UnitBytes - 1) / UnitBytes;
        AssignOwners(ref tracker, units);
        ref readonly Fragment first = ref _fragments[_owners[0]];
        int prefix = fragment.NetworkOffset - fragment.Start;
        prefix = prefix <= MaxPrefix ? prefix : 0;
        int datagram = first.HeaderLength + tracker.End;
        if (slot >= MaxNested || datagram > (isV4 ? MaxDatagram : MaxDatagram + 40))
        {
            fragment.Events.Add(isV4 ? PacketEvent.Ipv4FragmentPacketTooLarge : PacketEvent.Ipv6FragmentPacketTooLarge);
            return null;
        }

        Packet rebuilt = _rebuilt[slot];
        byte[] buffer = rebuilt.Buffer;
        fragment.Buffer.AsSpan(fragment.NetworkOffset - prefix, prefix).CopyTo(buffer);
        _store.Read(first.Block, 0, buffer.AsSpan(prefix, first.HeaderLength));
        CopyUnits(buffer.AsSpan(prefix + first.HeaderLength, tracker.End), units);
        if (isV4)
        {
            FinishV4(buffer.AsSpan(prefix, first.HeaderLength), datagram);
            Counters.Ipv4Reassembled++;
        }
        else
        {
            FinishV6(buffer.AsSpan(prefix, first.HeaderLength), datagram, first.Protocol);
            Counters.Ipv6Reassembled++;
        }

        Describe(rebuilt, fragment, prefix, prefix + datagram);
        return rebuilt;
    }

    /// <summary>Decides for every unit which fragment it is taken from, in the order in which they came.</summary>
    private void AssignOwners(ref Tracker tracker, int units)
    {
        _owners.AsSpan(0, units).Fill(None);
        for (int index = tracker.First; index != None; index = _fragments[index].Next)
        {
            ref readonly Fragment fragment = ref _fragments[index];
            int end = fragment.Offset + fragment.Length;
            int last = Math.Min(units, (end + UnitBytes - 1) / UnitBytes);
            for (int unit = fragment.Offset / UnitBytes; unit < last; unit++)
            {
                int owner = _owners[unit];
                if (owner == None
                    || FragmentOverlap.NewWins(tracker.Os, fragment.Offset, end, _fragments[owner].Offset, _fragments[owner].Offset + _fragments[owner].Length))
                {
                    _owners[unit] = index;
                }
            }
        }
    }

    private void CopyUnits(Span<byte> destination, int units)
    {
        int unit = 0;
        while (unit < units)
        {
            int owner = _owners[unit];
            int end = unit + 1;
            while (end < units && _owners[end] == owner)
            {
                end++;
            }

            ref readonly Fragment fragment = ref _fragments[owner];
            int position = unit * UnitBytes;
            Span<byte> target = destination[position..Math.Min(end * UnitBytes, destination.Length)];
            int available = Math.Min(target.Length, fragment.Offset + fragment.Length - position);
            _store.Read(fragment.Block, fragment.HeaderLength + position - fragment.Offset, target[..available]);

            // A second, shorter final fragment may own the middle of a unit only.
            target[available..].Clear();
            unit = end;
        }
    }

    private static void FinishV4(Span<byte> header, int datagram)
    {
        BinaryPrimitives.WriteUInt16BigEndian(header[2..], (ushort)datagram);
        header[6] &= 0x40;
        header[7] = 0;
        header[10] = header[11] = 0;
        BinaryPrimitives.WriteUInt16BigEndian(header[10..], Checksums.Finish(Checksums.Sum(header)));
    }

    /// <summary>Removes the fragment header from the chain: the header before it now announces what it did.</summary>
    private static void FinishV6(Span<byte> header, int datagram, byte protocol)
    {
        BinaryPrimitives.WriteUInt16BigEndian(header[4..], (ushort)(datagram - 40));
        int field = 6;
        int offset = 40;
        while (offset + 8 <= header.Length)
        {
            int length = header[field] == IpProtocols.Ah ? (header[offset + 1] + 2) * 4 : (header[offset + 1] + 1) * 8;
            field = offset;
            offset += length;
        }

        header[field] = protocol;
    }

    private static void Describe(Packet rebuilt, Packet fragment, int prefix, int length)
    {
        FrameInfo info = new()
        {
            TimestampUs = fragment.TimeUs,
            Number = fragment.Number,
            PortId = fragment.Info.PortId,
            LinkType = fragment.Info.LinkType,
            Checksum = fragment.Info.Checksum,
            IsPassive = fragment.IsPassive,
        };
        rebuilt.Reset(rebuilt.Buffer, 0, length, in info);
        rebuilt.Flags = PacketFlags.Defragmented | (fragment.Flags & PacketFlags.Tunneled);
        rebuilt.Source = PacketSource.Defragmentation;
        rebuilt.Outer = fragment;
        rebuilt.TunnelDepth = fragment.TunnelDepth;
        rebuilt.TunnelId = fragment.TunnelId;
        rebuilt.VlanCount = fragment.VlanCount;
        rebuilt.Vlan0 = fragment.Vlan0;
        rebuilt.Vlan1 = fragment.Vlan1;
        rebuilt.Vlan2 = fragment.Vlan2;
        rebuilt.EtherType = fragment.EtherType;
        rebuilt.NetworkOffset = prefix;
        rebuilt.Layers = fragment.Layers;
        int ethernet = fragment.EthernetOffset - (fragment.NetworkOffset - prefix);
        rebuilt.EthernetOffset = fragment.EthernetOffset >= 0 && ethernet >= 0 ? ethernet : -1;
    }
}
