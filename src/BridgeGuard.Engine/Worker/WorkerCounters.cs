using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;

namespace BridgeGuard.Engine.Worker;

/// <summary>What went wrong in an application layer parser, EVE <c>stats.app_layer.error.NAME.*</c>.</summary>
public enum AppErrorKind : byte
{
    Gap,
    Allocation,
    Parser,
    Internal,
}

/// <summary>Where an exception policy was applied, EVE <c>stats.exception_policy.*</c>.</summary>
public enum ExceptionCause : byte
{
    DefragMemcap,
    FlowMemcap,
    StreamSessionMemcap,
    StreamReassemblyMemcap,
    StreamMidstream,
    AppLayerError,

    /// <summary>A frame took longer than its role allows (BridgeGuard only).</summary>
    LatencyBudget,
    Count,
}

/// <summary>Everything one worker counts, in one array: fixed counters, packet events, applications, policies, drop reasons.</summary>
/// <remarks>
/// Written by its worker only, without locks or interlocked operations; others may read a slightly old value at any time. A cache line is
/// left free at both ends so that the counters of two workers never share one. No allocation after the constructor.
/// </remarks>
public sealed class WorkerCounters
{
    /// <summary>64 bytes of long.</summary>
    private const int Padding = 8;
    private const int PolicyCount = (int)ExceptionPolicy.RejectBoth + 1;
    private const int ErrorKinds = 4;
    private const int TransportCount = 2;
    private const int AppCount = (int)ProtocolId.Count * TransportCount;
    private const int DropReasonCount = 64;

    private const int EventBase = (int)Counter.Count;
    private const int AppFlowBase = EventBase + PacketEventCapacity;
    private const int AppTransactionBase = AppFlowBase + AppCount;
    private const int AppErrorBase = AppTransactionBase + AppCount;
    private const int AppPolicyBase = AppErrorBase + (AppCount * ErrorKinds);
    private const int PolicyBase = AppPolicyBase + (AppCount * PolicyCount);
    private const int IpsDropBase = PolicyBase + ((int)ExceptionCause.Count * PolicyCount);
    private const int FirewallDropBase = IpsDropBase + DropReasonCount;

    /// <summary>Numbers of <see cref="PacketEvent"/> that are counted; the size of <see cref="PacketEventSet"/>.</summary>
    public const int PacketEventCapacity = 384;

    /// <summary>Counters in all; valid indexes for <see cref="this[int]"/> are below it.</summary>
    public const int Length = FirewallDropBase + DropReasonCount;

    private readonly long[] _values = new long[Length + (2 * Padding)];

    /// <summary>The counter at an index of this class's own layout; see <c>*Index</c>.</summary>
    public long this[int index] => Volatile.Read(ref _values[index + Padding]);

    public long this[Counter counter] => this[(int)counter];

    public void Increment(Counter counter) => _values[(int)counter + Padding]++;

    public void Decrement(Counter counter) => _values[(int)counter + Padding]--;

    public void Add(Counter counter, long amount) => _values[(int)counter + Padding] += amount;

    public void Set(Counter counter, long value) => _values[(int)counter + Padding] = value;

    /// <summary>Keeps the larger of the counter and <paramref name="value"/>.</summary>
    public void Max(Counter counter, long value)
    {
        ref long slot = ref _values[(int)counter + Padding];
        if (value > slot)
        {
            slot = value;
        }
    }

    /// <summary>One packet had this event.</summary>
    public void Event(PacketEvent packetEvent) => _values[EventIndex(packetEvent) + Padding]++;

    /// <summary>Counts every event of a packet.</summary>
    public void Events(in PacketEventSet events)
    {
        if (events.IsEmpty)
        {
            return;
        }

        int at = -1;
        while (events.TryGetNext(at, out PacketEvent packetEvent))
        {
            _values[EventIndex(packetEvent) + Padding]++;
            at = (int)packetEvent;
        }
    }

    /// <summary>A flow's protocol became known (or <see cref="ProtocolId.Failed"/>).</summary>
    /// <param name="protocol">The protocol.</param>
    /// <param name="transport">IP protocol number; everything but UDP counts as TCP.</param>
    public void AppFlow(ProtocolId protocol, byte transport) => _values[AppFlowIndex(protocol, transport) + Padding]++;

    public void AppTransactions(ProtocolId protocol, byte transport, long count) => _values[AppTransactionIndex(protocol, transport) + Padding] += count;

    public void AppError(ProtocolId protocol, byte transport, AppErrorKind kind) => _values[AppErrorIndex(protocol, transport, kind) + Padding]++;

    /// <summary>An exception policy was applied because of an application layer error on this protocol.</summary>
    public void AppPolicy(ProtocolId protocol, byte transport, ExceptionPolicy policy) => _values[AppPolicyIndex(protocol, transport, policy) + Padding]++;

    public void Policy(ExceptionCause cause, ExceptionPolicy policy) => _values[PolicyIndex(cause, policy) + Padding]++;

    /// <summary>A packet was dropped by the IPS for this reason.</summary>
    public void IpsDrop(DropReason reason) => _values[IpsDropIndex(reason) + Padding]++;

    /// <summary>A packet was dropped by the firewall for this reason.</summary>
    public void FirewallDrop(DropReason reason) => _values[FirewallDropIndex(reason) + Padding]++;

    public static int EventIndex(PacketEvent packetEvent) => EventBase + (int)packetEvent;

    public static int AppFlowIndex(ProtocolId protocol, byte transport) => AppFlowBase + AppSlot(protocol, transport);

    public static int AppTransactionIndex(ProtocolId protocol, byte transport) => AppTransactionBase + AppSlot(protocol, transport);

    public static int AppErrorIndex(ProtocolId protocol, byte transport, AppErrorKind kind) =>
        AppErrorBase + (AppSlot(protocol, transport) * ErrorKinds) + (int)kind;

    public static int AppPolicyIndex(ProtocolId protocol, byte transport, ExceptionPolicy policy) =>
        AppPolicyBase + (AppSlot(protocol, transport) * PolicyCount) + (int)policy;

    public static int PolicyIndex(ExceptionCause cause, ExceptionPolicy policy) => PolicyBase + ((int)cause * PolicyCount) + (int)policy;

    public static int IpsDropIndex(DropReason reason) => IpsDropBase + (int)reason;

    public static int FirewallDropIndex(DropReason reason) => FirewallDropBase + (int)reason;

    private static int AppSlot(ProtocolId protocol, byte transport) => ((int)protocol * TransportCount) + (transport == IpProtocols.Udp ? 1 : 0);
}
