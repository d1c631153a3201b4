using System.Buffers.Binary;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Enip;

/// <summary>EtherNet/IP with CIP (ODVA CIP volumes 1 and 2) over TCP and UDP: what is published to rules and outputs.</summary>
public sealed class EnipProtocol : Protocol
{
    private const ushort Port = 44818;

    public override ProtocolId Id => ProtocolId.Enip;

    public override string Name => "enip";

    public override bool UsesTcp => true;

    public override bool UsesUdp => true;

    public override ProbePort[] ProbePorts { get; } =
    [
        new(IpProtocols.Tcp, Port, Port, EnipParser.HeaderBytes, EnipParser.HeaderBytes),
        new(IpProtocols.Udp, Port, Port, EnipParser.HeaderBytes, EnipParser.HeaderBytes),
    ];

    public override BufferDescriptor[] Buffers => EnipBuffers.All;

    public override KeywordDescriptor[] Keywords => EnipKeywords.All;

    public override AnomalyDescriptor[] Anomalies => EnipAnomalies.All;

    public override string[] Frames => EnipFrames.Names;

    public override EveLogger[] Loggers { get; } = [new EnipEve()];

    public override byte CompletedProgress(Direction direction) => 1;

    public override string[] ProgressNames(Direction direction) => direction == Direction.ToServer ? PlainRequestProgress : PlainResponseProgress;

    /// <summary>A known command and status, and options that must be zero.</summary>
    public override ProbeResult Probe(ReadOnlySpan<byte> data, Direction direction, Flow flow)
    {
        if (data.Length < EnipParser.HeaderBytes)
        {
            return ProbeResult.Unsure;
        }

        ushort command = BinaryPrimitives.ReadUInt16LittleEndian(data);
        uint status = BinaryPrimitives.ReadUInt32LittleEndian(data[8..]);
        uint options = BinaryPrimitives.ReadUInt32LittleEndian(data[20..]);
        return EnipTables.IsCommand(command) && EnipTables.Name(EnipTables.Statuses, status) is not null && options == 0
            ? ProbeResult.Certain : ProbeResult.NotMine;
    }

    public override ProtocolState CreateState(ProtocolSettings settings) => new EnipParser(this, new EnipLimits(settings));
}
