using System.Text;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Http1;

/// <summary>HTTP/0.9, 1.0 and 1.1 (RFC 9110, RFC 9112): what is published to rules and outputs.</summary>
public sealed class Http1Protocol : Protocol
{
    private static readonly string[] RequestProgress =
        ["request_started", "request_line", "request_headers", "request_body", "request_trailer", "request_complete"];

    private static readonly string[] ResponseProgress =
        ["response_started", "response_line", "response_headers", "response_body", "response_trailer", "response_complete"];

    public override ProtocolId Id => ProtocolId.Http1;

    public override string Name => "http1";

    public override string ConfigurationName => "http";

    public override bool UsesTcp => true;

    public override bool UsesUdp => false;

    public override ProtocolPattern[] Patterns { get; } = BuildPatterns();

    public override BufferDescriptor[] Buffers => Http1Buffers.All;

    public override AnomalyDescriptor[] Anomalies => Http1Anomalies.All;

    internal const int RequestFrame = 0;
    internal const int ResponseFrame = 1;

    public override string[] Frames { get; } = ["request", "response"];

    public override EveLogger[] Loggers { get; } = [new Http1Eve()];

    public override bool LogsAnomaliesInCapitals => true;

    /// <summary>A server that speaks first speaks something else.</summary>
    public override Direction? FirstData => Direction.ToServer;

    public override bool AcceptsGaps => true;

    public override bool TellsProgress => true;

    public override string[] ProgressNames(Direction direction) => direction == Direction.ToServer ? RequestProgress : ResponseProgress;

    public override bool KeepsSidesApart => true;

    public override byte CompletedProgress(Direction direction) => Http1Progress.Complete;

    /// <summary>Uploads and downloads alike.</summary>
    public override DirectionMask FileDirections => DirectionMask.Both;

    public override byte FileProgress(Direction direction) => Http1Progress.Body;

    public override bool TryGetRequestHeader(Transaction transaction, ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value) =>
        ((Http1Transaction)transaction).Request.Fields.TryGet(name, out value);

    public override ProtocolState CreateState(ProtocolSettings settings) => new Http1Parser(this, new Http1Servers(settings));

    private static ProtocolPattern[] BuildPatterns()
    {
        var patterns = new List<ProtocolPattern>();
        foreach (string method in Http1Methods.All)
        {
            foreach (char blank in " \t")
            {
                byte[] bytes = Encoding.ASCII.GetBytes(method + blank);
                patterns.Add(new ProtocolPattern(IpProtocols.Tcp, Direction.ToServer, bytes, 0, (ushort)bytes.Length, IgnoreCase: true));
            }
        }

        foreach (string version in (string[])["HTTP/0.9", "HTTP/1.0", "HTTP/1.1"])
        {
            patterns.Add(new ProtocolPattern(IpProtocols.Tcp, Direction.ToClient, Encoding.ASCII.GetBytes(version), 0, 8, IgnoreCase: true));
        }

        return [.. patterns];
    }
}
