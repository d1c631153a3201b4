using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Dnp3;

/// <summary>DNP3 (IEEE 1815-2012) over TCP: what is published to rules and outputs.</summary>
public sealed class Dnp3Protocol : Protocol
{
    internal const byte Start0 = 0x05;
    internal const byte Start1 = 0x64;

    private const ushort Port = 20000;
    private const ushort HeaderBytes = 10;

    public override ProtocolId Id => ProtocolId.Dnp3;

    public override string Name => "dnp3";

    /// <summary>Off in Suricata's defaults.</summary>
    public override bool EnabledByDefault => false;

    public override bool UsesTcp => true;

    public override bool UsesUdp => false;

    public override ProbePort[] ProbePorts { get; } = [new(IpProtocols.Tcp, Port, Port, 2, HeaderBytes)];

    public override BufferDescriptor[] Buffers => Dnp3Buffers.All;

    public override KeywordDescriptor[] Keywords => Dnp3Keywords.All;

    public override AnomalyDescriptor[] Anomalies => Dnp3Anomalies.All;

    public override bool LogsAnomaliesInCapitals => true;

    public override EveLogger[] Loggers { get; } = [new Dnp3Eve()];

    public override bool IsUnidirectional => true;

    public override string[] ProgressNames(Direction direction) => direction == Direction.ToServer ? PlainRequestProgress : PlainResponseProgress;

    public override byte CompletedProgress(Direction direction) => 1;

    public override ProbeResult Probe(ReadOnlySpan<byte> data, Direction direction, Flow flow)
    {
        const byte FromMaster = 0x80;
        if (data.Length < 2)
        {
            return ProbeResult.Unsure;
        }

        if (data[0] != Start0 || data[1] != Start1)
        {
            return ProbeResult.NotMine;
        }

        // A flow picked up in its middle may begin with the outstation, which has the well-known port.
        bool isReversed = direction == Direction.ToServer && flow.Key.SourcePort == Port && flow.Key.DestinationPort != Port
            && data.Length > 3 && (data[3] & FromMaster) == 0;
        return new ProbeResult(ProbeStatus.Certain, isReversed);
    }

    public override ProtocolState CreateState(ProtocolSettings settings) => new Dnp3Parser(this, new Dnp3Limits(settings));

    /// <summary>In alerts the message stands under its kind.</summary>
    public override void WriteAlertMetadata(Events.EveWriter writer, Transaction transaction, Flow flow)
    {
        var dnp3 = (Dnp3Transaction)transaction;
        if (!dnp3.IsMessage)
        {
            return;
        }

        writer.StartObject("dnp3"u8);
        writer.StartObject(dnp3.IsRequest ? "request"u8 : "response"u8);
        Dnp3Eve.WriteMembers(writer, dnp3);
        writer.EndObject();
        writer.EndObject();
    }
}
