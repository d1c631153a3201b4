using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Smtp;

/// <summary>SMTP (RFC 5321) with PIPELINING (RFC 2920), CHUNKING (RFC 3030), STARTTLS (RFC 3207) and the mail in it (RFC 5322, RFC 2045 to 2049, RFC 2231).</summary>
public sealed class SmtpProtocol : Protocol
{
    internal const int CommandLineFrame = 0;
    internal const int DataFrame = 1;
    internal const int ResponseLineFrame = 2;

    private static readonly string[] RequestProgress = ["request_started", "request_data", "request_complete"];

    private static readonly string[] ResponseProgress = ["response_started", "response_data", "response_complete"];

    public override ProtocolId Id => ProtocolId.Smtp;

    public override string Name => "smtp";

    public override bool UsesTcp => true;

    public override bool UsesUdp => false;

    /// <summary>The client's first command says it; a greeting alone could be FTP's, so it only counts once the client has spoken.</summary>
    public override ProtocolPattern[] Patterns { get; } =
    [
        new(IpProtocols.Tcp, Direction.ToServer, "EHLO"u8.ToArray(), 0, 4, IgnoreCase: true),
        new(IpProtocols.Tcp, Direction.ToServer, "HELO"u8.ToArray(), 0, 4, IgnoreCase: true),
        new(IpProtocols.Tcp, Direction.ToServer, "QUIT"u8.ToArray(), 0, 4, IgnoreCase: true),
        new(IpProtocols.Tcp, Direction.ToClient, "220"u8.ToArray(), 0, 3, Confirm: true),
    ];

    public override BufferDescriptor[] Buffers => SmtpBuffers.All;

    public override AnomalyDescriptor[] Anomalies => SmtpAnomalies.All;

    public override EveLogger[] Loggers { get; } = [new SmtpEve()];

    public override string[] Frames { get; } = ["command_line", "data", "response_line"];

    public override bool LogsAnomaliesInCapitals => true;

    public override bool ServerGreets => true;

    public override bool TellsProgress => true;

    /// <summary>Each command and its reply do, as the parser says.</summary>
    public override StreamShow ShowsStream(Direction direction) => StreamShow.Never;

    public override string[] ProgressNames(Direction direction) => direction == Direction.ToServer ? RequestProgress : ResponseProgress;

    public override bool KeepsSidesApart => true;

    public override byte CompletedProgress(Direction direction) => SmtpProgress.Complete;

    public override DirectionMask FileDirections => DirectionMask.ToServer;

    public override byte FileProgress(Direction direction) => SmtpProgress.Data;

    /// <summary>On its own ports a greeting suffices when a host's name stands in it.</summary>
    public override ProbePort[] ProbePorts { get; } =
    [
        new(IpProtocols.Tcp, 25, 25, 8, 512, ServerSpeaksFirst: true),
        new(IpProtocols.Tcp, 465, 465, 8, 512, ServerSpeaksFirst: true),
    ];

    public override ProbeResult Probe(ReadOnlySpan<byte> data, Direction direction, Flow flow)
    {
        if (direction != Direction.ToClient)
        {
            return ProbeResult.NotMine;
        }

        if (flow.AppToServer == ProtocolId.Smtp)
        {
            return data.StartsWith("220"u8) ? ProbeResult.Certain : ProbeResult.NotMine;
        }

        return flow.Key.DestinationPort is 25 or 465 && IsGreetingOfHost(data) ? ProbeResult.Certain : ProbeResult.NotMine;
    }

    /// <summary><c>220 mail.example.com …</c>: labels of letters, digits and inner dashes, the last one without digits first.</summary>
    private static bool IsGreetingOfHost(ReadOnlySpan<byte> data)
    {
        if (data.Length < 6 || !data.StartsWith("220"u8) || data[3] is not ((byte)' ' or (byte)'-'))
        {
            return false;
        }

        ReadOnlySpan<byte> name = data[4..];
        int labels = 0;
        int start = 0;
        while (true)
        {
            int end = start;
            while (end < name.Length && (char.IsAsciiLetterOrDigit((char)name[end]) || name[end] == (byte)'-'))
            {
                end++;
            }

            if (end == start || name[start] == (byte)'-' || name[end - 1] == (byte)'-')
            {
                return false;
            }

            labels++;
            if (end == name.Length || name[end] != (byte)'.')
            {
                return labels > 1 && char.IsAsciiLetter((char)name[start]);
            }

            start = end + 1;
        }
    }

    public override ProtocolState CreateState(ProtocolSettings settings) => new SmtpParser(this, new SmtpLimits(settings));
}
