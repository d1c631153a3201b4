using System.Collections.Concurrent;
using System.Diagnostics;
using BridgeGuard.Engine.Files;
using BridgeGuard.Scanning.Pipeline;
using BridgeGuard.Scanning.VerdictCache;

namespace BridgeGuard.Scanning.WireFiles;

/// <content>Uploads by writes whose writer waits: each beginning may be the whole file, so each is judged before its last packet goes on.</content>
/// <remarks>
/// Judging every beginning whole costs N/2 times the file for N writes. So it is done while that is little (<see cref="WireFileOptions.WholeChecksBytes"/>, then
/// eight times the length so far, which means at lengths that grow by a seventh); between these only what is new is judged, with some bytes before it. What that
/// says holds for the packet that waits and no longer: it is no verdict, goes into no cache, and the file is judged whole at its end or when it stands still.
/// </remarks>
public sealed partial class WireFileSink
{
    /// <summary>Parts of open files that are judged at a time; each costs a copy.</summary>
    private const int MaxCheckpoints = 64;

    /// <summary>What may be scanned of an upload before its end, in lengths of it.</summary>
    private const int MaxTimesScanned = 8;

    /// <summary>Bytes before the new ones that are looked at again: a signature may lie across.</summary>
    private const int OverlapBytes = 64 << 10;

    /// <summary>How long "clean so far" is good for the packet that waits for it; the longest that a role's hold may last is no shorter by much.</summary>
    private const long SoFarLifetimeMs = 10_000;

    /// <summary>Beginnings remembered as clean so far.</summary>
    private const int MaxSoFar = 4096;

    /// <summary>How often to look whether the bytes of a part have come through the pipe.</summary>
    private static readonly TimeSpan CheckpointPoll = TimeSpan.FromMilliseconds(1);

    /// <summary>How long to look.</summary>
    private static readonly TimeSpan CheckpointPatience = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<FileKey, long> _cleanSoFar = new();
    private int _checkpoints;

    /// <summary>What is new in a beginning is clean: its packet may go on, and nothing else follows from it. Called from a pool thread.</summary>
    internal event Action<FileKey>? CleanSoFar;

    /// <inheritdoc/>
    public bool Checkpoint(FileHandle file, ReadOnlySpan<byte> sha256, long size)
    {
        if (Find(file) is not { } slot || sha256.Length != Sha256.SizeBytes || Interlocked.Increment(ref _checkpoints) > MaxCheckpoints)
        {
            Interlocked.Decrement(ref _checkpoints);
            return false;
        }

        var key = new FileKey(new Sha256(sha256), size);
        ContentPatch[] patches = slot.Patches();
        bool isWhole = slot.CheckedBytes + size <= _options.WholeChecksBytes + (MaxTimesScanned * size);
        (long From, long To)[] parts = isWhole ? [] : [.. NewParts(slot, patches, size)];
        slot.CheckedBytes += isWhole ? size : 0;
        slot.CheckedUpTo = size;
        slot.CheckedPatches = patches.Length;
        _scan.Announce(key);
        slot.Flush();
        Interlocked.Increment(ref Counters.CheckpointsValue);
        Interlocked.Add(ref Counters.PartialCheckpointsValue, isWhole ? 0 : 1);
        _ = JudgeSoFarAsync(slot, slot.Generation, key, parts, patches);
        return true;
    }

    private bool IsCleanSoFar(in FileKey key) => _cleanSoFar.TryGetValue(key, out long until) && until > Environment.TickCount64;

