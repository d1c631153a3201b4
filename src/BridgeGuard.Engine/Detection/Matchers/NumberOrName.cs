using System.Globalization;

namespace BridgeGuard.Engine.Detection.Matchers;

/// <summary>An argument that is a number or names a variable that <c>byte_extract</c> or <c>byte_math</c> set earlier in the rule.</summary>
/// <param name="Value">The number; 0 with a name.</param>
/// <param name="Name">The variable's name, or null for a number. The rule compiler resolves it.</param>
public readonly record struct NumberOrName(long Value, string? Name)
{
    /// <summary>Whether a variable is named.</summary>
    public bool IsName => Name is not null;

    /// <inheritdoc/>
    public override string ToString() => Name ?? Value.ToString(CultureInfo.InvariantCulture);

    /// <summary>A number in the range, or anything that starts with a letter or underscore as a name.</summary>
    internal static bool TryParse(
        ReadOnlySpan<char> text, int offset, long min, long max, string what, out NumberOrName value, out ArgumentError error)
    {
        error = default;
        value = default;
        if (!text.IsEmpty && (char.IsAsciiLetter(text[0]) || text[0] == '_'))
        {
            value = new NumberOrName(0, text.ToString());
            return true;
        }
        if (!ArgumentNumber.TryParse(text, min, max, out long number))
        {
            error = new ArgumentError(offset, $"{what} is '{text}'; expected a number from {min} to {max} or a variable's name");
            return false;
        }
        value = new NumberOrName(number, null);
        return true;
    }
}
