using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Rdp;

/// <summary>The connection sequence of the Remote Desktop Protocol (MS-RDPBCGR §1.3.1.1) over TCP: what is published.</summary>
public sealed class RdpProtocol : Protocol
{
    private const ushort Port = 3389;

    public override ProtocolId Id => ProtocolId.Rdp;

    public override string Name => "rdp";

    public override bool UsesTcp => true;

    public override bool UsesUdp => false;

    public override ProbePort[] ProbePorts { get; } = [new(IpProtocols.Tcp, Port, Port, 0, 16)];

    public override EveLogger[] Loggers { get; } = [new RdpEve()];

    public override bool IsUnidirectional => true;

    /// <summary>Rules on payload go on, as in Suricata: what follows the connection sequence is often not encrypted.</summary>
    public override EncryptionHandling DefaultEncryptionHandling => EncryptionHandling.Full;

    public override string[] ProgressNames(Direction direction) => direction == Direction.ToServer ? PlainRequestProgress : PlainResponseProgress;

    public override byte CompletedProgress(Direction direction) => 1;

    /// <summary>A connection request to the server, a confirmation from it.</summary>
    public override ProbeResult Probe(ReadOnlySpan<byte> data, Direction direction, Flow flow)
    {
        if (data.Length < RdpParser.X224HeaderBytes)
        {
            return data[0] == RdpParser.TpktVersion ? ProbeResult.Unsure : ProbeResult.NotMine;
        }

        byte expected = direction == Direction.ToServer ? RdpParser.ConnectionRequest : RdpParser.ConnectionConfirm;
        return data[0] == RdpParser.TpktVersion && (data[5] & 0xf0) == expected ? ProbeResult.Certain : ProbeResult.NotMine;
    }

    public override ProtocolState CreateState(ProtocolSettings settings) => new RdpParser(this);
}
