using System.Buffers.Binary;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Pgsql;

/// <summary>PostgreSQL's frontend/backend protocol 3 (PostgreSQL documentation, chapter 54) over TCP: what is published to rules and outputs.</summary>
public sealed class PgsqlProtocol : Protocol
{
    private const ushort Port = 5432;

    public override ProtocolId Id => ProtocolId.Pgsql;

    public override string Name => "pgsql";

    public override bool UsesTcp => true;

    public override bool UsesUdp => false;

    public override ProbePort[] ProbePorts { get; } = [new(IpProtocols.Tcp, Port, Port, 1, 16)];

    public override BufferDescriptor[] Buffers => PgsqlBuffers.All;

    public override AnomalyDescriptor[] Anomalies => PgsqlAnomalies.All;

    public override EveLogger[] Loggers { get; } = [new PgsqlEve()];

    public override byte CompletedProgress(Direction direction) => 1;

    public override string[] ProgressNames(Direction direction) => direction == Direction.ToServer ? PlainRequestProgress : PlainResponseProgress;

    public override ProbeResult Probe(ReadOnlySpan<byte> data, Direction direction, Flow flow)
    {
        if (data.IsEmpty)
        {
            return ProbeResult.Unsure;
        }

        if (direction == Direction.ToClient)
        {
            return ProbeResponse(data);
        }

        if (data[0] == 0)
        {
            if (data.Length < 8)
            {
                return ProbeResult.Unsure;
            }

            uint length = BinaryPrimitives.ReadUInt32BigEndian(data);
            return length is >= 8 and <= PgsqlLimits.MaxStartupBytes ? ProbeResult.Certain : ProbeResult.NotMine;
        }

        return PgsqlTables.IsRequestType(data[0]) ? ProbeLength(data) : ProbeResult.NotMine;
    }

    public override ProtocolState CreateState(ProtocolSettings settings) => new PgsqlParser(this, new PgsqlLimits(settings));

    private static ProbeResult ProbeResponse(ReadOnlySpan<byte> data)
    {
        bool isSslAnswer = data.Length == 1 && data[0] is (byte)'N' or (byte)'S';
        return isSslAnswer ? ProbeResult.Certain : PgsqlTables.IsResponseType(data[0]) ? ProbeLength(data) : ProbeResult.NotMine;
    }

    private static ProbeResult ProbeLength(ReadOnlySpan<byte> data) =>
        data.Length < 5 ? ProbeResult.Unsure
        : BinaryPrimitives.ReadUInt32BigEndian(data[1..]) is >= 4 and <= int.MaxValue ? ProbeResult.Certain : ProbeResult.NotMine;
}
