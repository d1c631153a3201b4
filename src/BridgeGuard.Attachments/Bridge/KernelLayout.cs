using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace BridgeGuard.Attachments.Bridge;

/// <summary>The constants of Bpf/bridgeguard.h.</summary>
internal static class KernelLayout
{
    public const int MaxPorts = 4096;
    public const int MaxQueues = 64;

    public const ushort TagProtocol = 0x88A8;
    public const int TagPcpShift = 13;
    public const int TagVidMask = 0x0FFF;
    public const int TagMirrored = 1;
    public const int TagToGuest = 1;

    public const byte PortStaleClosed = 1;
    public const byte PortOverloadClosed = 2;
    public const byte PortQuarantined = 4;

    public const uint StateFlows = 1;
    public const uint StateBlockedIp = 2;
    public const uint StateBlockedMac = 4;
    public const uint StateSteerTuple = 8;

    /// <summary>Offsets in <c>struct state</c>, which is mapped into the daemon.</summary>
    public const int StateMark = 0;
    public const int StatePuntIfIndex = 4;
    public const int StateQueues = 8;
    public const int StateSeed = 12;
    public const int StateStaleNs = 16;
    public const int StateBacklogLimit = 24;
    public const int StateFlags = 32;
    public const int StateQueue = 64;
    public const int QueueBytes = 128;
    public const int QueueHeartbeat = 0;
    public const int QueueDone = 8;
    public const int QueuePunted = 64;
    public const int StateBytes = StateQueue + (MaxQueues * QueueBytes);
}

/// <summary>struct port_config.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct KernelPort
{
    public ushort PortId;
    public ushort BridgeId;
    public byte Mode;
    public byte Flags;
    public ushort Pad;
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
}

/// <summary>struct flow_value.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct KernelFlow
{
    public ulong Packets;
    public ulong Bytes;
    public ulong LastNs;
    public ulong WaitSequence;
    public ulong DeadlineNs;
    public uint Active;
    public uint Pad;
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
