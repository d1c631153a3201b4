using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols.DceRpc;

namespace BridgeGuard.Engine.Protocols.Smb;

/// <summary>SMB 1 (MS-CIFS, MS-SMB), SMB 2 and 3 (MS-SMB2) over TCP, framed by NBSS (RFC 1002 §4.3): what is published.</summary>
public sealed class SmbProtocol : Protocol
{
    public override ProtocolId Id => ProtocolId.Smb;

    public override string Name => "smb";

    public override bool UsesTcp => true;

    public override bool UsesUdp => false;

    public override ProtocolPattern[] Patterns { get; } = BuildPatterns();

    public override ProbePort[] ProbePorts { get; } =
    [
        new(IpProtocols.Tcp, 139, 139, SmbFrame.HeaderBytes, 64),
        new(IpProtocols.Tcp, 445, 445, SmbFrame.HeaderBytes, 64),
    ];

    public override BufferDescriptor[] Buffers => SmbBuffers.All;

    public override KeywordDescriptor[] Keywords { get; } = [.. DceRpcKeywords.All, SmbKeywords.Version];

    public override string[] Frames => SmbFrames.Names;

    public override AnomalyDescriptor[] Anomalies => SmbAnomalies.All;

    public override EveLogger[] Loggers { get; } = [new SmbEve()];

    public override bool AcceptsGaps => true;

    public override DirectionMask FileDirections => DirectionMask.Both;

    public override string[] ProgressNames(Direction direction) => direction == Direction.ToServer ? PlainRequestProgress : PlainResponseProgress;

    public override StreamShow ShowsStream(Direction direction) => StreamShow.Never;

    public override byte CompletedProgress(Direction direction) => 1;

    /// <summary>An NBSS header and an SMB signature behind it; or a session request, which only NetBIOS has.</summary>
    public override ProbeResult Probe(ReadOnlySpan<byte> data, Direction direction, Flow flow)
    {
        if (data.Length < SmbFrame.HeaderBytes + 4)
        {
            return data.Length == 0 || SmbFrame.IsKnownType(data[0]) ? ProbeResult.Unsure : ProbeResult.NotMine;
        }

        if (SmbFrame.IsMessage(data))
        {
            return new ProbeResult(ProbeStatus.Certain, SmbFrame.IsResponse(data[SmbFrame.HeaderBytes..]) is { } isResponse
                && isResponse == (direction == Direction.ToServer));
        }

        return data[0] switch
        {
            SmbFrame.SessionRequest => direction == Direction.ToServer ? ProbeResult.Certain : ProbeResult.NotMine,
            _ => ProbeResult.NotMine,
        };
    }

    public override ProtocolState CreateState(ProtocolSettings settings) => new SmbParser(this, new SmbLimits(settings));

    private static ProtocolPattern[] BuildPatterns()
    {
        var patterns = new List<ProtocolPattern>();
        foreach (byte first in (byte[])[0xff, 0xfe, 0xfd])
        {
            foreach (Direction direction in (Direction[])[Direction.ToServer, Direction.ToClient])
            {
                patterns.Add(new ProtocolPattern(IpProtocols.Tcp, direction, [first, (byte)'S', (byte)'M', (byte)'B'], 4, 8, Confirm: true));
            }
        }

        return [.. patterns];
    }
}
