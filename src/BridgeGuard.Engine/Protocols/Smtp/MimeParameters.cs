using System.Text;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Smtp;

/// <summary>Parameters of structured fields (RFC 2045 §5.1): <c>; name="value"</c>, with continuations and percent encoding (RFC 2231).</summary>
/// <remarks>As lenient as mail readers: any case, blanks around <c>=</c>, an unclosed quote. Encoded words (RFC 2047) stay as they are.</remarks>
internal static class MimeParameters
{
    /// <summary>Numbered sections put together; more are left out.</summary>
    private const int MaxSections = 64;

    /// <summary>Finds a parameter and appends its value.</summary>
    /// <param name="field">The unfolded value of the field.</param>
    /// <param name="name">In lower case.</param>
    /// <param name="into">Gets the value, decoded.</param>
    /// <returns>False when there is no such parameter; nothing is appended then.</returns>
    public static bool TryRead(ReadOnlySpan<byte> field, ReadOnlySpan<byte> name, ByteBuffer into)
    {
        // The plain form wins over sections, whichever comes first.
        ReadOnlySpan<byte> rest = field;
        while (TryTake(ref rest, out ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value, out bool quoted))
        {
            if (key.Length == name.Length && Ascii.EqualsIgnoreCase(key, name))
            {
                AppendPlain(value, quoted, into);
                return true;
            }
        }

        bool found = false;
        for (int section = 0; section < MaxSections; section++)
        {
            if (!TryFindSection(field, name, section, into))
            {
                // Numbering that begins at one happens.
                if (section > 1 || found)
                {
                    break;
                }

                continue;
            }

            found = true;
        }

        return found;
    }

    /// <summary>Finds <c>name*N</c> or <c>name*N*</c>; section 0 may also be <c>name*</c>.</summary>
    private static bool TryFindSection(ReadOnlySpan<byte> field, ReadOnlySpan<byte> name, int section, ByteBuffer into)
    {
        ReadOnlySpan<byte> rest = field;
        while (TryTake(ref rest, out ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value, out bool quoted))
        {
            if (key.Length <= name.Length || key[name.Length] != (byte)'*' || !Ascii.EqualsIgnoreCase(key[..name.Length], name))
            {
                continue;
            }

            ReadOnlySpan<byte> suffix = key[(name.Length + 1)..];
            bool isEncoded = suffix.IsEmpty || suffix[^1] == (byte)'*';
            suffix = suffix.TrimEnd((byte)'*');
            int number = 0;
            if (!suffix.IsEmpty && (!System.Buffers.Text.Utf8Parser.TryParse(suffix, out number, out int used) || used != suffix.Length))
            {
                continue;
            }

            if (number != section)
            {
                continue;
            }

            if (isEncoded)
            {
                AppendEncoded(value, hasCharset: section == 0, into);
            }
            else
            {
                AppendPlain(value, quoted, into);
            }

            return true;
        }

        return false;
    }

    /// <summary>Takes the next <c>; name=value</c> out of <paramref name="rest"/>.</summary>
    private static bool TryTake(ref ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value, out bool quoted)
    {
        key = value = default;
        quoted = false;
        while (true)
        {
            int semicolon = IndexOfUnquoted(rest, (byte)';');
            if (semicolon < 0)
            {
                rest = default;
                return false;
            }

            rest = rest[(semicolon + 1)..];
            int end = IndexOfUnquoted(rest, (byte)';');
            ReadOnlySpan<byte> parameter = end < 0 ? rest : rest[..end];
            int equals = parameter.IndexOf((byte)'=');
            if (equals <= 0)
            {
                continue;
            }

            key = parameter[..equals].Trim(" \t\r\n"u8);
            value = parameter[(equals + 1)..].Trim(" \t\r\n"u8);
            if (value.Length >= 2 && value[0] == (byte)'"' && value[^1] == (byte)'"')
            {
                value = value[1..^1];
                quoted = true;
            }

            return true;
        }
    }

    private static int IndexOfUnquoted(ReadOnlySpan<byte> text, byte wanted)
    {
        bool quoted = false;
        for (int i = 0; i < text.Length; i++)
        {
            byte value = text[i];
            if (value == (byte)'\\' && quoted)
            {
                i++;
            }
            else if (value == (byte)'"')
            {
                quoted = !quoted;
            }
            else if (value == wanted && !quoted)
            {
                return i;
            }
        }

        return -1;
    }

    private static void AppendPlain(ReadOnlySpan<byte> value, bool quoted, ByteBuffer into)
    {
        for (int i = 0; i < value.Length; i++)
        {
            if (quoted && value[i] == (byte)'\\' && i + 1 < value.Length)
            {
                i++;
            }

            into.Append(value[i]);
        }
    }

    /// <summary>RFC 2231 §4: <c>charset'language'</c> before the first section, then percent encoding.</summary>
    private static void AppendEncoded(ReadOnlySpan<byte> value, bool hasCharset, ByteBuffer into)
    {
        if (hasCharset)
        {
            int first = value.IndexOf((byte)'\'');
            int second = first < 0 ? -1 : value[(first + 1)..].IndexOf((byte)'\'');
            value = second < 0 ? value : value[(first + second + 2)..];
        }

        for (int i = 0; i < value.Length; i++)
        {
            if (value[i] == (byte)'%' && i + 2 < value.Length && MimeHex.TryRead(value[i + 1], value[i + 2], out byte decoded))
            {
                into.Append(decoded);
                i += 2;
            }
            else
            {
                into.Append(value[i]);
            }
        }
    }
}
