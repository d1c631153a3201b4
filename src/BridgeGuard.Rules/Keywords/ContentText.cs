using BridgeGuard.Rules.Diagnostics;

namespace BridgeGuard.Rules.Keywords;

/// <summary>Reads quoted bytes as <c>content</c> writes them: text, <c>|hex|</c> and backslash escapes.</summary>
internal static class ContentText
{
    /// <summary>Longest content; positions of rules go as far.</summary>
    public const int MaxLength = 65_535;

    private const int MaxOnStack = 512;

    /// <summary>Reads <c>[!]"…"</c>; false after a report.</summary>
    public static bool TryRead(BindContext context, out byte[] bytes, out bool isNegated, bool needsQuotes = true)
    {
        string text = context.Argument;
        int start = 0;
        bytes = [];
        isNegated = text.StartsWith('!');
        if (isNegated)
        {
            start++;
            while (start < text.Length && char.IsWhiteSpace(text[start]))
            {
                start++;
            }
        }

        if (!needsQuotes && start < text.Length && text[start] != '"')
        {
            return TryUnescape(context, text.AsSpan(start), start, out bytes);
        }

        if (text.Length - start < 2 || text[start] != '"' || text[^1] != '"')
        {
            context.Fail(DiagnosticCode.BadContent, "the content is not in quotes", "\"…\"", start);
            return false;
        }

        return TryUnescape(context, text.AsSpan(start + 1, text.Length - start - 2), start + 1, out bytes);
    }

    /// <summary>Reads what stands between the quotes; false after a report. <paramref name="offset"/>: where it begins in the argument.</summary>
    internal static bool TryUnescape(BindContext context, ReadOnlySpan<char> text, int offset, out byte[] bytes)
    {
        bytes = [];
        // Never longer than the text; what fits no stack is rare.
        Span<byte> result = text.Length <= MaxOnStack ? stackalloc byte[MaxOnStack] : new byte[text.Length];
        int count = 0;
        bool inHex = false;
        int high = -1;
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (c == '|')
            {
                if (high >= 0)
                {
                    context.Fail(DiagnosticCode.BadContent, "a hexadecimal byte has one digit", "two digits", offset + i);
                    return false;
                }

                inHex = !inHex;
            }
            else if (inHex)
            {
                if (c == ' ')
                {
                    continue;
                }

                if (!char.IsAsciiHexDigit(c))
                {
                    context.Fail(DiagnosticCode.BadContent, $"«{c}» is not a hexadecimal digit", "0-9, a-f or a blank between bars", offset + i);
                    return false;
                }

                int digit = char.IsAsciiDigit(c) ? c - '0' : (c | 0x20) - 'a' + 10;
                if (high < 0)
                {
                    high = digit;
                }
                else
                {
                    result[count++] = (byte)((high << 4) | digit);
                    high = -1;
                }
            }
            else if (c == '\\')
            {
                i++;
                if (i >= text.Length || text[i] is not ('\\' or '"' or ';' or ':'))
                {
                    context.Fail(DiagnosticCode.BadContent, "a backslash stands before a character that needs none", "\\\\ \\\" \\; or \\:", offset + i);
                    return false;
                }

                result[count++] = (byte)text[i];
            }
            else if (c == '"')
            {
                context.Fail(DiagnosticCode.BadContent, "a quote inside the content is not escaped", "\\\"", offset + i);
                return false;
            }
            else
            {
                result[count++] = (byte)c;
            }
        }

        if (inHex)
        {
            context.Fail(DiagnosticCode.BadContent, "a hexadecimal run is not closed", "|", offset + text.Length);
            return false;
        }

        if (count is 0 or > MaxLength)
        {
            context.Fail(DiagnosticCode.BadContent, count == 0 ? "the content is empty" : $"the content is longer than {MaxLength} bytes", $"1 to {MaxLength} bytes", offset);
            return false;
        }

        bytes = result[..count].ToArray();
        return true;
    }
}
