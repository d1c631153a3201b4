using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Dns;

/// <summary>DNS over UDP and TCP (RFC 1035, RFC 6891) and LLMNR's messages where its port is configured: what is published.</summary>
public sealed class DnsProtocol : Protocol
{
    private const ushort Port = 53;

    public override ProtocolId Id => ProtocolId.Dns;

    public override string Name => "dns";

    public override bool UsesTcp => true;

    public override bool UsesUdp => true;

    public override ProbePort[] ProbePorts { get; } =
    [
        new(IpProtocols.Udp, Port, Port, DnsMessage.HeaderBytes, DnsMessage.HeaderBytes),
        new(IpProtocols.Tcp, Port, Port, 2 + DnsMessage.HeaderBytes, 1024),
    ];

    public override BufferDescriptor[] Buffers => DnsBuffers.Dns;

    public override FieldDescriptor[] Fields => DnsBuffers.Fields;

    public override AnomalyDescriptor[] Anomalies => DnsAnomalies.All;

    public override string[] Frames => DnsFrames.Names;

    public override EveLogger[] Loggers { get; } = [new DnsEve("dns")];

    public override bool AcceptsGaps => true;

    public override bool IsUnidirectional => true;

    public override string[] ProgressNames(Direction direction) => direction == Direction.ToServer ? PlainRequestProgress : PlainResponseProgress;

    public override byte CompletedProgress(Direction direction) => 1;

    public override ProbeResult Probe(ReadOnlySpan<byte> data, Direction direction, Flow flow) =>
        flow.Key.Protocol == IpProtocols.Tcp ? ProbeStream(data, direction) : ProbeMessage(data, direction);

    public override ProtocolState CreateState(ProtocolSettings settings) => new DnsParser(this);

    internal static ProbeResult ProbeMessage(ReadOnlySpan<byte> message, Direction direction) =>
        DnsMessage.IsPlausible(message, out bool isResponse)
            ? new ProbeResult(ProbeStatus.Certain, isResponse == (direction == Direction.ToServer))
            : ProbeResult.NotMine;

    private static ProbeResult ProbeStream(ReadOnlySpan<byte> data, Direction direction)
    {
        if (data.Length < 2 + DnsMessage.HeaderBytes)
        {
            return ProbeResult.Unsure;
        }

        int length = System.Buffers.Binary.BinaryPrimitives.ReadUInt16BigEndian(data);
        if (length < DnsMessage.HeaderBytes)
        {
            return ProbeResult.NotMine;
        }

        ReadOnlySpan<byte> message = data[2..];
        if (message.Length < length)
        {
            // The header alone: enough to refuse, not to be sure of the names.
            int questions = System.Buffers.Binary.BinaryPrimitives.ReadUInt16BigEndian(message[4..]);
            bool isResponse = (message[2] & 0x80) != 0;
            return questions is 1 && (message[2] & 0x78) <= 0x30
                ? new ProbeResult(ProbeStatus.Certain, isResponse == (direction == Direction.ToServer)) : ProbeResult.NotMine;
        }

        return ProbeMessage(message[..length], direction);
    }
}
