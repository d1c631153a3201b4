using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Events;

/// <summary>Writes what rules remember of a flow under its names; implemented where the names are known (the rule set).</summary>
public interface IVariableWriter
{
    /// <summary>Writes <c>"metadata": {"flowbits": […], "flowints": {…}, "flowvars": […]}</c> into the open record; nothing when there is nothing.</summary>
    void WriteFlow(EveWriter writer, Flow flow);
}

/// <summary>Gives the reassembled bytes around a packet, for alerts that matched in the stream.</summary>
public interface IAlertPayloads
{
    /// <summary>The latest stream bytes of a direction, at most <paramref name="most"/>; empty when none are kept.</summary>
    ReadOnlySpan<byte> Stream(Flow flow, Direction direction, int most);
}
