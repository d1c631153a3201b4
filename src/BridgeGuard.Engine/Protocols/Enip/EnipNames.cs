using System.Globalization;
using System.Text;

namespace BridgeGuard.Engine.Protocols.Enip;

/// <summary>Names by number, made once from a text of <c>number=name;</c>.</summary>
internal sealed class EnipNames
{
    private readonly Dictionary<uint, byte[]> _names = [];

    public EnipNames(string text)
    {
        foreach (string entry in text.Split(';', StringSplitOptions.RemoveEmptyEntries))
        {
            int equals = entry.IndexOf('=', StringComparison.Ordinal);
            _names[uint.Parse(entry.AsSpan(0, equals), CultureInfo.InvariantCulture)] = Encoding.UTF8.GetBytes(entry[(equals + 1)..]);
        }
    }

    /// <summary>Empty for a number without a name.</summary>
    public ReadOnlySpan<byte> this[uint number] => _names.TryGetValue(number, out byte[]? name) ? name : default;
}
