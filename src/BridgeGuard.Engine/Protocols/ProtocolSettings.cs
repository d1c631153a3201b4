using System.Globalization;

namespace BridgeGuard.Engine.Protocols;

/// <summary>The part of the configuration that belongs to one protocol (<c>app-layer.protocols.NAME</c>), flattened: <c>libhtp.default-config.request-body-limit</c>.</summary>
/// <remarks>Read when states are created, never per packet; each protocol's <c>*Limits</c> class turns it into typed values with defaults.</remarks>
public sealed class ProtocolSettings(IReadOnlyDictionary<string, string> values)
{
    public static readonly ProtocolSettings Empty = new(new Dictionary<string, string>());

    /// <summary>The engine stands in the traffic's way: what is set to <c>auto</c> follows it.</summary>
    public bool IsInline { get; init; }

    /// <summary>Nothing is said: in lists of record types a bare name.</summary>
    public bool IsEmpty => values.Count == 0;

    /// <summary>The same for an engine that is inline, or is not.</summary>
    public ProtocolSettings For(bool isInline) => isInline == IsInline ? this : new ProtocolSettings(values) { IsInline = isInline };

    public string? Get(string key) => values.TryGetValue(key, out string? value) ? value : null;

    public bool GetBool(string key, bool otherwise) => Get(key) switch
    {
        "yes" or "true" or "1" or "on" => true,
        "no" or "false" or "0" or "off" => false,
        _ => otherwise,
    };

    /// <summary>A number of bytes or things, with <c>kb/mb/gb</c> and <c>KiB/MiB/GiB</c> suffixes (all powers of 1024, as Suricata reads them).</summary>
    public long GetSize(string key, long otherwise) => Get(key) is { } text && TryParseSize(text, out long size) ? size : otherwise;

    public static bool TryParseSize(string text, out long size)
    {
        ReadOnlySpan<char> rest = text.AsSpan().Trim();
        int digits = 0;
        while (digits < rest.Length && (char.IsAsciiDigit(rest[digits]) || rest[digits] == '.'))
        {
            digits++;
        }

        size = 0;
        if (digits == 0 || !double.TryParse(rest[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number))
        {
            return false;
        }

        long unit = UnitOf(rest[digits..].Trim());
        size = (long)(number * unit);
        return unit != 0;
    }

    private static long UnitOf(ReadOnlySpan<char> unit)
    {
        ReadOnlySpan<char> scale = unit.EndsWith("ib", StringComparison.OrdinalIgnoreCase) ? unit[..^2]
            : unit.EndsWith("b", StringComparison.OrdinalIgnoreCase) ? unit[..^1] : unit;
        return scale switch
        {
            "" => unit.Length < 2 ? 1 : 0,
            "k" or "K" => 1L << 10,
            "m" or "M" => 1L << 20,
            "g" or "G" => 1L << 30,
            _ => 0,
        };
    }

    /// <summary>All keys, for sections that are lists (per-server HTTP personalities).</summary>
    public IEnumerable<KeyValuePair<string, string>> All => values;
}
