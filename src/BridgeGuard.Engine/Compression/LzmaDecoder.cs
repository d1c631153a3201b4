using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Compression;

internal enum LzmaStatus : byte
{
    /// <summary>All input is taken; more is needed.</summary>
    NeedInput,

    /// <summary>The output span is full; call again with the rest of the input.</summary>
    OutputFull,

    /// <summary>The announced size is reached or the end marker was read; the rest of the input is not part of it.</summary>
    Done,

    /// <summary>Not LZMA (or no longer).</summary>
    Error,

    /// <summary>The next byte would need more memory than <see cref="LzmaDecoder.MemoryLimitBytes"/>.</summary>
    MemoryLimit,
}

/// <summary>A resumable decoder of the LZMA file format ("LZMA alone": properties, dictionary size, size, one LZMA stream): any pieces in, any span out.</summary>
/// <remarks>
/// <para>
/// Ours for the reason <see cref="Inflater"/> is: managed libraries pull from a stream, and a packet is pushed; liblzma would be native code over a stranger's bytes in
/// the data plane.
/// </para>
/// <para>
/// A symbol is decoded whole or not at all: where the input ends within one, the probabilities it changed are put back and its bytes (at most <see cref="MaxSymbolBytes"/>)
/// wait for the next piece. So what can be decoded of the bytes so far always is.
/// </para>
/// <para>
/// Memory: history up to the stream's dictionary size, taken from the <see cref="BlockCache"/> as it fills and given back by <see cref="End"/>, and the tables of probabilities; both
/// within <see cref="MemoryLimitBytes"/> each. Work: each symbol makes output; its cost is bounded, so a call does at most output + input work.
/// </para>
/// </remarks>
internal sealed class LzmaDecoder
{
    /// <summary>Properties, dictionary size and uncompressed size.</summary>
    private const int HeaderBytes = 13;

    /// <summary>A zero and the first code value.</summary>
    private const int RangeBytes = 5;

    /// <summary>No symbol takes more from the input: a match of 23 bits with at most 6.1 bits each, and 26 direct bits, is below 21 bytes.</summary>
    private const int MaxSymbolBytes = 24;

    /// <summary>Encoders make no smaller dictionary, decoders count a smaller one as this.</summary>
    private const uint SmallestDictionary = 4096;

    private const int FirstWindowBytes = 16 << 10;
    private const uint EndMarker = uint.MaxValue;

    private enum Mode : byte
    {
        Header,
        Range,
        Symbol,
        Done,
        Error,
        MemoryLimit,
    }

    private readonly byte[] _pending = new byte[MaxSymbolBytes * 2];
    private byte[] _window = [];
    private byte[] _probabilities = [];
    private int _pendingLength;
    private Mode _mode;
    private LzmaModel _model;
    private uint _range;
    private uint _code;
    private uint _dictionary;
    private ulong _size;
    private ulong _produced;
    private int _copyLeft;

    /// <summary>History and tables may take so much each (Suricata's <c>lzma-memlimit</c>).</summary>
    public long MemoryLimitBytes { get; set; } = 1 << 20;

    public void Reset()
    {
        End();
        _mode = Mode.Header;
        _pendingLength = 0;
        _produced = 0;
        _copyLeft = 0;
    }

    /// <summary>Gives history and tables back.</summary>
    public void End()
    {
        BlockCache.Return(_window);
        BlockCache.Return(_probabilities);
        _window = _probabilities = [];
        _mode = _mode is Mode.Range or Mode.Symbol ? Mode.Error : _mode;
    }

    /// <summary>Decodes as much as fits.</summary>
    /// <param name="input">Advanced past what was taken.</param>
    /// <param name="output">Room for decoded bytes, not empty.</param>
    /// <param name="written">Bytes written to it.</param>
    public LzmaStatus Run(ref ReadOnlySpan<byte> input, Span<byte> output, out int written)
    {
        written = 0;
        while (true)
        {
            switch (_mode)
            {
                case Mode.Done:
                    return LzmaStatus.Done;
                case Mode.Error:
                    return LzmaStatus.Error;
                case Mode.MemoryLimit:
                    return LzmaStatus.MemoryLimit;
                case Mode.Header:
                    if (!TryCollect(ref input, HeaderBytes))
                    {
                        return LzmaStatus.NeedInput;
                    }

                    ReadHeader();
                    break;
                case Mode.Range:
                    if (!TryCollect(ref input, RangeBytes))
                    {
                        return LzmaStatus.NeedInput;
                    }

                    BeginRange();
                    break;
                default:
                    if (written == output.Length)
                    {
                        return LzmaStatus.OutputFull;
                    }

                    if (!Step(ref input, output, ref written))
                    {
                        return LzmaStatus.NeedInput;
                    }

                    break;
            }
        }
    }

    /// <summary>Gathers a head of fixed length.</summary>
    private bool TryCollect(ref ReadOnlySpan<byte> input, int length)
    {
        int taken = Math.Min(length - _pendingLength, input.Length);
        input[..taken].CopyTo(_pending.AsSpan(_pendingLength));
        _pendingLength += taken;
        input = input[taken..];
        return _pendingLength == length;
    }

