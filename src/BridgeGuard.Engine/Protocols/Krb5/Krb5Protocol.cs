using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Krb5;

/// <summary>Kerberos 5 (RFC 4120) between clients and key distribution centres, over UDP and TCP: what is published.</summary>
public sealed class Krb5Protocol : Protocol
{
    private const ushort Port = 88;

    public override ProtocolId Id => ProtocolId.Krb5;

    public override string Name => "krb5";

    public override bool UsesTcp => true;

    public override bool UsesUdp => true;

    public override ProbePort[] ProbePorts { get; } =
    [
        new(IpProtocols.Udp, Port, Port, Krb5Message.MinimumBytes, 0),
        new(IpProtocols.Tcp, Port, Port, Krb5Message.LengthBytes + Krb5Message.MinimumBytes, 0),
    ];

    public override BufferDescriptor[] Buffers => Krb5Buffers.All;

    public override KeywordDescriptor[] Keywords => Krb5Keywords.All;

    public override AnomalyDescriptor[] Anomalies => Krb5Anomalies.All;

    public override EveLogger[] Loggers { get; } = [new Krb5Eve()];

    public override bool IsUnidirectional => true;

    public override string[] ProgressNames(Direction direction) => direction == Direction.ToServer ? PlainRequestProgress : PlainResponseProgress;

    public override byte CompletedProgress(Direction direction) => 1;

    public override ProbeResult Probe(ReadOnlySpan<byte> data, Direction direction, Flow flow)
    {
        ReadOnlySpan<byte> message = data;
        if (flow.Key.Protocol == IpProtocols.Tcp)
        {
            if (data.Length < Krb5Message.LengthBytes + Krb5Message.MinimumBytes)
            {
                return ProbeResult.Unsure;
            }

            if (Krb5Message.RecordLength(data) is < Krb5Message.MinimumBytes or > Krb5Limits.MaxRecordBytes)
            {
                return ProbeResult.NotMine;
            }

            message = data[Krb5Message.LengthBytes..];
        }

        return Krb5Message.IsPlausible(message) ? ProbeResult.Certain : ProbeResult.NotMine;
    }

    public override ProtocolState CreateState(ProtocolSettings settings) => new Krb5Parser(this);
}
