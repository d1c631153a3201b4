using System.Buffers;
using System.IO.Pipelines;
using System.Security.Cryptography;
using BridgeGuard.Scanning.VerdictCache;

namespace BridgeGuard.Scanning.Pipeline;

/// <summary>A content that was read to its end; owns the spool.</summary>
/// <param name="Key">Hash and length.</param>
/// <param name="Spool">Its bytes.</param>
/// <param name="Beginning">Hash of its first bytes, where it is long enough to have gone to the scanners meanwhile.</param>
/// <param name="Ahead">It has gone there.</param>
internal sealed record Intake(FileKey Key, ContentSpool Spool, Sha256? Beginning, ScanAhead? Ahead) : IDisposable
{
    public void Dispose()
    {
        Ahead?.Abandon();
        Spool.Dispose();
    }
}

/// <summary>Reads contents: hashes them as they come, keeps them, and lets long ones go to the scanners meanwhile.</summary>
internal sealed class IntakeReader(
    ScanOptions options, SpoolBudget budget, ScanCounters counters, Func<ContentSpool, Sha256, ScanAhead?> tryGoAhead)
{
    private const int CopyBytes = 64 << 10;

    /// <summary>Reads to the end. Whoever gets the intake owns it.</summary>
    public async Task<Intake> TakeInAsync(PipeReader body, Action<long>? consumed, CancellationToken cancellationToken, Action<ContentSpool>? begun = null)
    {
        var spool = new ContentSpool(options, budget);
        using var growing = new Growing(options, spool, tryGoAhead);
        begun?.Invoke(spool);
        while (true)
        {
            ReadResult read = await body.ReadAsync(cancellationToken).ConfigureAwait(false);
            foreach (ReadOnlyMemory<byte> segment in read.Buffer)
            {
                growing.Append(segment.Span);
            }

            long length = read.Buffer.Length;
            body.AdvanceTo(read.Buffer.End);
            consumed?.Invoke(length);
            if (read.IsCanceled)
            {
                throw new OperationCanceledException("Reading the content was given up.");
            }

            if (read.IsCompleted)
            {
                break;
            }
        }

        Intake intake = growing.ToIntake();
        Interlocked.Increment(ref counters.FilesValue);
        Interlocked.Add(ref counters.BytesValue, intake.Key.Size);
        if (intake.Spool.Refusal is not null)
        {
            Interlocked.Increment(ref counters.NotKeptValue);
        }

        return intake;
    }

    /// <summary>Some bytes of a content that goes on, with what was replaced in them, as a content of their own.</summary>
    /// <exception cref="IOException">It is not kept any more.</exception>
    public async Task<Intake> CopyAsync(ContentSpool from, long begin, long end, ContentPatch[]? patches = null)
    {
        await Task.Yield(); // Copies for a while.
        using var growing = new Growing(options, new ContentSpool(options, budget), static (_, _) => null);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(CopyBytes);
        try
        {
            for (long at = begin; at < end;)
            {
                int read = from.Read(at, buffer.AsSpan(0, (int)Math.Min(CopyBytes, end - at)));
                foreach (ContentPatch patch in patches ?? [])
                {
                    patch.ApplyTo(at, buffer.AsSpan(0, read));
                }

                growing.Append(buffer.AsSpan(0, read));
                at += read > 0 ? read : throw new IOException("The spool file is shorter than what was written to it.");
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        return growing.ToIntake();
    }

    /// <summary>One content while it comes. Disposing frees what was not made an intake.</summary>
    private sealed class Growing(ScanOptions options, ContentSpool spool, Func<ContentSpool, Sha256, ScanAhead?> tryGoAhead) : IDisposable
    {
        private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        private Sha256? _beginning;
        private ScanAhead? _ahead;
        private bool _isHandedOver;

        public void Append(ReadOnlySpan<byte> bytes)
        {
            long missing = options.AheadFromBytes - spool.Size;
            if (missing > 0 && bytes.Length >= missing)
            {
                Take(bytes[..(int)missing]); // The beginning ends at the same byte for everybody.
                Span<byte> digest = stackalloc byte[Sha256.SizeBytes];
                _hash.GetCurrentHash(digest);
                _beginning = new Sha256(digest);
                _ahead = tryGoAhead(spool, _beginning.Value);
                bytes = bytes[(int)missing..];
            }

            Take(bytes);
        }

        public Intake ToIntake()
        {
            Span<byte> digest = stackalloc byte[Sha256.SizeBytes];
            _hash.GetHashAndReset(digest);
            _isHandedOver = true;
            return new Intake(new FileKey(new Sha256(digest), spool.Size), spool, _beginning, _ahead);
        }

        public void Dispose()
        {
            _hash.Dispose();
            if (!_isHandedOver)
            {
                _ahead?.Abandon();
                spool.Dispose();
            }
        }

        private void Take(ReadOnlySpan<byte> bytes)
        {
            _hash.AppendData(bytes);
            spool.Append(bytes);
            if (spool.Refusal is not null)
            {
                _ahead?.Abandon(); // Nothing will be scanned.
                _ahead = null;
            }

            _ahead?.Grow();
        }
    }
}
