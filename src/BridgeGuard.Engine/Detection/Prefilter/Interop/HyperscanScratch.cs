using System.Runtime.InteropServices;

namespace BridgeGuard.Engine.Detection.Prefilter.Interop;

/// <summary>One thread's working memory for libhs, and what its callback needs to know about the scan that runs.</summary>
/// <remarks>Owner: a <see cref="MatchSet"/>. Grows when a database needs more; freed by finalization with its owner.</remarks>
internal sealed unsafe class HyperscanScratch
{
    private readonly HashSet<long> _prepared = [];
    private readonly GCHandle _self;
    private nint _scratch;

    public HyperscanScratch() => _self = GCHandle.Alloc(this, GCHandleType.Weak);

    ~HyperscanScratch()
    {
        if (_scratch != 0)
        {
            _ = HyperscanNative.hs_free_scratch(_scratch);
        }
        _self.Free();
    }

    /// <summary>What the callback gets.</summary>
    public nint Context => GCHandle.ToIntPtr(_self);

    public nint Handle => _scratch;

    // The scan that runs; set before and cleared after it.
    public PatternTable? Table { get; set; }

    public MatchSet? Matches { get; set; }

    public long Offset { get; set; }

    /// <summary>Makes the memory large enough for a database; only the first scan with each database does anything.</summary>
    public void Prepare(long serial, nint database)
    {
        if (_prepared.Add(serial))
        {
            nint scratch = _scratch;
            int status = HyperscanNative.hs_alloc_scratch(database, &scratch);
            _scratch = scratch;
            if (status != HyperscanNative.Success)
            {
                _prepared.Remove(serial);
                throw new OutOfMemoryException($"hs_alloc_scratch: {status}");
            }
        }
    }
}
