using System.Globalization;
using System.Text;
using BridgeGuard.Engine.Events;

namespace BridgeGuard.Outputs.Syslog;

/// <summary>An event as an RFC 5424 message: header, no structured data, the EVE record as text.</summary>
internal static class SyslogMessage
{
    /// <summary>RFC 5424 §6.2: HOSTNAME, APP-NAME, PROCID and MSGID are printable ASCII of limited length; anything else is "-".</summary>
    public static string Name(string text, int maxLength)
    {
        string clean = new([.. text.Where(c => c is > ' ' and < '\x7f').Take(maxLength)]);
        return clean.Length == 0 ? "-" : clean;
    }

    public static byte[] Create(in EventHeader header, ReadOnlySpan<byte> json, SyslogOptions options)
    {
        DateTime time = DateTime.UnixEpoch.AddMicroseconds(Math.Clamp(header.TimestampUs, 0, 253_402_300_799_000_000));
        string head = string.Create(
            CultureInfo.InvariantCulture,
            $"<{(options.Facility * 8) + Severity(header)}>1 {time:yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'} {Name(options.HostName, 255)} {Name(options.AppName, 48)} {Environment.ProcessId} {header.Kind} - ");
        return [.. Encoding.ASCII.GetBytes(head), .. json];
    }

    /// <summary>Our 1 (most severe) is "critical"; events without severity are "informational".</summary>
    private static int Severity(in EventHeader header) => header.Severity switch
    {
        0 => 6,
        1 => 2,
        2 => 4,
        3 => 5,
        _ => 6,
    };
}
