using System.Buffers.Binary;
using System.Globalization;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Attachments.Wrappers;

/// <summary>The pcap files of a <see cref="PacketLog"/>, named PATH.SECONDS after their first frame; the oldest goes when there are too many.</summary>
/// <remarks>
/// Records are gathered and written whole, so that a full disk never leaves half of one: the file is cut behind its last whole record, and another is begun
/// when <see cref="RetryMs"/> have passed. What came in between is counted. Thread: one at a time.
/// </remarks>
public sealed class PacketLogFiles(PacketLogOptions options, Func<long>? clockMs = null) : IFrameLog
{
    /// <summary>After a failure nothing is tried for so long: a full disk must not cost a system call per frame.</summary>
    public const int RetryMs = 1000;

    private const int FileHeaderBytes = 24;
    private const int RecordHeaderBytes = 16;

    private readonly Func<long> _clockMs = clockMs ?? (() => Environment.TickCount64);
    private readonly byte[] _buffer = new byte[256 << 10];
    private readonly Queue<string> _files = new();
    private FileStream? _file;
    private int _buffered;
    private int _bufferedFrames;
    private long _size;
    private long _retryAtMs = long.MinValue;

    public long Written { get; private set; }

    public long Lost { get; private set; }

    public string? Problem { get; private set; }

    /// <summary>Frames wait to be written.</summary>
    public bool IsSettled => _buffered == 0;

    /// <inheritdoc/>
    public void Begin(long timestampUs, LinkType linkType)
    {
        if (_file is null && _clockMs() >= _retryAtMs)
        {
            Open(timestampUs, linkType);
        }
    }

    /// <inheritdoc/>
    public void Append(long timestampUs, LinkType linkType, ReadOnlySpan<byte> frame)
    {
        int record = RecordHeaderBytes + frame.Length;
        if (_file is not null && _size + record > options.LimitBytes)
        {
            Close();
        }

        Begin(timestampUs, linkType);
        if (_file is not null && _buffered + record > _buffer.Length)
        {
            Flush();
        }

        if (_file is null || record > _buffer.Length)
        {
            Lost++;
            return;
        }

        Span<byte> target = _buffer.AsSpan(_buffered, record);
        BinaryPrimitives.WriteUInt32LittleEndian(target, (uint)(timestampUs / 1_000_000));
        BinaryPrimitives.WriteUInt32LittleEndian(target[4..], (uint)(timestampUs % 1_000_000));
        BinaryPrimitives.WriteUInt32LittleEndian(target[8..], (uint)frame.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(target[12..], (uint)frame.Length);
        frame.CopyTo(target[RecordHeaderBytes..]);
        _buffered += record;
        _bufferedFrames++;
        _size += record;
    }

    /// <summary>Writes what is gathered.</summary>
    public void Flush()
    {
        if (_file is null || _buffered == 0)
        {
            return;
        }

        long before = _size - _buffered;
        try
        {
            _file.Write(_buffer.AsSpan(0, _buffered));
            Written += _bufferedFrames;
        }
        catch (IOException error)
        {
            Lost += _bufferedFrames;
            Fail(error, before);
        }

        _buffered = 0;
        _bufferedFrames = 0;
    }

    /// <summary>Ends the file; the next frame begins another one.</summary>
    public void Close()
    {
        Flush();
        _file?.Dispose();
        _file = null;
    }

    public void Dispose() => Close();

    private void Open(long timestampUs, LinkType linkType)
    {
        string path = string.Create(CultureInfo.InvariantCulture, $"{options.Path}.{timestampUs / 1_000_000}");
        if (options.WithMicroseconds || _files.Contains(path))
        {
            // Two files that begin in the same second would have one name.
            path += string.Create(CultureInfo.InvariantCulture, $".{timestampUs % 1_000_000}");
        }

        Span<byte> header = stackalloc byte[FileHeaderBytes];
        header.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(header, 0xa1b2_c3d4);
        BinaryPrimitives.WriteUInt16LittleEndian(header[4..], 2);
        BinaryPrimitives.WriteUInt16LittleEndian(header[6..], 4);
        BinaryPrimitives.WriteUInt32LittleEndian(header[16..], 256 << 10);
        BinaryPrimitives.WriteUInt32LittleEndian(header[20..], (uint)linkType);
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            _file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, 0);
            _size = FileHeaderBytes;
            _files.Enqueue(path);
            _file.Write(header);
            if (options.MaxFiles > 0 && _files.Count > options.MaxFiles)
            {
                File.Delete(_files.Dequeue());
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Fail(error, 0);
        }
    }

    private void Fail(Exception error, long whole)
    {
        Problem = $"{options.Path}: {error.Message.ReplaceLineEndings(" ")}";
        _retryAtMs = _clockMs() + RetryMs;
        try
        {
            _file?.SetLength(Math.Max(whole, 0));
            _file?.Dispose();
        }
        catch (IOException)
        {
            // The disk has failed altogether; what it holds is what it holds.
        }

        _file = null;
    }
}
