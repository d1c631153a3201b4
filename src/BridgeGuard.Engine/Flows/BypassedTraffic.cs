namespace BridgeGuard.Engine.Flows;

/// <summary>What an attachment's kernel passed of one decided flow since it was last said.</summary>
/// <param name="Key">The flow, from either end.</param>
/// <param name="Packets">Packets from the key's source (a GSO super-packet is one).</param>
/// <param name="Bytes">Their bytes, link layer included.</param>
/// <param name="PacketsBack">Packets from the key's destination.</param>
/// <param name="BytesBack">Their bytes.</param>
/// <param name="LastUs">When the last of them passed, microseconds since the Unix epoch.</param>
public readonly record struct BypassedTraffic(FlowKey Key, long Packets, long Bytes, long PacketsBack, long BytesBack, long LastUs);
