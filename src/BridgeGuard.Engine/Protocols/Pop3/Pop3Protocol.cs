using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Pop3;

/// <summary>POP3 (RFC 1939, RFC 2449) with STLS (RFC 2595) and AUTH (RFC 5034).</summary>
public sealed class Pop3Protocol : Protocol
{
    private static readonly string[] RequestProgress = ["request_started", "request_complete"];

    private static readonly string[] ResponseProgress = ["response_started", "response_complete"];

    public override ProtocolId Id => ProtocolId.Pop3;

    public override string Name => "pop3";

    public override bool UsesTcp => true;

    public override bool UsesUdp => false;

    public override ProbePort[] ProbePorts { get; } = [new(IpProtocols.Tcp, 110, 110, 4, 256, ServerSpeaksFirst: true)];

    public override BufferDescriptor[] Buffers => Pop3Buffers.All;

    public override AnomalyDescriptor[] Anomalies => Pop3Anomalies.All;

    public override EveLogger[] Loggers { get; } = [new Pop3Eve()];

    public override bool ServerGreets => true;

    public override string[] ProgressNames(Direction direction) => direction == Direction.ToServer ? RequestProgress : ResponseProgress;

    public override byte CompletedProgress(Direction direction) => Pop3Progress.Complete;

    public override ProbeResult Probe(ReadOnlySpan<byte> data, Direction direction, Flow flow)
    {
        if (direction == Direction.ToClient)
        {
            return data.StartsWith("+OK"u8) || data.StartsWith("-ERR"u8) ? ProbeResult.Certain : ProbeResult.NotMine;
        }

        int end = data.IndexOfAny(" \r\n"u8);
        if (end < 0)
        {
            return data.Length < 8 ? ProbeResult.Unsure : ProbeResult.NotMine;
        }

        bool isKnown = Pop3Commands.Find(data[..end], out _, out _) != Pop3Command.Unknown;
        return isKnown || flow.AppToClient == ProtocolId.Pop3 ? ProbeResult.Certain : ProbeResult.NotMine;
    }

    public override ProtocolState CreateState(ProtocolSettings settings) => new Pop3Parser(this, new Pop3Limits(settings));
}
