using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Ftp;

/// <summary>FTP's control connection (RFC 959, RFC 2428, RFC 3659, RFC 4217).</summary>
public sealed class FtpProtocol : Protocol
{
    private static readonly string[] RequestProgress = ["request_started", "request_complete"];

    private static readonly string[] ResponseProgress = ["response_started", "response_complete"];

    public override ProtocolId Id => ProtocolId.Ftp;

    public override string Name => "ftp";

    public override bool UsesTcp => true;

    public override bool UsesUdp => false;

    public override ProtocolPattern[] Patterns { get; } =
    [
        Command("USER "u8),
        Command("PASS "u8),
        Command("PORT "u8),
        Command("FEAT"u8),
        new(IpProtocols.Tcp, Direction.ToClient, "220 ("u8.ToArray(), 0, 5, Confirm: true),
        new(IpProtocols.Tcp, Direction.ToClient, "220"u8.ToArray(), 0, 3, Confirm: true),
    ];

    /// <summary>On its own port any greeting is FTP's.</summary>
    public override ProbePort[] ProbePorts { get; } = [new(IpProtocols.Tcp, 21, 21, 4, 64, ServerSpeaksFirst: true)];

    public override BufferDescriptor[] Buffers => FtpBuffers.All;

    public override FieldDescriptor[] Fields => FtpBuffers.Fields;

    public override KeywordDescriptor[] Keywords => FtpBuffers.Keywords;

    public override AnomalyDescriptor[] Anomalies => FtpAnomalies.All;

    public override EveLogger[] Loggers { get; } = [new FtpEve()];

    public override bool ServerGreets => true;

    public override string[] ProgressNames(Direction direction) => direction == Direction.ToServer ? RequestProgress : ResponseProgress;

    public override StreamShow ShowsStream(Direction direction) => StreamShow.Never;

    public override bool KeepsSidesApart => true;

    public override byte CompletedProgress(Direction direction) => FtpProgress.Complete;

    public override ProbeResult Probe(ReadOnlySpan<byte> data, Direction direction, Flow flow)
    {
        if (direction == Direction.ToServer)
        {
            // POP3 begins with USER too: there the server's greeting or the port tells.
            bool isOther = flow.AppToClient is not (ProtocolId.Unknown or ProtocolId.Failed or ProtocolId.Ftp)
                || (flow.AppToClient != ProtocolId.Ftp && flow.Key.DestinationPort == 110);
            bool begins = data.StartsWith("USER "u8) || data.StartsWith("PASS "u8) || data.StartsWith("PORT "u8) || data.StartsWith("FEAT"u8);
            return begins && !isOther ? ProbeResult.Certain : ProbeResult.NotMine;
        }

        // As in Suricata only a greeting tells; a server that is heard later is one direction that was not detected.
        bool isReply = data.Length >= 4 && data.StartsWith("220"u8) && data[3] is (byte)' ' or (byte)'-';
        bool isMine = flow.AppToServer == ProtocolId.Ftp || data.StartsWith("220 ("u8)
            || (flow.Key.DestinationPort == 21 && flow.AppToServer is ProtocolId.Unknown or ProtocolId.Failed);
        return isReply && isMine ? ProbeResult.Certain : ProbeResult.NotMine;
    }

    public override ProtocolState CreateState(ProtocolSettings settings) => new FtpParser(this, new FtpLimits(settings));

    private static ProtocolPattern Command(ReadOnlySpan<byte> word) =>
        new(IpProtocols.Tcp, Direction.ToServer, word.ToArray(), 0, (ushort)word.Length, Confirm: true);
}
