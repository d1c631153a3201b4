using System.Buffers.Binary;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Modbus;

/// <summary>Modbus over TCP (Modbus application protocol V1.1b3): what is published to rules and outputs.</summary>
public sealed class ModbusProtocol : Protocol
{
    private const ushort Port = 502;

    /// <summary>MBAP header and function.</summary>
    private const ushort HeaderBytes = 8;

    public override ProtocolId Id => ProtocolId.Modbus;

    public override string Name => "modbus";

    /// <summary>Off in Suricata's defaults.</summary>
    public override bool EnabledByDefault => false;

    public override bool UsesTcp => true;

    public override bool UsesUdp => false;

    public override ProbePort[] ProbePorts { get; } = [new(IpProtocols.Tcp, Port, Port, HeaderBytes, 64)];

    public override BufferDescriptor[] Buffers => ModbusBuffers.All;

    public override KeywordDescriptor[] Keywords => ModbusBuffers.Keywords;

    public override AnomalyDescriptor[] Anomalies => ModbusAnomalies.All;

    public override EveLogger[] Loggers { get; } = [new ModbusEve()];

    public override StreamShow ShowsStream(Direction direction) => direction == Direction.ToClient ? StreamShow.AtEnd : StreamShow.Never;

    public override byte CompletedProgress(Direction direction) => 1;

    public override string[] ProgressNames(Direction direction) => direction == Direction.ToServer ? PlainRequestProgress : PlainResponseProgress;

    /// <summary>A function that is known, protocol id 0 and a possible length.</summary>
    public override ProbeResult Probe(ReadOnlySpan<byte> data, Direction direction, Flow flow)
    {
        if (data.Length < HeaderBytes)
        {
            return ProbeResult.Unsure;
        }

        int function = data[7] & ~ModbusTables.ExceptionBit;
        bool isException = (data[7] & ModbusTables.ExceptionBit) != 0;
        return (!isException || direction == Direction.ToClient)
            && BinaryPrimitives.ReadUInt16BigEndian(data[2..]) == 0
            && BinaryPrimitives.ReadUInt16BigEndian(data[4..]) is >= ModbusLimits.MinLength and <= ModbusLimits.MaxLength
            && function is (>= ModbusTables.ReadCoils and <= ModbusTables.ReadFifo) or ModbusTables.Mei
            ? ProbeResult.Certain : ProbeResult.NotMine;
    }

    public override ProtocolState CreateState(ProtocolSettings settings) => new ModbusParser(this, new ModbusLimits(settings));
}
