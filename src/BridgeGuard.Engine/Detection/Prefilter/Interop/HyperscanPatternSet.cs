using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace BridgeGuard.Engine.Detection.Prefilter.Interop;

/// <summary>The Vectorscan or Hyperscan engine for patterns inside the buffer; anchored ones go through <see cref="AnchorTable"/>.</summary>
/// <remarks>
/// Patterns without a window are reported once per scan by the library; those with one at every occurrence, and the callback
/// checks the place. Very long patterns, which the library refuses, go through a <see cref="WindowFilter"/>.
/// </remarks>
internal sealed unsafe class HyperscanPatternSet : PatternSet
{
    /// <summary>The library refuses expressions somewhere above 10,000 bytes and compiles long ones slowly.</summary>
    private const int MaxLiteralBytes = 2048;

    private static long s_serials;

    private readonly PatternTable _table;
    private readonly AnchorTable? _heads;
    private readonly AnchorTable? _tails;
    private readonly WindowFilter? _long;
    private readonly long _serial = Interlocked.Increment(ref s_serials);
    private nint _database;

    private HyperscanPatternSet(PatternSetBuilder builder, nint database, PatternTable table, PatternGroups groups)
    {
        Key = HyperscanCache.KeyOf(builder);
        _database = database;
        _table = table;
        _heads = groups.Heads.Count == 0 ? null : new AnchorTable(table, groups.Heads, fromEnd: false);
        _tails = groups.Tails.Count == 0 ? null : new AnchorTable(table, groups.Tails, fromEnd: true);
        List<int> oversized = groups.Bodies.FindAll(pattern => table[pattern].Length > MaxLiteralBytes);
        _long = oversized.Count == 0 ? null : new WindowFilter(table, oversized, 5, 4, wide: true);
    }

    ~HyperscanPatternSet() => Dispose(false);

    public override PrefilterEngine Engine => PrefilterEngine.Hyperscan;

    public override int PatternCount => _table.Count;

    public override int MaxPatternLength => _table.MaxLength;

    public override long MemoryBytes
    {
        get
        {
            nuint size = 0;
            if (_database != 0)
            {
                _ = HyperscanNative.hs_database_size(_database, &size);
            }
            return (long)size + _table.MemoryBytes + (_heads?.MemoryBytes ?? 0) + (_tails?.MemoryBytes ?? 0) + (_long?.MemoryBytes ?? 0);
        }
    }

    /// <summary>Names the patterns and the library version.</summary>
    internal byte[] Key { get; }

    internal nint Database => _database;

    /// <summary>Compiles; seconds for thousands of patterns.</summary>
    public static HyperscanPatternSet Compile(PatternSetBuilder builder)
    {
        if (!HyperscanLibrary.IsAvailable)
        {
            throw new NotSupportedException("libhs is not installed or does not support this CPU");
        }
        var table = new PatternTable(builder);
        var groups = new PatternGroups(builder);
        return new HyperscanPatternSet(builder, CompileDatabase(builder, LiteralsOf(table, groups)), table, groups);
    }

    /// <summary>A set around a database that was compiled before.</summary>
    internal static HyperscanPatternSet Adopt(PatternSetBuilder builder, nint database) =>
        new(builder, database, new PatternTable(builder), new PatternGroups(builder));