    /// <summary>Waits until the bytes are there, and has a copy of them judged as a content of its own.</summary>
    private async Task JudgeSoFarAsync(WireFileSlot slot, uint generation, FileKey key, (long From, long To)[] parts, ContentPatch[] patches)
    {
        await Task.Yield();
        bool isQuiet = false;
        try
        {
            long begin = Stopwatch.GetTimestamp();
            while (slot.Spool is null || slot.Spool.Size < key.Size)
            {
                if (slot.Generation != generation || Stopwatch.GetElapsedTime(begin) > CheckpointPatience)
                {
                    return; // Its end came first and is judged itself, or it was broken off.
                }

                await Task.Delay(CheckpointPoll).ConfigureAwait(false);
            }

            ContentSpool spool = slot.Spool;
            if (parts.Length > 0 && await AreCleanAsync(spool, parts, patches).ConfigureAwait(false))
            {
                NoteCleanSoFar(key);
                isQuiet = true; // Perhaps.
            }
            else
            {
                await JudgeWholeSoFarAsync(spool, key, patches).ConfigureAwait(false); // Whatever it was is said of the whole beginning, or not at all.
            }
        }
        catch (Exception e)
        {
            Log.Failed(_logger, e);
        }
        finally
        {
            _scan.Withdraw(key);
            Interlocked.Decrement(ref _checkpoints);
        }

        if (isQuiet)
        {
            await JudgeWhenQuietAsync(slot, generation, key, patches).ConfigureAwait(false);
        }
    }

    /// <summary>What was replaced or has come since the beginning that was judged last, with the bytes around it.</summary>
    private static IEnumerable<(long From, long To)> NewParts(WireFileSlot slot, ContentPatch[] patches, long size)
    {
        foreach (ContentPatch patch in patches.Skip(slot.CheckedPatches))
        {
            yield return (Math.Max(0, patch.At - OverlapBytes), Math.Min(size, patch.At + patch.Bytes.Length + OverlapBytes));
        }

        yield return (Math.Max(0, Math.Min(size, slot.CheckedUpTo) - OverlapBytes), size);
    }

    private async Task<bool> AreCleanAsync(ContentSpool spool, (long From, long To)[] parts, ContentPatch[] patches)
    {
        foreach ((long from, long to) in parts)
        {
            if (!await _scan.IsCleanBetweenAsync(spool, from, to, patches).ConfigureAwait(false))
            {
                return false;
            }
        }

        return true;
    }

    private async Task<bool> JudgeWholeSoFarAsync(ContentSpool spool, FileKey key, ContentPatch[] patches)
    {
        if (patches.Length == 0)
        {
            await _scan.JudgePrefixAsync(spool, key).ConfigureAwait(false);
            return _scan.Cache.TryGetCached(key.Hash, key.Size, out FileVerdict verdict) && verdict.Kind == FileVerdictKind.Malicious;
        }

        FileVerdictKind kind = FileVerdictKind.Error;
        try
        {
            (kind, _) = await _scan.JudgeRewrittenAsync(spool, key.Size, patches, provenance: null).ConfigureAwait(false);
            return kind == FileVerdictKind.Malicious;
        }
        finally
        {
            NoteRewritten(key, kind);
        }
    }

    private void NoteCleanSoFar(in FileKey key)
    {
        if (_cleanSoFar.Count >= MaxSoFar)
        {
            _cleanSoFar.Clear(); // What waited for them is asked again.
        }

        _cleanSoFar[key] = Environment.TickCount64 + SoFarLifetimeMs;
        CleanSoFar?.Invoke(key);
    }

    /// <summary>A writer that does not go on may have written all: then the whole is judged although nobody waits.</summary>
    private async Task JudgeWhenQuietAsync(WireFileSlot slot, uint generation, FileKey key, ContentPatch[] patches)
    {
        try
        {
            await Task.Delay(_options.QuietTime + TimeSpan.FromSeconds((double)key.Size / (1 << 20) * _options.QuietTime.TotalSeconds)).ConfigureAwait(false);
            _cleanSoFar.TryRemove(key, out _);
            if (slot.Generation == generation && slot.Spool is { } spool && spool.Size == key.Size && slot.Patches().Length == patches.Length
                && await JudgeWholeSoFarAsync(spool, key, patches).ConfigureAwait(false))
            {
                RememberPlace(slot.Place, key.Size);
            }
        }
        catch (Exception e)
        {
            Log.Failed(_logger, e); // Its end came meanwhile: it is judged by that.
        }
    }
}
