using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Named;

/// <summary>Telnet (RFC 854): frames of commands and of text, no transactions.</summary>
public sealed class TelnetProtocol : Protocol
{
    internal const int PduFrame = 0;
    internal const int CtlFrame = 1;
    internal const int DataFrame = 2;

    private static readonly string[] RequestProgress = ["request_started", "request_complete"];

    private static readonly string[] ResponseProgress = ["response_started", "response_complete"];

    public override ProtocolId Id => ProtocolId.Telnet;

    public override string Name => "telnet";

    public override bool UsesTcp => true;

    public override bool UsesUdp => false;

    public override bool AcceptsGaps => true;

    public override string[] Frames { get; } = ["pdu", "ctl", "data"];

    /// <summary>On its own port whatever is said is Telnet.</summary>
    public override ProbePort[] ProbePorts { get; } = [new(IpProtocols.Tcp, 23, 23, 1, 64)];

    public override string[] ProgressNames(Direction direction) => direction == Direction.ToServer ? RequestProgress : ResponseProgress;

    public override byte CompletedProgress(Direction direction) => 1;

    public override ProbeResult Probe(ReadOnlySpan<byte> data, Direction direction, Flow flow) =>
        data.IsEmpty ? ProbeResult.Unsure : ProbeResult.Certain;

    public override ProtocolState CreateState(ProtocolSettings settings) => new TelnetParser(this);
}
