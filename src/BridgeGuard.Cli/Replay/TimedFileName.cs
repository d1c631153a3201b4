using System.Globalization;
using System.Text;

namespace BridgeGuard.Cli.Replay;

/// <summary>Names of files with the time in them, written as <c>strftime</c> has it (<c>eve-%Y-%m-%d.json</c>).</summary>
internal static class TimedFileName
{
    /// <summary>The name at a time; what is no known field stays as it is.</summary>
    public static string At(string pattern, DateTime time)
    {
        if (!pattern.Contains('%', StringComparison.Ordinal))
        {
            return pattern;
        }

        StringBuilder name = new();
        for (int i = 0; i < pattern.Length; i++)
        {
            if (pattern[i] == '%' && i + 1 < pattern.Length && Field(pattern[i + 1], time) is { } text)
            {
                name.Append(text);
                i++;
            }
            else
            {
                name.Append(pattern[i]);
            }
        }

        return name.ToString();
    }

    /// <summary>Seconds until files are begun that are begun each minute, hour or day, or so many seconds after the last.</summary>
    /// <param name="interval">Seconds; whole minutes, hours and days count from the clock's own.</param>
    /// <param name="now">Local time.</param>
    public static long SecondsToNext(long interval, DateTime now) => interval is 60 or 3600 or 86400
        ? interval - ((long)now.TimeOfDay.TotalSeconds % interval)
        : interval;

    private static string? Field(char field, DateTime time) => field switch
    {
        'Y' => time.ToString("yyyy", CultureInfo.InvariantCulture),
        'y' => time.ToString("yy", CultureInfo.InvariantCulture),
        'm' => time.ToString("MM", CultureInfo.InvariantCulture),
        'd' => time.ToString("dd", CultureInfo.InvariantCulture),
        'H' => time.ToString("HH", CultureInfo.InvariantCulture),
        'I' => time.ToString("hh", CultureInfo.InvariantCulture),
        'M' => time.ToString("mm", CultureInfo.InvariantCulture),
        'S' => time.ToString("ss", CultureInfo.InvariantCulture),
        'j' => time.DayOfYear.ToString("000", CultureInfo.InvariantCulture),
        'F' => time.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        'T' => time.ToString("HH:mm:ss", CultureInfo.InvariantCulture),
        'R' => time.ToString("HH:mm", CultureInfo.InvariantCulture),
        'b' => time.ToString("MMM", CultureInfo.InvariantCulture),
        'a' => time.ToString("ddd", CultureInfo.InvariantCulture),
        's' => new DateTimeOffset(time).ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture),
        '%' => "%",
        _ => null,
    };
}
