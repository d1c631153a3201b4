using BridgeGuard.Engine.Compression;
using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Http1;

/// <summary>Where decoded body bytes go: the inspection window, the file, a multipart reader. One per direction of a flow.</summary>
/// <remarks>Holds borrowed references to the transaction and tracker only between <see cref="Feed"/> and its return.</remarks>
internal sealed class Http1BodySink : IContentSink
{
    private readonly bool _toServer;
    private readonly ByteBuffer _location = new();
    private readonly ByteBuffer _key = new();
    private Http1Transaction? _transaction;
    private ParseContext _context;
    private bool _wantsFile;
    private long _announced = -1;

    public Http1BodySink(Http1Limits limits, bool toServer)
    {
        Limits = limits;
        _toServer = toServer;
    }

    /// <summary>Those of the flow's server.</summary>
    public Http1Limits Limits { get; set; }

    public ContentDecoder Decoder { get; } = new();

    public Http1Multipart Multipart { get; } = new();

    /// <summary>Parts of a larger file; begun by whoever begins the body.</summary>
    public Http1ByteRanges ByteRanges { get; } = new();

    /// <summary>Begins a body.</summary>
    /// <param name="transaction">Gets it.</param>
    /// <param name="wantsFile">The body is a file of its own.</param>
    /// <param name="announced">Bytes of the body as it is sent, -1 when only its end will tell.</param>
    public void Begin(Http1Transaction transaction, bool wantsFile, long announced)
    {
        _wantsFile = wantsFile;
        _announced = announced;
        Multipart.Reset();
        ByteRanges.Reset();
        Http1Message message = transaction.Message(_toServer);
        if (_toServer)
        {
            message.Body.Begin(Limits.RequestBodyBytes, Limits.InlineBody ? 0 : Limits.RequestMinInspect, Limits.RequestWindow);
        }
        else
        {
            message.Body.Begin(Limits.ResponseBodyBytes, Limits.InlineBody ? 0 : Limits.ResponseMinInspect, Limits.ResponseWindow);
        }
    }

    public void Feed(ReadOnlySpan<byte> bytes, Http1Transaction transaction, in ParseContext context)
    {
        _transaction = transaction;
        _context = context;
        if (Decoder.IsActive)
        {
            Decoder.Feed(bytes, this);
            ReportDecoder(transaction);
        }
        else
        {
            OnContent(bytes);
        }

        _transaction = null;
        _context = default;
    }

    /// <summary>The last chunk is there: rules look at what there is, however little, whether or not a trailer comes.</summary>
    public void ShowAll(Http1Transaction transaction)
    {
        Http1Message message = transaction.Message(_toServer);
        message.Body.ShowAll();
        if (message.Files.Open is { } file)
        {
            file.MinInspectBytes = 0;
        }
    }

    /// <summary>The body is over.</summary>
    public void Finish(Http1Transaction transaction, FileState state, in ParseContext context)
    {
        _transaction = transaction;
        _context = context;
        if (Decoder.IsActive)
        {
            Decoder.Finish(this);
            ReportDecoder(transaction);
        }

        Http1Message message = transaction.Message(_toServer);
        if (Multipart.IsActive)
        {
            Multipart.Finish(transaction, context.Files, state);
        }

        if (ByteRanges.IsActive)
        {
            ByteRanges.Finish(context.Files);
        }
        else if (message.Files.Open is { } file)
        {
            context.Files.Close(file, state);
        }

        message.Body.IsComplete = true;
        Decoder.Reset();
        _transaction = null;
        _context = default;
    }

    /// <summary>Bytes of the body are lost; when they are its first, the file begins with the hole.</summary>
    public void Gap(Http1Transaction transaction, long bytes, in ParseContext context)
    {
        Http1Message message = transaction.Message(_toServer);
        _context = context;
        if (ByteRanges.IsActive)
        {
            ByteRanges.Finish(context.Files);
            _wantsFile = false;
        }

        if (_wantsFile && !message.Body.HasBytes && message.Files.Count == 0)
        {
            OpenFile(transaction, message);
        }

        if (message.Files.Open is { } file)
        {
            context.Files.Gap(file, bytes);
        }

        _context = default;
    }