    private void ReadHeader()
    {
        _pendingLength = 0;
        _dictionary = Math.Max(BinaryPrimitives.ReadUInt32LittleEndian(_pending.AsSpan(1)), SmallestDictionary);
        _size = BinaryPrimitives.ReadUInt64LittleEndian(_pending.AsSpan(5));
        if (!LzmaModel.TryCreate(_pending[0], out _model))
        {
            _mode = Mode.Error;
            return;
        }

        long tables = (long)_model.Count * sizeof(ushort);
        if (tables > Math.Max(MemoryLimitBytes, LzmaModel.UsualBytes))
        {
            _mode = Mode.MemoryLimit;
            return;
        }

        _probabilities = BlockCache.Rent((int)tables);
        LzmaModel.Fill(Probabilities);
        _mode = Mode.Range;
    }

    private void BeginRange()
    {
        _pendingLength = 0;
        _range = uint.MaxValue;
        _code = BinaryPrimitives.ReadUInt32BigEndian(_pending.AsSpan(1));

        // A code equal to the range cannot have been written.
        _mode = _pending[0] != 0 || _code == _range ? Mode.Error : _size == 0 ? Mode.Done : Mode.Symbol;
    }

    private Span<ushort> Probabilities => MemoryMarshal.Cast<byte, ushort>(_probabilities.AsSpan())[.._model.Count];

    /// <summary>The rest of a match, or one symbol; false when the input ends within it.</summary>
    private bool Step(ref ReadOnlySpan<byte> input, Span<byte> output, ref int written)
    {
        if (_copyLeft == 0)
        {
            if (!TryReadSymbol(ref input, out LzmaSymbol symbol))
            {
                return false;
            }

            if (!Apply(in symbol, output, ref written))
            {
                return true;
            }
        }

        while (_copyLeft > 0 && written < output.Length && EnsureRoom())
        {
            Emit(_window[Place(_model.Rep0 + 1)], output, ref written);
            _copyLeft--;
        }

        _mode = _mode == Mode.Symbol && _produced == _size ? Mode.Done : _mode;
        return true;
    }

    /// <summary>Where the byte lies that was given out <paramref name="distance"/> bytes ago.</summary>
    private int Place(uint distance) => (int)((_produced - distance) & (ulong)(uint)(_window.Length - 1));

    /// <returns>False when nothing is to be copied.</returns>
    private bool Apply(in LzmaSymbol symbol, Span<byte> output, ref int written)
    {
        if (symbol.Length == 0)
        {
            if (EnsureRoom())
            {
                Emit(symbol.Literal, output, ref written);
                _mode = _produced == _size ? Mode.Done : _mode;
            }

            return false;
        }

        if (_model.Rep0 == EndMarker)
        {
            _mode = Mode.Done;
            return false;
        }

        if (_model.Rep0 >= _produced || _model.Rep0 >= _dictionary)
        {
            _mode = Mode.Error;
            return false;
        }

        _copyLeft = (int)Math.Min((ulong)symbol.Length, _size - _produced);
        return true;
    }

    private bool TryReadSymbol(ref ReadOnlySpan<byte> input, out LzmaSymbol symbol)
    {
        byte last = _produced == 0 ? (byte)0 : _window[Place(1)];
        byte match = _model.Rep0 < _produced ? _window[Place(_model.Rep0 + 1)] : (byte)0;
        bool isPending = _pendingLength > 0;
        int added = 0;
        ReadOnlySpan<byte> bytes = input;
        if (isPending)
        {
            added = Math.Min(input.Length, MaxSymbolBytes);
            input[..added].CopyTo(_pending.AsSpan(_pendingLength));
            bytes = _pending.AsSpan(0, _pendingLength + added);
        }

        var coder = new LzmaRangeCoder(bytes, Probabilities, _range, _code, mayStarve: bytes.Length < MaxSymbolBytes);
        LzmaModel model = _model;
        symbol = model.Read(ref coder, _produced, last, match);
        if (coder.IsStarved)
        {
            coder.Undo();
            if (!isPending)
            {
                input.CopyTo(_pending);
                added = input.Length;
            }

            _pendingLength += added;
            input = [];
            return false;
        }

        _model = model;
        _range = coder.Range;
        _code = coder.Code;
        input = input[(coder.Position - _pendingLength)..];
        _pendingLength = 0;
        return true;
    }

    /// <summary>History grows as it fills, up to the dictionary; false at the memory limit.</summary>
    private bool EnsureRoom()
    {
        if (_produced < (ulong)_window.Length || (uint)_window.Length >= _dictionary)
        {
            return true;
        }

        if ((long)_produced >= MemoryLimitBytes)
        {
            _mode = Mode.MemoryLimit;
            _copyLeft = 0;
            return false;
        }

        long wanted = Math.Min(Math.Max(_window.Length * 2L, FirstWindowBytes), Math.Min(_dictionary, Math.Max(MemoryLimitBytes, SmallestDictionary)));
        byte[] larger = BlockCache.Rent((int)BitOperations.RoundUpToPowerOf2((ulong)wanted));
        _window.CopyTo(larger, 0);
        BlockCache.Return(_window);
        _window = larger;
        return true;
    }

    private void Emit(byte value, Span<byte> output, ref int written)
    {
        output[written++] = value;
        _window[(int)(_produced++ & (ulong)(uint)(_window.Length - 1))] = value;
    }
}
