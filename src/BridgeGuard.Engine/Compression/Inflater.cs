using System.Buffers.Binary;

namespace BridgeGuard.Engine.Compression;

internal enum InflateStatus : byte
{
    /// <summary>All input is taken; more is needed.</summary>
    NeedInput,

    /// <summary>The output span is full; call again with the rest of the input.</summary>
    OutputFull,

    /// <summary>The last block has ended; the rest of the input is not part of it.</summary>
    Done,

    /// <summary>Not a deflate stream (or no longer).</summary>
    Error,
}

/// <summary>A resumable decoder of raw deflate data (RFC 1951): takes input in any pieces, gives output into any span.</summary>
/// <remarks>
/// Ours because the framework's decoder can only pull from a stream, and a packet is pushed. Pooled by its owner; 32 KiB of history and about
/// 5 KiB of tables, allocated once. Bounds: every symbol either consumes input bits or produces output, so a call does at most
/// input + output work.
/// </remarks>
internal sealed class Inflater
{
    private const int WindowBytes = 1 << 15;
    private const int WindowMask = WindowBytes - 1;
    private const int MaxLiteralCodes = 288;
    private const int MaxDistanceCodes = 32;

    private enum Mode : byte
    {
        BlockHeader,
        StoredLength,
        Stored,
        TableHeader,
        CodeLengths,
        TableLengths,
        Symbol,
        LengthExtra,
        Distance,
        DistanceExtra,
        Copy,
        Done,
        Error,
    }

    private readonly byte[] _window = new byte[WindowBytes];
    private readonly HuffmanTable _literals = new(MaxLiteralCodes);
    private readonly HuffmanTable _distances = new(MaxDistanceCodes);
    private readonly HuffmanTable _lengthCodes = new(19);
    private readonly byte[] _lengths = new byte[MaxLiteralCodes + MaxDistanceCodes];
    private ulong _bits;
    private int _bitCount;
    private Mode _mode;
    private bool _isLast;
    private int _position;
    private long _produced;
    private int _stored;
    private int _literalCount;
    private int _distanceCount;
    private int _codeCount;
    private int _index;
    private int _length;
    private int _distance;
    private int _symbol;