    public override void ScanChunk(ReadOnlySpan<byte> chunk, long chunkOffset, bool isLast, MatchSet matches)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(chunkOffset);
        var input = new ScanInput { Buffer = chunk, Offset = chunkOffset, IsLast = isLast, Matches = matches };
        if (chunkOffset == 0)
        {
            _heads?.Scan(input);
        }
        if (isLast)
        {
            _tails?.Scan(input);
        }
        _long?.Scan(input);
        if (_database == 0 || chunk.IsEmpty)
        {
            return;
        }
        HyperscanScratch scratch = matches.HyperscanScratch ??= new HyperscanScratch();
        scratch.Prepare(_serial, _database);
        scratch.Table = _table;
        scratch.Matches = matches;
        scratch.Offset = chunkOffset;
        int status;
        fixed (byte* data = chunk)
        {
            status = HyperscanNative.hs_scan(_database, data, (uint)chunk.Length, 0, scratch.Handle, &OnMatch, scratch.Context);
        }
        scratch.Table = null;
        scratch.Matches = null;
        GC.KeepAlive(this);
        if (status != HyperscanNative.Success)
        {
            ThrowScanFailed(status); // Only our own misuse can cause it: a foreign database, a scratch in use.
        }
    }

    protected override void Dispose(bool disposing)
    {
        nint database = Interlocked.Exchange(ref _database, 0);
        if (database != 0)
        {
            _ = HyperscanNative.hs_free_database(database);
        }
    }

    /// <summary>Called by the library for every occurrence; 0 lets it go on.</summary>
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int OnMatch(uint pattern, ulong from, ulong to, uint flags, nint context)
    {
        var scratch = (HyperscanScratch)GCHandle.FromIntPtr(context).Target!;
        ref readonly PatternTable.Entry entry = ref scratch.Table![(int)pattern];
        if (entry.Placement.Allows((long)to - entry.Length + scratch.Offset, entry.Length, endsBuffer: false))
        {
            scratch.Table.Report((int)pattern, scratch.Matches!);
        }
        return 0;
    }

    private static List<int> LiteralsOf(PatternTable table, PatternGroups groups) =>
        groups.Bodies.FindAll(pattern => table[pattern].Length <= MaxLiteralBytes);

    private static nint CompileDatabase(PatternSetBuilder builder, List<int> literals)
    {
        if (literals.Count == 0)
        {
            return 0;
        }
        var pins = new GCHandle[literals.Count];
        var flags = new uint[literals.Count];
        var ids = new uint[literals.Count];
        var expressions = new nint[literals.Count];
        try
        {
            for (int i = 0; i < literals.Count; i++)
            {
                PatternSetBuilder.PatternKey key = builder.Patterns[literals[i]];
                pins[i] = GCHandle.Alloc(ExpressionOf(key.Bytes), GCHandleType.Pinned);
                expressions[i] = pins[i].AddrOfPinnedObject();
                ids[i] = (uint)literals[i];
                bool anywhere = key.Placement == PatternPlacement.Anywhere;
                flags[i] = (key.IgnoreCase ? HyperscanNative.CaseLess : 0) | (anywhere ? HyperscanNative.SingleMatch : 0);
            }
            nint database = 0;
            HyperscanNative.CompileError* error = null;
            fixed (nint* texts = expressions)
            fixed (uint* flag = flags, id = ids)
            {
                int status = HyperscanNative.hs_compile_multi(
                    (byte**)texts, flag, id, (uint)literals.Count, HyperscanNative.ModeBlock, 0, &database, &error);
                if (status != HyperscanNative.Success)
                {
                    throw new NotSupportedException($"libhs refused the patterns: {HyperscanNative.TakeMessage(error)}");
                }
            }
            return database;
        }
        finally
        {
            foreach (GCHandle pin in pins)
            {
                if (pin.IsAllocated)
                {
                    pin.Free();
                }
            }
        }
    }

    /// <summary>Each byte as \xHH, and a zero. The library's call for plain literals refuses those that begin with a zero byte.</summary>
    private static byte[] ExpressionOf(byte[] literal)
    {
        var expression = new byte[(4 * literal.Length) + 1];
        for (int i = 0; i < literal.Length; i++)
        {
            expression[4 * i] = (byte)'\\';
            expression[(4 * i) + 1] = (byte)'x';
            expression[(4 * i) + 2] = (byte)"0123456789ABCDEF"[literal[i] >> 4];
            expression[(4 * i) + 3] = (byte)"0123456789ABCDEF"[literal[i] & 15];
        }
        return expression;
    }

    [System.Diagnostics.CodeAnalysis.DoesNotReturn]
    private static void ThrowScanFailed(int status) => throw new InvalidOperationException($"hs_scan: {status}");
}
