namespace BridgeGuard.Engine.Compression;

/// <summary>Reads a gzip member's header (RFC 1952 §2.3) in any pieces. Reserved flags are ignored: receivers do.</summary>
internal struct GzipHeader
{
    private const int FixedBytes = 10;
    private const byte FlagHeaderCrc = 2;
    private const byte FlagExtra = 4;
    private const byte FlagName = 8;
    private const byte FlagComment = 16;

    private enum Part : byte
    {
        Fixed,
        ExtraLength,
        Extra,
        Name,
        Comment,
        HeaderCrc,
        Done,
    }

    private Part _part;
    private int _count;
    private int _extra;
    private byte _flags;

    /// <summary>Takes header bytes; true when the header is over.</summary>
    /// <param name="input">Advanced past the header's bytes.</param>
    /// <param name="isBad">Not a gzip header.</param>
    public bool TryRead(ref ReadOnlySpan<byte> input, out bool isBad)
    {
        isBad = false;
        SkipAbsent();
        while (_part != Part.Done && !input.IsEmpty)
        {
            byte value = input[0];
            if (_part == Part.Fixed && !IsFixedRight(value))
            {
                isBad = true;
                return false;
            }

            input = input[1..];
            Take(value);
            SkipAbsent();
        }

        return _part == Part.Done;
    }

    private readonly bool IsFixedRight(byte value) => _count switch
    {
        0 => value == 0x1f,
        1 => value == 0x8b,
        2 => value == 8,
        _ => true,
    };

    private void Take(byte value)
    {
        switch (_part)
        {
            case Part.Fixed:
                _flags = _count == 3 ? value : _flags;
                Advance(++_count == FixedBytes);
                break;
            case Part.ExtraLength:
                _extra |= value << (8 * _count);
                Advance(++_count == 2);
                break;
            case Part.Extra:
                Advance(--_extra == 0);
                break;
            case Part.Name or Part.Comment:
                Advance(value == 0);
                break;
            default:
                Advance(++_count == 2);
                break;
        }
    }

    private void Advance(bool isOver)
    {
        if (isOver)
        {
            _part++;
            _count = 0;
        }
    }

    private void SkipAbsent()
    {
        while (_part switch
        {
            Part.ExtraLength => (_flags & FlagExtra) == 0,
            Part.Extra => _extra == 0,
            Part.Name => (_flags & FlagName) == 0,
            Part.Comment => (_flags & FlagComment) == 0,
            Part.HeaderCrc => (_flags & FlagHeaderCrc) == 0,
            _ => false,
        })
        {
            _part++;
        }
    }
}
