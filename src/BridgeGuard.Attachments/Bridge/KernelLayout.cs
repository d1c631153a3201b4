using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace BridgeGuard.Attachments.Bridge;

/// <summary>The constants of Bpf/bridgeguard.h.</summary>
internal static class KernelLayout
{
    /// <summary>Places of marks as they stand in a tag: the upper bits of PCP and DEI.</summary>
    public static ushort TagMark(int place) => (ushort)(((place & 1) << TagDeiShift) | ((place >> 1) << TagMarkShift));

    public const int MaxPorts = 4096;
    public const int MaxQueues = 64;

    public const ushort TagProtocol = 0x88A8;
    public const int TagPcpShift = 13;
    public const int TagVidMask = 0x0FFF;
    public const int TagDeiShift = 12;
    public const int TagMarkShift = 14;
    public const int TagMirrored = 1;
    public const int TagToGuest = 1;
    public const int TagLate = 2;
    public const int TagUnseen = 3;

    /// <summary>Instead of a mark's place: the frame enters once more by the port that it came by.</summary>
    public const int MarkUnseen = 7;

    public const byte PortStaleClosed = 1;
    public const byte PortOverloadClosed = 2;
    public const byte PortCrashClosed = 32;
    public const byte PortQuarantined = 4;
    public const byte PortGuarded = 8;
    public const byte PortGuardReports = 16;

    /// <summary>Of <see cref="KernelPort.Unseen"/>.</summary>
    public const byte UnseenInspected = 64;

    public const uint StateFlows = 1;
    public const uint StateBlockedIp = 2;
    public const uint StateBlockedMac = 4;
    public const uint StateSteerTuple = 8;
    public const uint StateActs = 16;

    /// <summary>Of <see cref="KernelFlow.Only"/>: neither direction.</summary>
    public const ushort CarriesNothing = 3;

    public const byte RewriteTo = 1;
    public const byte RewriteMacTo = 2;
    public const byte RewriteMacFrom = 4;
    public const byte RewriteSequence = 8;
    public const byte RewriteRedirect = 16;
    public const byte WindowShiftRight = 32;

    public const ushort BlockDrop = 1;
    public const ushort BlockLimit = 2;
    public const ushort BlockQuarantine = 4;

    public const uint LimitByPackets = 1;

    /// <summary>Offsets in <c>struct state</c>, which is mapped into the daemon.</summary>
    public const int StateMark = 0;
    public const int StatePuntIfIndex = 4;
    public const int StateQueues = 8;
    public const int StateSeed = 12;
    public const int StateStaleNs = 16;
    public const int StateBacklogLimit = 24;
    public const int StateFlags = 32;
    public const int StateStamp = 36;
    public const int StateMarks = 40;
    public const int MaxMarks = 6;
    public const uint MarkPlaces = 7;
    public const int StateQueue = 64;
    public const int QueueBytes = 128;
    public const int QueueHeartbeat = 0;
    public const int QueueDone = 8;
    public const int QueuePunted = 64;
    public const int StateLate = StateQueue + (MaxQueues * QueueBytes) + 8;
    public const int LateBytes = 8;
    public const int LatePort = 4;
    public const int MaxLate = 2048;
    public const int StateBytes = StateLate + (MaxLate * LateBytes);
}

/// <summary>struct port_config.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct KernelPort
{
    public ushort PortId;
    public ushort BridgeId;
    public byte Mode;
    public byte Flags;

    /// <summary>For frames about to leave by this port, from one that nobody has told of yet.</summary>
    public byte Unseen;

    public byte Pad;
    public uint Limit;
}

/// <summary>struct target.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct KernelTarget
{
    public int IfIndex;
    public int IsHost;
}

/// <summary>struct count: packets as the kernel sees them (a GSO super-frame is one) and their bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct KernelCount
{
    public ulong Packets;
    public ulong Bytes;
}

