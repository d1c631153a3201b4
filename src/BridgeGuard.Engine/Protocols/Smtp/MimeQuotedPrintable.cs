using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Smtp;

/// <summary>A quoted-printable body as it comes (RFC 2045 §6.7); lines may come in pieces.</summary>
internal struct MimeQuotedPrintable
{
    private byte _digits;
    private byte _first;

    public readonly bool IsWithinEscape => _digits != 0;

    /// <summary>Decodes a piece of a line, without its end.</summary>
    /// <returns>False when an escape is none; it is left out then.</returns>
    public bool Append(ReadOnlySpan<byte> text, ByteBuffer into)
    {
        bool valid = true;
        foreach (byte value in text)
        {
            switch (_digits)
            {
                case 0 when value == (byte)'=':
                    _digits = 1;
                    break;
                case 0:
                    into.Append(value);
                    break;
                case 1:
                    _first = value;
                    _digits = 2;
                    break;
                default:
                    _digits = 0;
                    if (MimeHex.TryRead(_first, value, out byte decoded))
                    {
                        // Small letters are wrong but every reader takes them.
                        into.Append(decoded);
                        valid &= _first < (byte)'a' && value < (byte)'a';
                    }
                    else
                    {
                        valid = false;
                    }

                    break;
            }
        }

        return valid;
    }

    /// <summary>The end of a line: kept unless an equals sign hides it.</summary>
    /// <returns>False when an escape was cut off.</returns>
    public bool EndLine(ReadOnlySpan<byte> end, ByteBuffer into)
    {
        byte digits = _digits;
        _digits = 0;
        if (digits != 1)
        {
            into.Append(end);
        }

        return digits != 2;
    }
}