    private static ReadOnlySpan<byte> CodeOrder => [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

    private static readonly ushort[] LengthBase =
        [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];

    private static ReadOnlySpan<byte> LengthExtraBits => [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];

    private static readonly ushort[] DistanceBase =
        [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577];

    private static ReadOnlySpan<byte> DistanceExtraBits =>
        [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13];

    /// <summary>Bytes given out since the last reset.</summary>
    public long Produced => _produced;

    public void Reset()
    {
        _bits = 0;
        _bitCount = 0;
        _mode = Mode.BlockHeader;
        _isLast = false;
        _position = 0;
        _produced = 0;
    }

    /// <summary>Decodes as much as fits.</summary>
    /// <param name="input">Advanced past what was taken; after <see cref="InflateStatus.Done"/> see <see cref="TryTakeLeftover"/>.</param>
    /// <param name="output">Room for decoded bytes, not empty.</param>
    /// <param name="written">Bytes written to it.</param>
    public InflateStatus Run(ref ReadOnlySpan<byte> input, Span<byte> output, out int written)
    {
        written = 0;
        while (true)
        {
            Fill(ref input);
            switch (_mode)
            {
                case Mode.Done:
                    Drop(_bitCount & 7);
                    return InflateStatus.Done;
                case Mode.Error:
                    return InflateStatus.Error;
                case Mode.Stored:
                    if (_stored == 0)
                    {
                        EndBlock();
                        break;
                    }

                    if (written == output.Length)
                    {
                        return InflateStatus.OutputFull;
                    }

                    if (!CopyStored(ref input, output, ref written))
                    {
                        return InflateStatus.NeedInput;
                    }

                    break;
                case Mode.Copy:
                    CopyMatch(output, ref written);
                    if (_length != 0)
                    {
                        return InflateStatus.OutputFull;
                    }

                    _mode = Mode.Symbol;
                    break;
                case Mode.Symbol when written == output.Length:
                    return InflateStatus.OutputFull;
                default:
                    // A step that wants more bits is asked again after the next fill, as long as there is input.
                    if (!Step(output, ref written) && input.IsEmpty)
                    {
                        return InflateStatus.NeedInput;
                    }

                    break;
            }
        }
    }

    /// <summary>One element of the bit stream; false when more bits are needed.</summary>
    private bool Step(Span<byte> output, ref int written) => _mode switch
    {
        Mode.BlockHeader => ReadBlockHeader(),
        Mode.StoredLength => ReadStoredLength(),
        Mode.TableHeader => ReadTableHeader(),
        Mode.CodeLengths => ReadCodeLengths(),
        Mode.TableLengths => ReadTableLengths(),
        Mode.Symbol => ReadSymbol(output, ref written),
        Mode.LengthExtra => ReadLengthExtra(),
        Mode.Distance => ReadDistance(),
        _ => ReadDistanceExtra(),
    };

    private bool ReadBlockHeader()
    {
        if (_bitCount < 3)
        {
            return false;
        }

        _isLast = (_bits & 1) != 0;
        int type = (int)(_bits >> 1) & 3;
        Drop(3);
        switch (type)
        {
            case 0:
                Drop(_bitCount & 7);
                _mode = Mode.StoredLength;
                break;
            case 1:
                BuildFixed();
                _mode = Mode.Symbol;
                break;
            case 2:
                _mode = Mode.TableHeader;
                break;
            default:
                _mode = Mode.Error;
                break;
        }

        return true;
    }

    private bool ReadStoredLength()
    {
        if (_bitCount < 32)
        {
            return false;
        }

        uint both = (uint)_bits;
        Drop(32);
        _stored = (int)(both & 0xffff);
        _mode = _stored == (int)(~both >> 16) ? Mode.Stored : Mode.Error;
        return true;
    }

    private bool ReadTableHeader()
    {
        if (_bitCount < 14)
        {
            return false;
        }

        _literalCount = (int)(_bits & 31) + 257;
        _distanceCount = (int)((_bits >> 5) & 31) + 1;
        _codeCount = (int)((_bits >> 10) & 15) + 4;
        Drop(14);
        _index = 0;
        Array.Clear(_lengths, 0, 19);
        _mode = _literalCount > 286 ? Mode.Error : Mode.CodeLengths;
        return true;
    }

    private bool ReadCodeLengths()
    {
        while (_index < _codeCount)
        {
            if (_bitCount < 3)
            {
                return false;
            }

            _lengths[CodeOrder[_index++]] = (byte)(_bits & 7);
            Drop(3);
        }

        _mode = _lengthCodes.TryBuild(_lengths.AsSpan(0, 19)) ? Mode.TableLengths : Mode.Error;
        _index = 0;
        return true;
    }

    private bool ReadTableLengths()
    {
        int total = _literalCount + _distanceCount;
        while (_index < total)
        {
            int entry = _lengthCodes.Decode(_bits, _bitCount);
            if (entry <= 0)
            {
                _mode = entry < 0 ? Mode.Error : _mode;
                return entry < 0;
            }

            int symbol = entry >> 4;
            int used = entry & 15;
            if (symbol < 16)
            {
                Drop(used);
                _lengths[_index++] = (byte)symbol;
                continue;
            }

            int extra = symbol == 16 ? 2 : symbol == 17 ? 3 : 7;
            if (_bitCount < used + extra)
            {
                return false;
            }

            int repeat = (int)((_bits >> used) & ((1UL << extra) - 1)) + (symbol == 18 ? 11 : 3);
            if (_index + repeat > total || (symbol == 16 && _index == 0))
            {
                _mode = Mode.Error;
                return true;
            }

            Drop(used + extra);
            _lengths.AsSpan(_index, repeat).Fill(symbol == 16 ? _lengths[_index - 1] : (byte)0);
            _index += repeat;
        }

        bool isBuilt = _literals.TryBuild(_lengths.AsSpan(0, _literalCount)) && _distances.TryBuild(_lengths.AsSpan(_literalCount, _distanceCount));
        _mode = isBuilt ? Mode.Symbol : Mode.Error;
        return true;
    }

    private bool ReadSymbol(Span<byte> output, ref int written)
    {
        int entry = _literals.Decode(_bits, _bitCount);
        if (entry <= 0)
        {
            _mode = entry < 0 ? Mode.Error : _mode;
            return entry < 0;
        }

        int symbol = entry >> 4;
        if (symbol < 256)
        {
            Drop(entry & 15);
            Emit((byte)symbol, output, ref written);
            return true;
        }

        Drop(entry & 15);
        if (symbol == 256)
        {
            EndBlock();
            return true;
        }

        _symbol = symbol - 257;
        _mode = _symbol < LengthBase.Length ? Mode.LengthExtra : Mode.Error;
        return true;
    }

    private bool ReadLengthExtra()
    {
        int extra = LengthExtraBits[_symbol];
        if (_bitCount < extra)
        {
            return false;
        }

        _length = LengthBase[_symbol] + (int)(_bits & ((1UL << extra) - 1));
        Drop(extra);
        _mode = Mode.Distance;
        return true;
    }

    private bool ReadDistance()
    {
        int entry = _distances.Decode(_bits, _bitCount);
        if (entry <= 0)
        {
            _mode = entry < 0 ? Mode.Error : _mode;
            return entry < 0;
        }

        Drop(entry & 15);
        _symbol = entry >> 4;
        _mode = _symbol < DistanceBase.Length ? Mode.DistanceExtra : Mode.Error;
        return true;
    }

    private bool ReadDistanceExtra()
    {
        int extra = DistanceExtraBits[_symbol];
        if (_bitCount < extra)
        {
            return false;
        }

        _distance = DistanceBase[_symbol] + (int)(_bits & ((1UL << extra) - 1));
        Drop(extra);
        _mode = _distance <= _produced ? Mode.Copy : Mode.Error;
        return true;
    }

    private void CopyMatch(Span<byte> output, ref int written)
    {
        int count = Math.Min(_length, output.Length - written);
        for (int i = 0; i < count; i++)
        {
            Emit(_window[(_position - _distance) & WindowMask], output, ref written);
        }

        _length -= count;
    }

    private bool CopyStored(ref ReadOnlySpan<byte> input, Span<byte> output, ref int written)
    {
        while (_bitCount >= 8 && _stored > 0 && written < output.Length)
        {
            Emit((byte)_bits, output, ref written);
            Drop(8);
            _stored--;
        }

        int count = Math.Min(_stored, Math.Min(input.Length, output.Length - written));
        if (_bitCount == 0)
        {
            for (int i = 0; i < count; i++)
            {
                Emit(input[i], output, ref written);
            }

            input = input[count..];
            _stored -= count;
        }

        return _stored == 0 || written == output.Length;
    }

    private void Emit(byte value, Span<byte> output, ref int written)
    {
        output[written++] = value;
        _window[_position] = value;
        _position = (_position + 1) & WindowMask;
        _produced++;
    }

    private void EndBlock() => _mode = _isLast ? Mode.Done : Mode.BlockHeader;

    private void BuildFixed()
    {
        Span<byte> lengths = _lengths;
        lengths[..144].Fill(8);
        lengths[144..256].Fill(9);
        lengths[256..280].Fill(7);
        lengths[280..288].Fill(8);
        lengths.Slice(288, 30).Fill(5);
        _literals.TryBuild(lengths[..288]);
        _distances.TryBuild(lengths.Slice(288, 30));
    }

    private void Fill(ref ReadOnlySpan<byte> input)
    {
        if (_mode == Mode.Stored)
        {
            return; // Bytes are copied straight from the input.
        }

        if (_bitCount <= 32 && input.Length >= 4)
        {
            _bits |= (ulong)BinaryPrimitives.ReadUInt32LittleEndian(input) << _bitCount;
            _bitCount += 32;
            input = input[4..];
        }

        while (_bitCount <= 48 && input.Length > 0 && input.Length < 4)
        {
            _bits |= (ulong)input[0] << _bitCount;
            _bitCount += 8;
            input = input[1..];
        }
    }

    /// <summary>Takes one byte that was read ahead behind the end of the stream.</summary>
    public bool TryTakeLeftover(out byte value)
    {
        value = (byte)_bits;
        if (_bitCount < 8)
        {
            return false;
        }

        Drop(8);
        return true;
    }

    private void Drop(int count)
    {
        _bits >>= count;
        _bitCount -= count;
    }
}