/// <summary>struct port_counters.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct KernelPortCounters
{
    public KernelCount Seen;
    public KernelCount Punted;
    public KernelCount Passed;
    public KernelCount Dropped;
    public KernelCount Blocked;
    public KernelCount Opened;
    public KernelCount Closed;
    public KernelCount Control;
    public KernelCount Limited;
    public KernelCount Guarded;
    public KernelCount Moved;
    public KernelCount Late;
    public KernelCount Copies;
}

/// <summary>struct flow_count: a cache line, because its writers are other CPUs than those of the other direction.</summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
internal struct KernelFlowCount
{
    public KernelCount Count;
    public ulong LastNs;
}

/// <summary>struct flow_value; the counters by direction, from A to B first.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct KernelFlow
{
    public ulong WaitSequence;
    public ulong DeadlineNs;
    public uint Active;

    /// <summary>The worker whose flow it is; the kernel does not look at it.</summary>
    public ushort Queue;

    /// <summary>0: both directions; 1 + direction: only it, and only data segments with this acknowledgement and window; or <see cref="KernelLayout.CarriesNothing"/>.</summary>
    public ushort Only;

    /// <summary>As in the packet.</summary>
    public uint Acknowledgement;

    public ushort Window;

    /// <summary>Place in the state's marks, from 1; 0: none.</summary>
    public ushort Mark;

    public KernelFlowCount A;
    public KernelFlowCount B;

    public readonly KernelCount FromA => A.Count;

    public readonly KernelCount FromB => B.Count;

    /// <summary>CLOCK_MONOTONIC of the last frame that the kernel decided by itself, or of the decision; as old as a tick at most.</summary>
    public ulong LastNs
    {
        readonly get => Math.Max(A.LastNs, B.LastNs);
        set => A.LastNs = B.LastNs = value;
    }
}

/// <summary>struct rewrite.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct KernelRewrite
{
    public KernelIp Address;
    public ushort Port;
    public byte Flags;
    public byte WindowShift;
    public KernelMac.MacBytes MacTo;
    public KernelMac.MacBytes MacFrom;
    public uint SequenceAdd;
    public uint AcknowledgedAdd;
}

/// <summary>struct flow_side.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct KernelFlowSide
{
    public int IfIndex;
    public byte Verb;
    public byte Into;
    public byte Whole;
    public byte Pad;
    public uint Limit;
    public KernelRewrite Rewrite;
}

/// <summary>struct flow_act.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct KernelFlowAct
{
    public KernelFlow Value;
    public KernelFlowSide FromA;
    public KernelFlowSide FromB;
}

/// <summary>struct mac_key.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct KernelMac
{
    public MacBytes Mac;
    public ushort BridgeId;

    [InlineArray(6)]
    public struct MacBytes
    {
        private byte _first;
    }
}

/// <summary>struct ip_key; words as they stand in the packet, IPv4 as ::ffff:a.b.c.d.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct KernelIp
{
    public AddressBytes Address;

    [InlineArray(16)]
    public struct AddressBytes
    {
        private byte _first;
    }
}

/// <summary>struct blocked.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct KernelBlocked
{
    public KernelCount Count;
    public ulong ExpiresNs;
    public uint Limit;
    public ushort PortId;
    public ushort Flags;
}

/// <summary>struct remedy_key; port as it stands in the packet.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct KernelRemedy
{
    public KernelIp Address;
    public ushort PortId;
    public ushort Port;
    public ushort Protocol;
    public ushort Pad;
}

/// <summary>struct binding_key.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 2)]
internal struct KernelBindingKey
{
    public KernelIp Address;
    public KernelMac.MacBytes Mac;
    public ushort PortId;
}

/// <summary>struct binding.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct KernelBinding
{
    public KernelCount Count;
    public uint AnyAddress;
    public uint Pad;
}

/// <summary>struct limit.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct KernelLimit
{
    public ulong FullNs;
    public ulong Cost;
    public ulong BurstNs;
    public KernelCount Passed;
    public KernelCount Dropped;
    public uint Flags;
    public uint Pad;
}
