using BitFaster.Caching.Lru;
using BridgeGuard.Engine.Files;
using BridgeGuard.Scanning.Pipeline;
using BridgeGuard.Scanning.VerdictCache;

namespace BridgeGuard.Scanning.WireFiles;

/// <content>Uploads whose writer goes back: what is judged is what stands in the file then.</content>
/// <remarks>
/// The worker names such a content by a stand-in for its hash (it has no second look at the bytes); here the bytes are put together, hashed and judged as any other
/// content, and the verdict is told under that name too. The name is no key of the cache.
/// </remarks>
public sealed partial class WireFileSink
{
    /// <summary>Replacements of one file, and their bytes; a writer that does more of that cannot be judged any more.</summary>
    public const int MaxPatches = 1024;

    /// <summary>Names of contents that were written over, with what they were judged to be.</summary>
    private const int MaxRewritten = 4096;

    private readonly ConcurrentLru<FileKey, (FileVerdictKind Kind, long Until)> _rewritten = new(MaxRewritten);

    /// <summary>A content that was written over has its verdict, under its stand-in. Called from a pool thread.</summary>
    internal event Action<FileKey, FileVerdictKind>? RewrittenJudged;

    /// <inheritdoc/>
    public bool Overwrite(FileHandle file, long offset, ReadOnlySpan<byte> bytes)
    {
        if (Find(file) is not { } slot || slot.PatchCount >= MaxPatches
            || slot.PatchedBytes + bytes.Length > _options.MaxBufferedBytesPerFile || !TryTake(bytes.Length))
        {
            Interlocked.Increment(ref Counters.RefusedAppendsValue);
            return false;
        }

        slot.Rewrite(offset, bytes);
        Interlocked.Increment(ref Counters.OverwritesValue);
        return true;
    }

    private FileVerdictKind RewrittenVerdict(in FileKey name) =>
        _rewritten.TryGet(name, out (FileVerdictKind Kind, long Until) known) && known.Until > Environment.TickCount64 ? known.Kind : FileVerdictKind.Unknown;

    /// <summary>The whole, at its end.</summary>
    private async Task JudgeRewrittenAsync(Intake first, ContentPatch[] patches, FileKey? name, FileProvenance provenance, ulong place)
    {
        FileVerdictKind kind = FileVerdictKind.Error;
        try
        {
            using (first)
            {
                (kind, FileKey key) = await _scan.JudgeRewrittenAsync(first.Spool, first.Key.Size, patches, provenance).ConfigureAwait(false);
                if (kind == FileVerdictKind.Malicious)
                {
                    RememberPlace(place, key.Size);
                }
            }
        }
        finally
        {
            NoteRewritten(name, kind);
        }
    }

    private void NoteRewritten(FileKey? name, FileVerdictKind kind)
    {
        if (name is { } known)
        {
            _rewritten.AddOrUpdate(known, (kind, kind == FileVerdictKind.Malicious ? long.MaxValue : Environment.TickCount64 + SoFarLifetimeMs));
            RewrittenJudged?.Invoke(known, kind);
        }
    }
}
