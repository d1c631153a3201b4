using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Events;

/// <summary>Writes what rules remember of a flow under its names; implemented where the names are known (the rule set).</summary>
public interface IVariableWriter
{
    /// <summary>Writes <c>"metadata": {"flowbits": […], "flowints": {…}, "flowvars": […], "pktvars": […]}</c> into the open record; nothing when there is nothing.</summary>
    /// <param name="writer">The open record.</param>
    /// <param name="flow">Whose variables.</param>
    /// <param name="captured">What rules captured of the packet that the record is about; null where it is about none.</param>
    void WriteFlow(EveWriter writer, Flow flow, FlowVariables? captured);
}

/// <summary>Gives the reassembled bytes around a packet, for alerts that matched in the stream.</summary>
public interface IAlertPayloads
{
    /// <summary>The latest stream bytes of a direction, at most <paramref name="most"/>; empty when none are kept.</summary>
    ReadOnlySpan<byte> Stream(Flow flow, Direction direction, int most);

    /// <summary>Copies what is kept of the stream bytes from <paramref name="from"/> to <paramref name="end"/>; holes are named. Returns the bytes written.</summary>
    int Frame(Flow flow, Direction direction, long from, long end, Span<byte> into);

    /// <summary>How far a direction has come.</summary>
    StreamPlaces Places(Flow flow, Direction direction);
}

/// <summary>How far one direction of a TCP flow has come, as stream offsets.</summary>
/// <param name="Inspectable">Up to here bytes may be looked at.</param>
/// <param name="Received">Up to here bytes have come, acknowledged or not.</param>
/// <param name="Acknowledged">Up to here the receiver has said that it has them.</param>
/// <param name="Parsed">Up to here the parser has consumed them.</param>
/// <param name="IsEnded">No more will come.</param>
/// <param name="Chunk">Bytes that are worth a look at an unfinished frame.</param>
public readonly record struct StreamPlaces(long Inspectable, long Received, long Acknowledged, long Parsed, bool IsEnded, int Chunk);
