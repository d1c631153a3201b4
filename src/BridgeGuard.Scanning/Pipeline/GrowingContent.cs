using System.Buffers;
using System.Runtime.CompilerServices;
using BridgeGuard.Scanning.Scanners;

namespace BridgeGuard.Scanning.Pipeline;

/// <summary>One scanner's view of a spool that is still being filled: it follows the bytes, and sees their end when it is told to.</summary>
/// <remarks>The spool's owner calls <see cref="Grow"/> and <see cref="End"/>; one reader.</remarks>
internal sealed class GrowingContent(ContentSpool spool) : IScanContent
{
    /// <summary>Blocks are handed on when they are full, so that a trickle does not become a message a packet.</summary>
    private const int BlockBytes = 64 << 10;

    /// <summary>Most handed on at once: a reader that is behind catches up in fewer steps.</summary>
    private const int MaxBlockBytes = 256 << 10;

    private readonly SemaphoreSlim _grown = new(0);
    private volatile bool _isEnded;

    public long Size => spool.Size;

    public bool IsWhole => _isEnded;

    /// <summary>The spool has more bytes.</summary>
    public void Grow()
    {
        if (_grown.CurrentCount == 0)
        {
            _grown.Release();
        }
    }

    /// <summary>The spool is full and the scan wanted.</summary>
    public void End()
    {
        _isEnded = true;
        _grown.Release();
    }

    public async IAsyncEnumerable<ReadOnlyMemory<byte>> ReadAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(MaxBlockBytes);
        try
        {
            for (long at = 0; ;)
            {
                bool isEnded = _isEnded; // Before the size: an end that is seen is behind every byte.
                long there = spool.Size - at;
                if (there >= BlockBytes || (isEnded && there > 0))
                {
                    int read = spool.Read(at, buffer.AsSpan(0, MaxBlockBytes));
                    at += read > 0 ? read : throw new IOException("The spool file is shorter than what was written to it.");
                    yield return buffer.AsMemory(0, read);
                }
                else if (isEnded)
                {
                    yield break;
                }
                else
                {
                    await _grown.WaitAsync(cancellationToken).ConfigureAwait(false);
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
