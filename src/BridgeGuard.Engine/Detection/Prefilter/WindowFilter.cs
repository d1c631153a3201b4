using System.Numerics;
using System.Runtime.CompilerServices;

namespace BridgeGuard.Engine.Detection.Prefilter;

/// <summary>Finds unanchored patterns of two bytes and more with a hash of a few bytes and a bitmap.</summary>
/// <remarks>
/// From each pattern, <c>stride</c> neighbouring windows of <c>width</c> bytes are taken where they look rarest. A scan hashes
/// the window at every <c>stride</c>-th position of the buffer: whatever the alignment, exactly one window of an occurrence is
/// met. A hit in the bitmap leads to a bucket of (check, pattern, offset); equal checks lead to the comparison. Patterns of
/// eight bytes and more use five-byte windows at every fourth position. Thread: any; immutable.
/// </remarks>
internal sealed partial class WindowFilter
{
    /// <summary>Bitmap of 512 bytes at least: smaller does not help.</summary>
    private const int MinBitmapBits = 12;

    /// <summary>Bitmap of 64 KiB at most: past this the second-level cache is lost (measured with 60,000 patterns).</summary>
    private const int MaxBitmapBits = 19;

    private readonly PatternTable _table;
    private readonly byte[] _bitmap;
    private readonly uint[] _bucketStart;
    private readonly Slot[] _slots;
    private readonly int _width;
    private readonly int _stride;
    private readonly int _bitmapShift;
    private readonly int _bucketShift;
    private readonly long _minStart;
    private readonly long _maxEnd;
    private readonly bool _wide;

    /// <param name="table">The patterns.</param>
    /// <param name="patterns">Those to find, each at least <c>width + stride - 1</c> bytes long.</param>
    /// <param name="width">Bytes per window, 2 to 5.</param>
    /// <param name="stride">1, 2 or 4.</param>
    /// <param name="wide">Whether scans use the unrolled loop of WindowFilter.Simd.cs.</param>
    public WindowFilter(PatternTable table, List<int> patterns, int width, int stride, bool wide)
    {
        _table = table;
        _width = width;
        _stride = stride;
        _wide = wide;
        int windows = patterns.Count * stride;
        int bitmapBits = Math.Clamp(BitOperations.Log2((uint)windows) + 5, MinBitmapBits, MaxBitmapBits);
        int bucketBits = Math.Clamp(BitOperations.Log2((uint)windows) + 1, 4, bitmapBits);
        _bitmap = new byte[1 << (bitmapBits - 3)];
        _bitmapShift = 64 - bitmapBits;
        _bucketShift = 64 - bucketBits;
        _bucketStart = new uint[(1 << bucketBits) + 1];
        _slots = new Slot[windows];
        _minStart = long.MaxValue;
        foreach (int pattern in patterns)
        {
            PatternPlacement placement = table[pattern].Placement;
            _minStart = Math.Min(_minStart, placement.MinStart);
            _maxEnd = Math.Max(_maxEnd, placement.MaxEnd == int.MaxValue ? long.MaxValue : placement.MaxEnd);
        }
        Fill(patterns, WindowChooser.Choose(table, patterns, width, stride));
    }

    public long MemoryBytes =>
        _bitmap.Length + (_bucketStart.Length * (long)sizeof(uint)) + (_slots.Length * (long)Unsafe.SizeOf<Slot>());

    public void Scan(in ScanInput input)
    {
        // Only the part of the buffer in which any of these patterns may lie.
        long first = Math.Max(0, _minStart - input.Offset);
        long end = _maxEnd == long.MaxValue ? input.Buffer.Length : Math.Min(input.Buffer.Length, _maxEnd - input.Offset);
        if (end - first < _width)
        {
            return;
        }
        if (_wide)
        {
            ScanWide(input, (int)first, (int)end);
        }
        else
        {
            ScanScalar(input, (int)first, (int)end);
        }
    }

    private void ScanScalar(in ScanInput input, int position, int end)
    {
        ReadOnlySpan<byte> buffer = input.Buffer;
        for (; position <= end - _width; position += _stride)
        {
            ulong product = FoldedHash.Product(FoldedHash.Load(buffer, position), _width);
            uint hash = (uint)(product >> _bitmapShift);
            if ((_bitmap[hash >> 3] & (1 << (int)(hash & 7))) != 0)
            {
                Check(input, position, product);
            }
        }
    }

    /// <summary>Follows a hit in the bitmap.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Check(in ScanInput input, int position, ulong product)
    {
        uint bucket = (uint)(product >> _bucketShift);
        uint check = (uint)(product >> 16);
        uint end = _bucketStart[bucket + 1];
        for (uint i = _bucketStart[bucket]; i < end; i++)
        {
            ref readonly Slot slot = ref _slots[i];
            if (slot.Check == check)
            {
                _table.TryMatch(slot.Pattern, position - slot.Offset, input);
            }
        }
    }

    private void Fill(List<int> patterns, int[] places)
    {
        var products = new ulong[_slots.Length];
        for (int i = 0; i < products.Length; i++)
        {
            products[i] = FoldedHash.Product(
                FoldedHash.Load(_table.BytesOf(patterns[i / _stride]), places[i / _stride] + (i % _stride)), _width);
            uint hash = (uint)(products[i] >> _bitmapShift);
            _bitmap[hash >> 3] |= (byte)(1 << (int)(hash & 7));
            _bucketStart[(products[i] >> _bucketShift) + 1]++;
        }
        for (int i = 1; i < _bucketStart.Length; i++)
        {
            _bucketStart[i] += _bucketStart[i - 1];
        }
        uint[] next = _bucketStart[..^1];
        for (int i = 0; i < products.Length; i++)
        {
            _slots[next[products[i] >> _bucketShift]++] = new Slot
            {
                Check = (uint)(products[i] >> 16),
                Pattern = patterns[i / _stride],
                Offset = places[i / _stride] + (i % _stride),
            };
        }
    }

    /// <summary>A window of a pattern: which bits its product has, whose it is, where in the pattern it lies.</summary>
    private struct Slot
    {
        public uint Check;
        public int Pattern;
        public int Offset;
    }
}
