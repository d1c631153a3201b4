using System.Buffers;
using System.Runtime.CompilerServices;
using BridgeGuard.Scanning.Scanners;
using Microsoft.Win32.SafeHandles;

namespace BridgeGuard.Scanning.Pipeline;

/// <summary>A content on its way to the scanners: rented blocks first, an unlinked temporary file once it grows.</summary>
/// <remarks>
/// Owner: whoever made it, until it is handed to a scan. When a limit is hit the bytes so far are freed and <see cref="Refusal"/>
/// says why; hashing goes on without it. One task appends; others may read what is there (<see cref="Read"/>) meanwhile.
/// </remarks>
internal sealed class ContentSpool(ScanOptions options, SpoolBudget budget) : IScanContent, IDisposable
{
    private const int BlockBytes = 64 << 10;

    private readonly List<byte[]> _blocks = [];
    private readonly Lock _lock = new(); // Appending against reading ahead: held for one block's copy.
    private SafeFileHandle? _file;
    private long _diskTaken;
    private long _size;
    private bool _isDisposed;

    public long Size => Volatile.Read(ref _size);

    /// <inheritdoc/>
    public bool IsWhole => true;

    /// <summary>Why the content was not kept, or null.</summary>
    public string? Refusal { get; private set; }

    /// <summary>The refusal is about the moment (no space), not about the file (too long).</summary>
    public bool IsRefusalTransient { get; private set; }

    /// <summary>Appends; counts on when the content is no longer kept.</summary>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        lock (_lock)
        {
            long at = _size;
            if (Refusal is null && !_isDisposed)
            {
                Keep(at, bytes);
            }

            Volatile.Write(ref _size, at + bytes.Length); // After the bytes: who reads ahead finds what it counts.
        }
    }

    /// <summary>Copies what is there from <paramref name="at"/> on; for readers that follow while it grows.</summary>
    /// <exception cref="IOException">The content is not kept any more.</exception>
    public int Read(long at, Span<byte> into)
    {
        lock (_lock)
        {
            if (_isDisposed)
            {
                throw new IOException(Refusal ?? "The content is gone.");
            }

            int length = (int)Math.Min(into.Length, _size - at);
            if (_file is not null)
            {
                return RandomAccess.Read(_file, into[..length], at);
            }

            int offset = (int)(at % BlockBytes);
            length = Math.Min(length, BlockBytes - offset);
            _blocks[(int)(at / BlockBytes)].AsSpan(offset, length).CopyTo(into);
            return length;
        }
    }

    public async IAsyncEnumerable<ReadOnlyMemory<byte>> ReadAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (_file is null)
        {
            for (long at = 0; at < Size; at += BlockBytes)
            {
                yield return _blocks[(int)(at / BlockBytes)].AsMemory(0, (int)Math.Min(BlockBytes, Size - at));
            }

            yield break;
        }

        byte[] buffer = ArrayPool<byte>.Shared.Rent(BlockBytes);
        try
        {
            for (long at = 0; at < Size;)
            {
                int read = await RandomAccess.ReadAsync(_file, buffer.AsMemory(0, BlockBytes), at, cancellationToken).ConfigureAwait(false);
                if (read == 0)
                {
                    throw new IOException("The spool file is shorter than what was written to it.");
                }

                at += read;
                yield return buffer.AsMemory(0, read);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _isDisposed = true;
            FreeBlocks();
            _file?.Dispose();
            _file = null;
            budget.ReturnDisk(_diskTaken);
            _diskTaken = 0;
        }
    }

    private void Keep(long at, ReadOnlySpan<byte> bytes)
    {
        long size = at + bytes.Length;
        if (size > options.MaxFileBytes)
        {
            Refuse($"longer than the limit of {options.MaxFileBytes} bytes", isTransient: false);
        }
        else if (_file is null && size > options.SpoolMemoryPerFileBytes)
        {
            MoveToFile(at);
            AppendToFile(at, bytes);
        }
        else if (_file is not null)
        {
            AppendToFile(at, bytes);
        }
        else
        {
            AppendToMemory(at, bytes);
        }
    }

    private void AppendToMemory(long at, ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            int offset = (int)(at % BlockBytes);
            if (offset == 0)
            {
                if (!budget.TryTakeMemory(BlockBytes))
                {
                    MoveToFile(at);
                    AppendToFile(at, bytes);
                    return;
                }

                _blocks.Add(ArrayPool<byte>.Shared.Rent(BlockBytes));
            }

            int length = Math.Min(BlockBytes - offset, bytes.Length);
            bytes[..length].CopyTo(_blocks[^1].AsSpan(offset));
            bytes = bytes[length..];
            at += length;
        }
    }

    private void MoveToFile(long length)
    {
        try
        {
            string path = Path.Combine(options.SpoolDirectory, "bridgeguard-" + Path.GetRandomFileName());
            _file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, FileOptions.Asynchronous);
            File.Delete(path); // The handle keeps it alive, and nothing is left behind by a kill.
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Refuse("no spool file can be made: " + e.Message, isTransient: true);
            return;
        }

        for (long at = 0; at < length && Refusal is null; at += BlockBytes)
        {
            AppendToFile(at, _blocks[(int)(at / BlockBytes)].AsSpan(0, (int)Math.Min(BlockBytes, length - at)));
        }

        FreeBlocks();
    }

    private void AppendToFile(long at, ReadOnlySpan<byte> bytes)
    {
        if (Refusal is not null)
        {
            return;
        }

        if (!budget.TryTakeDisk(bytes.Length))
        {
            Refuse("the spool is full", isTransient: true);
            return;
        }

        _diskTaken += bytes.Length;
        try
        {
            RandomAccess.Write(_file!, bytes, at);
        }
        catch (IOException e)
        {
            Refuse("the spool cannot be written: " + e.Message, isTransient: true);
        }
    }

    private void Refuse(string reason, bool isTransient)
    {
        Refusal = reason;
        IsRefusalTransient = isTransient;
        Dispose();
    }

    private void FreeBlocks()
    {
        foreach (byte[] block in _blocks)
        {
            ArrayPool<byte>.Shared.Return(block);
        }

        budget.ReturnMemory((long)_blocks.Count * BlockBytes);
        _blocks.Clear();
    }
}
