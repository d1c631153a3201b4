using System.IO.Compression;
using System.IO.Pipes;
using Microsoft.Win32.SafeHandles;

namespace BridgeGuard.Attachments.Offline;

/// <summary>
/// The bytes of a compressed capture, or of standard input, as something that libpcap can open: a thread unpacks into a pipe as fast as frames are read.
/// Nothing is put on disk, however large it becomes.
/// </summary>
internal sealed class CaptureFeed : IDisposable
{
    private const int BlockBytes = 64 << 10;

    private readonly AnonymousPipeServerStream _pipe = new(PipeDirection.Out, HandleInheritability.None, BlockBytes);
    private readonly SafePipeHandle _writeEnd;
    private readonly Stream _source;
    private readonly Thread _thread;

    private CaptureFeed(Stream source)
    {
        _source = source;
        _writeEnd = _pipe.SafePipeHandle;
        _thread = new Thread(Copy) { IsBackground = true, Name = "bg-unpack" };
    }

    /// <summary>What libpcap opens; call <see cref="Opened"/> when it has.</summary>
    public string DevicePath => $"/proc/self/fd/{_pipe.ClientSafePipeHandle.DangerousGetHandle()}";

    /// <summary>Why the bytes ended before the capture did; null is well. After the end of the frames.</summary>
    public string? Problem { get; private set; }

    /// <summary>Begins to feed a file whose first bytes say that it is compressed, or standard input whatever it is.</summary>
    /// <exception cref="IOException">It cannot be opened.</exception>
    public static CaptureFeed Start(string path)
    {
        Stream file = path == "-" ? Console.OpenStandardInput() : File.OpenRead(path);
        var start = new byte[CaptureSource.MagicBytes];
        int read = file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        Stream whole = new Rejoined(start.AsMemory(0, read), file);
        CaptureFeed feed = new(CaptureSource.IsGzip(start) ? new GZipStream(whole, CompressionMode.Decompress) : whole);
        feed._thread.Start();
        return feed;
    }

    /// <summary>libpcap has its own descriptor: when it closes that, the thread ends too.</summary>
    public void Opened() => _pipe.DisposeLocalCopyOfClientHandle();

    /// <summary>Waits for the thread, so that <see cref="Problem"/> is what it will be. Only when libpcap has read to the end or closed.</summary>
    public void Join() => _thread.Join();

    public void Dispose()
    {
        _pipe.DisposeLocalCopyOfClientHandle();
        _source.Dispose();
        _pipe.Dispose();
    }

    private void Copy()
    {
        try
        {
            _source.CopyTo(_pipe, BlockBytes);
        }
        catch (InvalidDataException)
        {
            Problem = "the compressed data is damaged";
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException)
        {
            // The reader has had enough; what is wrong with the file itself shows in the frames.
        }
        finally
        {
            // Our end only: libpcap may not have opened the other one yet.
            _writeEnd.Dispose();
        }
    }

    /// <summary>The bytes that were looked at, then the rest.</summary>
    private sealed class Rejoined(ReadOnlyMemory<byte> start, Stream rest) : Stream
    {
        private ReadOnlyMemory<byte> _start = start;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override int Read(Span<byte> buffer)
        {
            if (_start.IsEmpty)
            {
                return rest.Read(buffer);
            }

            int length = Math.Min(buffer.Length, _start.Length);
            _start.Span[..length].CopyTo(buffer);
            _start = _start[length..];
            return length;
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            rest.Dispose();
            base.Dispose(disposing);
        }
    }
}
