using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Irc;

/// <summary>IRC (RFC 1459, RFC 2812, message tags of IRCv3): what is published.</summary>
/// <remarks>Suricata 8 does not know it: an extension of ours. Found on any port, for bots do not keep to the known ones.</remarks>
public sealed class IrcProtocol : Protocol
{
    private static readonly string[] RequestProgress = ["request_started", "request_complete"];

    private static readonly string[] ResponseProgress = ["response_started", "response_complete"];

    public override ProtocolId Id => ProtocolId.Irc;

    public override string Name => "irc";

    public override bool IsExtension => true;

    public override bool UsesTcp => true;

    public override bool UsesUdp => false;

    public override ProtocolPattern[] Patterns { get; } =
    [
        new(IpProtocols.Tcp, Direction.ToServer, "NICK "u8.ToArray(), 0, 5, IgnoreCase: true, Confirm: true),
        new(IpProtocols.Tcp, Direction.ToServer, "CAP LS"u8.ToArray(), 0, 6, IgnoreCase: true, Confirm: true),
        new(IpProtocols.Tcp, Direction.ToServer, "CAP REQ "u8.ToArray(), 0, 8, IgnoreCase: true, Confirm: true),
        new(IpProtocols.Tcp, Direction.ToServer, "PASS "u8.ToArray(), 0, 5, IgnoreCase: true, Confirm: true),
        new(IpProtocols.Tcp, Direction.ToServer, "USER "u8.ToArray(), 0, 5, IgnoreCase: true, Confirm: true),
        new(IpProtocols.Tcp, Direction.ToClient, "NOTICE "u8.ToArray(), 0, 7, Confirm: true),
        new(IpProtocols.Tcp, Direction.ToClient, ":"u8.ToArray(), 0, 1, MinimumBytes: 8, Confirm: true),
    ];

    public override BufferDescriptor[] Buffers => IrcBuffers.All;

    public override AnomalyDescriptor[] Anomalies => IrcAnomalies.All;

    public override EveLogger[] Loggers { get; } = [new IrcEve()];

    public override bool IsUnidirectional => true;

    public override bool AcceptsGaps => true;

    public override string[] ProgressNames(Direction direction) => direction == Direction.ToServer ? RequestProgress : ResponseProgress;

    public override byte CompletedProgress(Direction direction) => 1;

    public override ProbeResult Probe(ReadOnlySpan<byte> data, Direction direction, Flow flow)
    {
        ProtocolId other = direction == Direction.ToServer ? flow.AppToClient : flow.AppToServer;
        if (other == ProtocolId.Irc)
        {
            return ProbeResult.Certain;
        }

        // A protocol whose server greets (FTP, POP3, SMTP) has USER and PASS too.
        if (other is not (ProtocolId.Unknown or ProtocolId.Failed))
        {
            return ProbeResult.NotMine;
        }

        int end = data.IndexOf((byte)'\n');
        return end < 0 ? data.Length < IrcLimits.MaxLineBytes ? ProbeResult.Unsure : ProbeResult.NotMine
            : direction == Direction.ToServer ? ProbeClient(data[..end].TrimEnd((byte)'\r'), data[(end + 1)..])
            : IsServer(data[..end].TrimEnd((byte)'\r')) ? ProbeResult.Certain : ProbeResult.NotMine;
    }

    public override ProtocolState CreateState(ProtocolSettings settings) => new IrcParser(this);

    /// <summary>NICK with one name, CAP, or USER with its four parameters; PASS counts with what follows it.</summary>
    private static ProbeResult ProbeClient(ReadOnlySpan<byte> line, ReadOnlySpan<byte> next)
    {
        if (!IrcLine.TryRead(line, out IrcLine first))
        {
            return ProbeResult.NotMine;
        }

        if (first.Is("PASS"u8))
        {
            int end = next.IndexOf((byte)'\n');
            return end < 0 ? next.Length < IrcLimits.MaxLineBytes ? ProbeResult.Unsure : ProbeResult.NotMine
                : IrcLine.TryRead(next[..end].TrimEnd((byte)'\r'), out IrcLine second) && IsOpening(in second) ? ProbeResult.Certain : ProbeResult.NotMine;
        }

        return IsOpening(in first) ? ProbeResult.Certain : ProbeResult.NotMine;
    }

    private static bool IsOpening(scoped in IrcLine line) =>
        (line.Is("NICK"u8) && line.Count(2) == 1) || (line.Is("CAP"u8) && line.Count(1) == 1) || (line.Is("USER"u8) && line.Count(4) == 4);

    /// <summary>A notice before anything else, or a numeric with the server's name in front.</summary>
    private static bool IsServer(ReadOnlySpan<byte> line) =>
        IrcLine.TryRead(line, out IrcLine first)
        && ((first.Is("NOTICE"u8) && first.Count(2) == 2) || (!first.Prefix.IsEmpty && IrcLine.IsNumeric(first.Command) && first.Count(1) == 1));
}
