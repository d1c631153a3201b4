using System.Runtime.CompilerServices;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Settings;

namespace BridgeGuard.Engine.Flows;

/// <summary>When a silent flow is over: the configured seconds by protocol, state and emergency, as one table of microseconds.</summary>
/// <remarks>Immutable. One look-up per packet, so it is an array and not a chain of switches.</remarks>
internal sealed class FlowDeadlines
{
    private const int States = 8;
    private const int Classes = 4;
    private const int EmergencyBase = Classes * States;

    private readonly long[] _us = new long[2 * EmergencyBase];

    public FlowDeadlines(FlowSettings settings)
    {
        Fill(0, settings.Default);
        Fill(1, settings.Tcp);
        Fill(2, settings.Udp);
        Fill(3, settings.Icmp);
    }

    /// <summary>The first moment, in microseconds, at which <paramref name="flow"/> has been silent for long enough.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)] // Once per packet; pipeline bench.
    public long Of(Flow flow, bool emergency) =>
        flow.LastUs + _us[(emergency ? EmergencyBase : 0) + (ClassOf(flow.Key.Protocol) * States) + (int)flow.State];

    [MethodImpl(MethodImplOptions.AggressiveInlining)] // Once per packet; pipeline bench.
    private static int ClassOf(byte protocol) => protocol switch
    {
        IpProtocols.Tcp => 1,
        IpProtocols.Udp => 2,
        IpProtocols.Icmp or IpProtocols.IcmpV6 => 3,
        _ => 0,
    };

    private void Fill(int kind, FlowTimeouts timeouts)
    {
        int[] seconds = [timeouts.New, timeouts.Established, timeouts.Closed, timeouts.Bypassed, timeouts.Bypassed];
        int[] emergency = [timeouts.EmergencyNew, timeouts.EmergencyEstablished, timeouts.EmergencyClosed, timeouts.EmergencyBypassed, timeouts.EmergencyBypassed];
        for (int state = 0; state < seconds.Length; state++)
        {
            _us[(kind * States) + state] = seconds[state] * 1_000_000L;
            _us[EmergencyBase + (kind * States) + state] = emergency[state] * 1_000_000L;
        }
    }
}
