namespace BridgeGuard.Outputs.Syslog;

/// <summary>How syslog messages travel.</summary>
public enum SyslogTransport : byte
{
    /// <summary>The local socket, /dev/log.</summary>
    Local,

    /// <summary>RFC 5426: one datagram a message.</summary>
    Udp,

    /// <summary>RFC 6587 §3.4.1: octet counting.</summary>
    Tcp,
}

/// <summary>A syslog output (RFC 5424).</summary>
public sealed record SyslogOptions : OutputOptions
{
    public SyslogTransport Transport { get; init; }

    /// <summary>The collector; for <see cref="SyslogTransport.Local"/> the socket's path.</summary>
    public string Host { get; init; } = "/dev/log";

    /// <summary>514 by registration for UDP; TCP collectors mostly use it too.</summary>
    public int Port { get; init; } = 514;

    /// <summary>RFC 5424 §6.2.1: 16 to 23 are local0 to local7; local5 is Suricata's default.</summary>
    public int Facility { get; init; } = 21;

    public string AppName { get; init; } = "bridgeguard";

    public string HostName { get; init; } = Environment.MachineName;

    /// <summary>Longest message; RFC 5424 §6.1 asks receivers for 2048. Longer ones are sent whole over TCP, cut over UDP.</summary>
    public int MaxDatagramBytes { get; init; } = 8192;

    /// <summary>Bytes waiting while the collector is away; then messages are dropped and counted.</summary>
    public int MaxPendingBytes { get; init; } = 4 << 20;

    public TimeSpan RetryInterval { get; init; } = TimeSpan.FromSeconds(1);
}