    public void Reset()
    {
        Decoder.Reset();
        Multipart.Reset();
        ByteRanges.Reset();
        _transaction = null;
        _context = default;
    }

    public void OnContent(ReadOnlySpan<byte> bytes)
    {
        Http1Transaction transaction = _transaction!;
        Http1Message message = transaction.Message(_toServer);
        long room = message.Body.Room;
        bool isFirst = !message.Body.HasBytes;
        message.Body.Append(bytes);
        if (_context.Bodies is { } log && room > 0)
        {
            log.Body(_context.Flow, _context.Direction, transaction.Id, bytes[..(int)Math.Min(room, bytes.Length)]);
        }

        if (Multipart.IsActive)
        {
            Multipart.Read(bytes, transaction, message, in _context);
            return;
        }

        if (!_wantsFile)
        {
            return;
        }

        if (ByteRanges.IsActive)
        {
            if (isFirst)
            {
                FindPlace(transaction);
            }

            var place = new RangePlace { Key = _key.Span, Name = transaction.Uri.Span[..transaction.UriPathLength], Location = _location.Span };
            ByteRanges.Read(bytes, message.Files, in place, in _context);
            return;
        }

        if (isFirst && message.Files.Count == 0)
        {
            OpenFile(transaction, message);
        }

        AppendFile(bytes, room, message);
    }

    /// <summary>Above the body limit a file is not followed any more: it ends truncated.</summary>
    private void AppendFile(ReadOnlySpan<byte> bytes, long room, Http1Message message)
    {
        if (message.Files.Open is not { } file)
        {
            return;
        }

        FileTracker files = _context.Files;
        files.Append(file, bytes.Length <= room ? bytes : bytes[..(int)room]);
        if (bytes.Length > room)
        {
            files.Close(file, FileState.Truncated);
        }
    }

    private void OpenFile(Http1Transaction transaction, Http1Message message)
    {
        FindPlace(transaction);
        ReadOnlySpan<byte> name = default;
        if (message.Fields.TryGet("content-disposition"u8, out ReadOnlySpan<byte> disposition))
        {
            Http1Multipart.TryFindParameter(disposition, "filename"u8, out name);
        }

        if (name.IsEmpty)
        {
            name = transaction.Uri.Span[..transaction.UriPathLength];
        }

        if (name.Length > Http1Limits.MaxFileNameBytes)
        {
            transaction.Raise(Http1Anomaly.FileNameTooLong);
            return;
        }

        TrackedFile? file = _context.Files.Open(message.Files, name, in _context, _location.Span, Decoder.IsActive ? -1 : _announced);
        if (file is not null)
        {
            file.EndIsAnnounced = _announced >= 0;
            file.MinInspectBytes = message.Body.MinInspectBytes;
            Http1Ranges.Apply(transaction, message, file);
            _context.Files.OpenRange(file, _key.Span, name, _location.Span, in _context);
        }
    }

    /// <summary>The address as the scanner is told it, and the key by which ranges of one file are known.</summary>
    private void FindPlace(Http1Transaction transaction)
    {
        _location.Reset();
        _location.Append("http://"u8);
        _location.Append(transaction.HostRaw.Span);
        _location.Append(transaction.Uri.Span);
        _key.Reset();
        _key.Append(transaction.Host.Span);
        _key.Append((byte)0);
        _key.Append(transaction.Request.Line[transaction.Request.Second]);
    }

    private void ReportDecoder(Http1Transaction transaction)
    {
        if (Decoder.IsBomb)
        {
            transaction.Raise(Http1Anomaly.CompressionBomb);
        }
        else if (Decoder.IsOverMemory)
        {
            transaction.Raise(Http1Anomaly.LzmaMemlimitReached);
        }
        else if (Decoder.HasFailed)
        {
            transaction.Raise(Http1Anomaly.GzipDecompressionFailed);
        }
    }
}
