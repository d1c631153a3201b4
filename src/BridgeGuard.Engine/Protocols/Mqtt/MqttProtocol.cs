using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Mqtt;

/// <summary>MQTT 3.1, 3.1.1 and 5.0 (OASIS) over TCP: what is published to rules and outputs.</summary>
public sealed class MqttProtocol : Protocol
{
    private const ushort Port = 1883;

    public override ProtocolId Id => ProtocolId.Mqtt;

    public override string Name => "mqtt";

    public override bool UsesTcp => true;

    public override bool UsesUdp => false;

    public override ProbePort[] ProbePorts { get; } = [new(IpProtocols.Tcp, Port, Port, 2, 16)];

    public override BufferDescriptor[] Buffers => MqttBuffers.All;

    public override KeywordDescriptor[] Keywords => MqttBuffers.Keywords;

    public override AnomalyDescriptor[] Anomalies => MqttAnomalies.All;

    public override string[] Frames => MqttFrames.Names;

    public override EveLogger[] Loggers { get; } = [new MqttEve()];

    public override bool IsUnidirectional => true;

    public override string[] ProgressNames(Direction direction) => direction == Direction.ToServer ? PlainRequestProgress : PlainResponseProgress;

    public override StreamShow ShowsStream(Direction direction) => direction == Direction.ToServer ? StreamShow.WithEachPart : StreamShow.Never;

    public override byte CompletedProgress(Direction direction) => 1;

    /// <summary>Any assigned type with a length that can be read: the port decides, as every message may come first on a flow picked up late.</summary>
    public override ProbeResult Probe(ReadOnlySpan<byte> data, Direction direction, Flow flow)
    {
        if (data.Length < 2)
        {
            return ProbeResult.Unsure;
        }

        if (data[0] >> 4 == 0)
        {
            return ProbeResult.NotMine;
        }

        return MqttReader.TryReadLength(data[1..], out _, out int used) ? ProbeResult.Certain
            : used < 0 ? ProbeResult.NotMine : ProbeResult.Unsure;
    }

    public override ProtocolState CreateState(ProtocolSettings settings) => new MqttParser(this, new MqttLimits(settings));
}
