using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Tls;

/// <summary>TLS over TCP (RFC 8446, RFC 5246) and its predecessors: what is published to rules and outputs.</summary>
public sealed class TlsProtocol : Protocol
{
    private const ushort Port = 443;

    private static readonly string[] ClientProgress =
        ["client_in_progress", "client_hello_done", "client_cert_done", "client_handshake_done", "client_finished"];

    private static readonly string[] ServerProgress =
        ["server_in_progress", "server_hello", "server_cert_done", "server_hello_done", "server_handshake_done", "server_finished"];

    public override ProtocolId Id => ProtocolId.Tls;

    public override string Name => "tls";

    public override string[] Aliases => ["ssl"];

    public override bool UsesTcp => true;

    public override bool UsesUdp => false;

    public override ProtocolPattern[] Patterns { get; } = BuildPatterns();

    public override ProbePort[] ProbePorts { get; } = [new(IpProtocols.Tcp, Port, Port, 3, 8)];

    public override BufferDescriptor[] Buffers => TlsBuffers.All;

    public override FieldDescriptor[] Fields => TlsBuffers.Fields;

    public override KeywordDescriptor[] Keywords => TlsKeywords.All;

    public override AnomalyDescriptor[] Anomalies => TlsAnomalies.All;

    public override bool LogsAnomaliesInCapitals => true;

    public override string[] Frames => TlsFrames.Names;

    public override EveLogger[] Loggers { get; } = [new TlsEve()];

    public override bool AcceptsGaps => true;

    public override Direction? OnlyFirst => Direction.ToServer;

    public override bool TellsProgress => true;

    public override bool CountsTransactions => false;

    public override string[] ProgressNames(Direction direction) => direction == Direction.ToServer ? ClientProgress : ServerProgress;

    public override StreamShow ShowsStream(Direction direction) => StreamShow.WithEachPart;

    public override byte CompletedProgress(Direction direction) =>
        direction == Direction.ToServer ? TlsProgress.ClientFinished : TlsProgress.ServerFinished;

    /// <summary>A record header, or an SSLv2 hello whose type and version make sense.</summary>
    public override ProbeResult Probe(ReadOnlySpan<byte> data, Direction direction, Flow flow)
    {
        if (data.Length < 3)
        {
            return ProbeResult.Unsure;
        }

        bool isRecord = data[0] is >= TlsTables.ChangeCipherSpec and <= TlsTables.ApplicationData && data[1] == 3 && data[2] <= 4;
        bool isSslv2 = (data[0] & 0x80) != 0 && data[2] == 1 && direction == Direction.ToServer
            && (data.Length < 5 || (data[3] == 3 && data[4] <= 4) || (data[3] == 0 && data[4] == 2));
        return isRecord || isSslv2 ? ProbeResult.Certain : ProbeResult.NotMine;
    }

    public override ProtocolState CreateState(ProtocolSettings settings) => new TlsParser(this, new TlsLimits(settings));

    private static ProtocolPattern[] BuildPatterns()
    {
        var patterns = new List<ProtocolPattern>();
        for (byte minor = 0; minor <= 4; minor++)
        {
            foreach (byte type in (byte[])[TlsTables.Alert, TlsTables.Handshake, TlsTables.ApplicationData])
            {
                patterns.Add(new ProtocolPattern(IpProtocols.Tcp, Direction.ToClient, [type, 3, minor], 0, 3));
            }

            patterns.Add(new ProtocolPattern(IpProtocols.Tcp, Direction.ToServer, [TlsTables.Handshake, 3, minor], 0, 3));

            // SSLv2 hello that offers a later version: type, version, behind two bytes of length.
            patterns.Add(new ProtocolPattern(IpProtocols.Tcp, Direction.ToServer, [1, 3, minor], 2, 5));
        }

        patterns.Add(new ProtocolPattern(IpProtocols.Tcp, Direction.ToServer, [1, 0, 2], 2, 5));
        return [.. patterns];
    }
}
