using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Settings;

namespace BridgeGuard.Engine.Files;

/// <content>Where files are judged: what is looked up when, what is known to be bad, and what stands in a file in the end.</content>
public sealed partial class FileTracker
{
    /// <summary>Bytes of the file that did not come in order: are they a piece of something bad?</summary>
    public void NotePiece(TrackedFile file, long offset, ReadOnlySpan<byte> bytes)
    {
        if (_verdicts is not null && file.Verdict != FileVerdictKind.Malicious && _verdicts.IsBadPiece(offset, bytes, file.AnnouncedSize))
        {
            MarkBad(file);
        }

        if (_verdicts is not null && !file.IsOfHost && !file.IsJudged)
        {
            NoteDelivery(file, offset, bytes, file.AnnouncedSize);
        }
    }

    /// <summary>A message ended with the file's newest byte (an upload by writes that are answered): what is there may be all of it.</summary>
    /// <param name="file">What the message wrote to.</param>
    /// <param name="isPatch">Bytes of it are missing that nobody has shown us: before what it wrote, or behind.</param>
    public void NotePossibleEnd(TrackedFile? file, bool isPatch = false)
    {
        if (file is null || _verdicts is null || file.IsEnded || file.IsOfHost)
        {
            return;
        }

        file.IsPatch = isPatch || file.HasGaps;
        if (file.IsPatch)
        {
            file.MayEndHere = true;
            Growing = file;
        }
        else if (Growing == file && file.PartOffset < 0 && (file.SinkFell || file.Hasher.TryPeekSha256(file.JudgedHash)))
        {
            file.MayEndHere = true;
        }
    }

    /// <summary>Bytes of an upload are replaced: the verdict is of what stands there in the end. The record, its digests and what rules see stay as they came first.</summary>
    internal void Overwrite(TrackedFile file, long at, ReadOnlySpan<byte> bytes)
    {
        if (_verdicts is null || file.IsEnded || file.IsOfHost || bytes.IsEmpty)
        {
            return;
        }

        file.MayEndHere = false;
        file.IsRewritten = true;
        bool isTaken = file.Hasher.Rewrite(at, bytes) && !file.Sink.IsNone && !file.SinkFell && _sink!.Overwrite(file.Sink, at, bytes);
        file.SinkFell |= !isTaken;
        Growing = file.IsJudged ? Growing : file;
    }

    /// <summary>What stands in the file in the end is not what was seen of it: it cannot be judged.</summary>
    internal void Spoil(TrackedFile? file)
    {
        if (_verdicts is not null && file is { IsEnded: false })
        {
            file.SinkFell = true;
            file.MayEndHere = true;
            Growing = file;
        }
    }

    /// <summary>These bytes are about to go on: are they known to be bad, and is there something left of their file that is not out yet?</summary>
    private void NoteDelivery(TrackedFile file, long at, ReadOnlySpan<byte> bytes, long total)
    {
        // A whole is judged by its hash alone, but where pieces of this bad content went out before it was known its beginning would complete them.
        bool isSuspect = file.PartOffset >= 0 || (at == 0 && total > 0 && _verdicts!.IsBadPlace(file.Place, total));
        if (isSuspect && file.Verdict != FileVerdictKind.Malicious && _verdicts!.IsBadPiece(at, bytes, total))
        {
            MarkBad(file);
        }

        if (_delivered.Of(file.Place, file.Direction, total, Math.Max(NowUs, file.LastUs)) is not { } place
            || place.TryDeliver(at, at + bytes.Length))
        {
            return;
        }

        if (place.WholeSize >= 0 && _verdicts!.Lookup(place.WholeSha256, place.WholeSize) == FileVerdictKind.Clean)
        {
            place.IsClean = true;
            return;
        }

        CompletedPlace = place.Key;
    }

    /// <summary>The hash and size of the whole of a place (<see cref="CompletedPlace"/>), once one was seen.</summary>
    internal bool TryGetWhole(ulong key, out ReadOnlySpan<byte> sha256, out long size)
    {
        DeliveredPlace? place = _delivered.Find(key);
        sha256 = place is null ? default : place.WholeSha256;
        size = place?.WholeSize ?? -1;
        return size >= 0;
    }

    private void NoteWhole(TrackedFile file, ReadOnlySpan<byte> sha256) => _delivered.Find(file.Place, file.Direction)?.NoteWhole(sha256, file.Size);

    /// <summary>What is known of a whole file. One that the scanner did not get whole will never be known: nothing is worth waiting for.</summary>
    private FileVerdictKind Look(TrackedFile file, ReadOnlySpan<byte> sha256)
    {
        FileVerdictKind verdict = _verdicts!.Lookup(sha256, file.Size);
        return verdict == FileVerdictKind.Unknown && _sink is not null && file.SinkFell ? FileVerdictKind.Error : verdict;
    }

    /// <summary>All announced bytes are there, or as many as some bad content has: the verdict is asked for before the protocol says that it is over.</summary>
    private void JudgeEarly(TrackedFile file)
    {
        if (!file.Hasher.TryPeekSha256(file.JudgedHash))
        {
            return;
        }

        FileVerdictKind verdict = Look(file, file.JudgedHash);
        bool isAll = file.Size == file.AnnouncedSize;
        if (!isAll && verdict != FileVerdictKind.Malicious)
        {
            return;
        }

        file.Verdict = verdict;
        file.IsJudged = true;
        Growing = null;
        NoteWhole(file, file.JudgedHash);
        if (isAll && !file.Sink.IsNone)
        {
            _sink!.Close(file.Sink, file.SinkFell ? FileEnd.Truncated : FileEnd.Complete, file.JudgedHash, file.Size);
            file.Sink = FileHandle.None;
        }

        Tell(file);
    }

    /// <summary>A flow to one of the host's own services; a guest that has taken its address is a guest all the same.</summary>
    private bool IsOfHost(Flow flow)
    {
        foreach (ref readonly HostService service in _settings.OwnServices.AsSpan())
        {
            if (flow.Key.DestinationPort == service.Port && flow.Key.Destination == service.Address && flow.ServerGuest == 0)
            {
                return true;
            }
        }

        return false;
    }

    private void BeginPart(TrackedFile part, long offset, long total)
    {
        part.PartOffset = offset;
        part.PartTotal = total;
        if (_verdicts is null)
        {
            return;
        }

        // A piece is no content: only the whole has a verdict.
        CloseSink(part, isWhole: false);
        if (_verdicts.IsBadPlace(part.Place, total))
        {
            MarkBad(part);
        }
    }

    private void MarkBad(TrackedFile file)
    {
        BadPieces++;
        file.Verdict = FileVerdictKind.Malicious;
        file.IsJudged = true;
        file.JudgedHash.Clear();
        Growing = Growing == file ? null : Growing;
        Tell(file);
    }

    private void Tell(TrackedFile file)
    {
        if (LastClosed is null || file.Verdict >= LastClosed.Verdict)
        {
            LastClosed = file;
        }
    }
}
