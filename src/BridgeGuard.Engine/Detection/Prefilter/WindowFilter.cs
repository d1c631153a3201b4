using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using BridgeGuard.Engine.Detection.Image;

namespace BridgeGuard.Engine.Detection.Prefilter;

/// <summary>Finds unanchored patterns of two bytes and more with a hash of a few bytes and a bitmap.</summary>
/// <remarks>
/// From each pattern, <c>stride</c> neighbouring windows of <c>width</c> bytes are taken where they look rarest. A scan hashes
/// the window at every <c>stride</c>-th position of the buffer: whatever the alignment, exactly one window of an occurrence is
/// met. A hit in the bitmap leads to a bucket of (check, probe, pattern, offset); equal checks and four more equal bytes lead to the
/// comparison. Patterns of eight bytes and more use five-byte windows at every fourth position. Thread: any; immutable.
/// </remarks>
internal sealed partial class WindowFilter : BodyFilter
{
    /// <summary>Bitmap of 1 KiB at least: smaller does not help.</summary>
    private const int MinBitmapBits = 13;

    /// <summary>Bitmap of 64 KiB at most: past this the second-level cache is lost (measured with 60,000 patterns).</summary>
    private const int MaxBitmapBits = 19;

    /// <summary>Bitmap bits per window, as a power of two: one in 64 leaves few false hits and still fits the first-level cache for most sets.</summary>
    private const int SpareBits = 6;

    private const short NoProbe = short.MinValue;

    private const uint Fold4 = unchecked((uint)FoldedHash.Fold);

    private readonly PatternTable _table;
    private readonly byte[] _bitmap;
    private readonly uint[] _bucketStart;
    private readonly Slot[] _slots;
    private readonly int _width;
    private readonly int _stride;
    private readonly int _bitmapShift;
    private readonly int _bucketShift;
    private readonly bool _wide;

    /// <param name="table">The patterns.</param>
    /// <param name="patterns">Those to find, each at least <c>width + stride - 1</c> bytes long.</param>
    /// <param name="width">Bytes per window, 2 to 5.</param>
    /// <param name="stride">1, 2 or 4.</param>
    /// <param name="wide">Whether scans use the unrolled loop of WindowFilter.Simd.cs.</param>
    public WindowFilter(PatternTable table, List<int> patterns, int width, int stride, bool wide)
        : base(table, patterns)
    {
        _table = table;
        _width = width;
        _stride = stride;
        _wide = wide;
        int windows = patterns.Count * stride;
        int bitmapBits = Math.Clamp(BitOperations.Log2((uint)windows) + SpareBits, MinBitmapBits, MaxBitmapBits);
        int bucketBits = Math.Clamp(BitOperations.Log2((uint)windows) + 1, 4, bitmapBits);
        _bitmap = new byte[1 << (bitmapBits - 3)];
        _bitmapShift = 64 - bitmapBits;
        _bucketShift = 64 - bucketBits;
        _bucketStart = new uint[(1 << bucketBits) + 1];
        _slots = new Slot[windows];
        Fill(patterns, WindowChooser.Choose(table, patterns, width, stride));
    }

    public WindowFilter(PatternTable table, ImageReader image)
        : base(image)
    {
        _table = table;
        _width = image.Int();
        _stride = image.Int();
        _bitmapShift = image.Int();
        _bucketShift = image.Int();
        _wide = image.Bool();
        _bitmap = image.Array<byte>();
        _bucketStart = image.Array<uint>();
        _slots = image.Array<Slot>();
    }

    public override string Outline => $"hash of {_width} bytes every {_stride} for {_slots.Length / _stride}{Limit}";

    public override long MemoryBytes =>
        _bitmap.Length + (_bucketStart.Length * (long)sizeof(uint)) + (_slots.Length * (long)Unsafe.SizeOf<Slot>());

    public override void Write(ImageWriter image)
    {
        base.Write(image);
        image.Int(_width);
        image.Int(_stride);
        image.Int(_bitmapShift);
        image.Int(_bucketShift);
        image.Bool(_wide);
        image.Array<byte>(_bitmap);
        image.Array<uint>(_bucketStart);
        image.Array<Slot>(_slots);
    }

    protected override void ScanPart(in ScanInput input, int position, int end)
    {
        if (_wide)
        {
            ScanWide(input, position, end);
        }
        else
        {
            ScanScalar(input, position, end);
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
            if (slot.Check == check && ProbeHolds(slot, position, input.Buffer))
            {
                _table.TryMatch(slot.Pattern, position - slot.Offset, input);
            }
        }
    }

    /// <summary>
    /// Compares four more bytes, folded, before the pattern itself is fetched: windows such as "Mozil" are shared by many patterns
    /// and frequent in traffic.
    /// </summary>
    private static bool ProbeHolds(in Slot slot, int position, ReadOnlySpan<byte> buffer)
    {
        if (slot.ProbeDelta == NoProbe)
        {
            return true;
        }
        int at = position + slot.ProbeDelta;
        return at >= 0 && at <= buffer.Length - sizeof(uint)
            && (BinaryPrimitives.ReadUInt32LittleEndian(buffer[at..]) | Fold4) == slot.Probe;
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
            ReadOnlySpan<byte> bytes = _table.BytesOf(patterns[i / _stride]);
            int offset = places[i / _stride] + (i % _stride);
            int probe = WindowChooser.ChooseProbe(bytes, offset, _width);
            _slots[next[products[i] >> _bucketShift]++] = new Slot
            {
                Check = (uint)(products[i] >> 16),
                Probe = probe < 0 ? 0 : (uint)FoldedHash.Load(bytes, probe) | Fold4,
                Pattern = patterns[i / _stride],
                Offset = (short)offset,
                ProbeDelta = probe < 0 ? NoProbe : (short)(probe - offset),
            };
        }
    }

    /// <summary>
    /// A window of a pattern: which bits its product has, four more bytes of the pattern, whose it is, where in the pattern it lies,
    /// and where the four bytes are, seen from the window.
    /// </summary>
    private struct Slot
    {
        public uint Check;
        public uint Probe;
        public int Pattern;
        public short Offset;
        public short ProbeDelta;
    }
}
