using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Ssh;

/// <summary>The transport layer of SSH up to the change to encryption (RFC 4253) with the HASSH fingerprints: what is published.</summary>
public sealed class SshProtocol : Protocol
{
    private static readonly string[] RequestProgress = ["request_in_progress", "request_banner_wait_eol", "request_banner_done", "request_finished"];

    private static readonly string[] ResponseProgress = ["response_in_progress", "response_banner_wait_eol", "response_banner_done", "response_finished"];

    public override ProtocolId Id => ProtocolId.Ssh;

    public override string Name => "ssh";

    public override bool UsesTcp => true;

    public override bool UsesUdp => false;

    public override ProtocolPattern[] Patterns { get; } =
    [
        new(IpProtocols.Tcp, Direction.ToServer, [.. "SSH-"u8], 0, 4),
        new(IpProtocols.Tcp, Direction.ToClient, [.. "SSH-"u8], 0, 4),
    ];

    public override BufferDescriptor[] Buffers => SshBuffers.All;

    public override string[] Frames { get; } = ["record.hdr", "record.data", "record.pdu"];

    public override KeywordDescriptor[] Keywords => SshKeywords.All;

    public override AnomalyDescriptor[] Anomalies => SshAnomalies.All;

    public override bool MovesOnlyWithProgress => true;

    public override bool OutlivesHandshake => true;

    public override EveLogger[] Loggers { get; } = [new SshEve()];

    public override bool TellsProgress => true;

    public override bool CountsTransactions => false;

    public override string[] ProgressNames(Direction direction) => direction == Direction.ToServer ? RequestProgress : ResponseProgress;

    public override StreamShow ShowsStream(Direction direction) => StreamShow.WithProgress;

    public override bool ShowsEncryptedStream => true;

    public override byte CompletedProgress(Direction direction) => SshProgress.Finished;

    public override ProtocolState CreateState(ProtocolSettings settings) => new SshParser(this, new SshLimits(settings));
}
