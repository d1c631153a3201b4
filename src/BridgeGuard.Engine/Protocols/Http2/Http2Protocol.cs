using System.Buffers.Binary;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Http2;

/// <summary>HTTP/2 (RFC 9113, RFC 7541): what is published to rules and outputs.</summary>
public sealed class Http2Protocol : Protocol
{
    private static readonly string[] RequestProgress = ["request_started", "request_complete"];
    private static readonly string[] ResponseProgress = ["response_started", "response_complete"];

    /// <summary>What a client's connection begins with (RFC 9113 §3.4).</summary>
    internal static ReadOnlySpan<byte> Preface => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8;

    public override ProtocolId Id => ProtocolId.Http2;

    public override string Name => "http2";

    public override bool UsesTcp => true;

    public override bool UsesUdp => false;

    public override ProtocolPattern[] Patterns { get; } = [new(IpProtocols.Tcp, Direction.ToServer, "PRI * HTTP/2.0\r\n"u8.ToArray(), 0, 16)];

    public override string[] Frames => Http2Frames.Names;

    public override BufferDescriptor[] Buffers => Http2Buffers.All;

    public override FieldDescriptor[] Fields => Http2Buffers.Fields;

    public override KeywordDescriptor[] Keywords => Http2Keywords.All;

    public override AnomalyDescriptor[] Anomalies => Http2Anomalies.All;

    public override EveLogger[] Loggers { get; } = [new Http2Eve()];

    public override bool FollowsUpgrade => true;

    public override DirectionMask FileDirections => DirectionMask.Both;

    public override string[] ProgressNames(Direction direction) => direction == Direction.ToServer ? RequestProgress : ResponseProgress;

    public override byte CompletedProgress(Direction direction) => Http2Progress.Complete;

    /// <summary>The server's first frame: SETTINGS on stream 0, whole settings, at most the acknowledge flag.</summary>
    public override ProbeResult Probe(ReadOnlySpan<byte> data, Direction direction, Flow flow)
    {
        if (data.Length < Http2Parser.FrameHeaderBytes)
        {
            return ProbeResult.Unsure;
        }

        uint length = BinaryPrimitives.ReadUInt32BigEndian(data) >> 8;
        return data[3] == Http2FrameType.Settings && data[4] <= 1 && length % 6 == 0 && length <= 6 * 64
            && BinaryPrimitives.ReadUInt32BigEndian(data[5..]) == 0
            ? ProbeResult.Certain
            : ProbeResult.NotMine;
    }

    public override bool TryGetRequestHeader(Transaction transaction, ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value) =>
        ((Http2Transaction)transaction).Client.Headers.TryGetIgnoringCase(name, out value);

    public override ProtocolState CreateState(ProtocolSettings settings) => new Http2Parser(this, new Http2Limits(settings));
}
