using System.Buffers.Text;

namespace BridgeGuard.Engine.Protocols.BitTorrentDht;

/// <summary>Reads bencoded values (BEP 3): <c>3:abc</c>, <c>i-5e</c>, <c>l…e</c>, <c>d…e</c>.</summary>
/// <remarks>Every read moves forward; a false result leaves the position undefined and ends the reading. Nesting counts down.</remarks>
internal ref struct BencodeReader(ReadOnlySpan<byte> data)
{
    private ReadOnlySpan<byte> _rest = data;

    /// <summary>The next byte says what comes; 0 at the end.</summary>
    public readonly byte Next => _rest.IsEmpty ? (byte)0 : _rest[0];

    public readonly bool IsText => Next is >= (byte)'0' and <= (byte)'9';

    /// <summary>Takes one byte of structure: d, l or e.</summary>
    public bool TryTake(byte token)
    {
        if (Next != token)
        {
            return false;
        }

        _rest = _rest[1..];
        return true;
    }

    public bool TryReadText(out ReadOnlySpan<byte> text)
    {
        text = default;
        if (!IsText || !Utf8Parser.TryParse(_rest, out uint length, out int digits) || digits >= _rest.Length || _rest[digits] != ':')
        {
            return false;
        }

        _rest = _rest[(digits + 1)..];
        if (length > (uint)_rest.Length)
        {
            return false;
        }

        text = _rest[..(int)length];
        _rest = _rest[(int)length..];
        return true;
    }

    public bool TryReadInteger(out long value)
    {
        value = 0;
        if (!TryTake((byte)'i') || !Utf8Parser.TryParse(_rest, out value, out int digits))
        {
            return false;
        }

        _rest = _rest[digits..];
        return TryTake((byte)'e');
    }

    /// <summary>Walks over one value of any kind.</summary>
    public bool TrySkip(int depth)
    {
        if (IsText)
        {
            return TryReadText(out _);
        }

        switch (Next)
        {
            case (byte)'i':
                return TryReadInteger(out _);
            case (byte)'l' or (byte)'d' when depth > 0:
                _rest = _rest[1..];
                while (!TryTake((byte)'e'))
                {
                    if (!TrySkip(depth - 1))
                    {
                        return false;
                    }
                }

                return true;
            default:
                return false;
        }
    }
}
