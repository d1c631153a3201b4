using System.Buffers;
using System.IO.Compression;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Compression;

/// <summary>One layer of content coding: takes its bytes in pieces, hands decoded ones on. Wrongly labelled data passes as it is.</summary>
/// <remarks>
/// Clients are lenient: "deflate" may be zlib or raw, and what is no gzip, Brotli or LZMA may be one of the others (Suricata 8.0.8 tries them in turn). So the first bytes are
/// kept until something was decoded, and on failure another reading of them is tried, at last none at all. What a body with a wrong label is, is decided over
/// its first <see cref="MaxRetainedBytes"/> or at its end, so that the cuts of its pieces do not matter.
/// </remarks>
internal sealed class ContentLayer
{
    private const int OutputBytes = 16 << 10;

    /// <summary>Bytes kept for another reading while nothing has been decoded.</summary>
    private const int MaxRetainedBytes = 4 << 10;

    private static ReadOnlySpan<byte> GzipMagic => [0x1f, 0x8b];

    private enum Reading : byte
    {
        Undecided,
        GzipHeader,
        ZlibHeader,
        Deflate,
        Brotli,
        Lzma,

        /// <summary>Not what its label says: enough is awaited to tell what else it is.</summary>
        Doubtful,
        Trailer,
        Plain,
        Ignore,
    }

    private readonly byte[] _output = new byte[OutputBytes];
    private readonly ByteBuffer _retained = new();
    private Inflater? _inflater;
    private LzmaDecoder? _lzma;
    private BrotliDecoder _brotli;
    private bool _hasBrotli;
    private GzipHeader _header;
    private ContentCoding _coding;
    private Reading _reading;
    private bool _triedZlib;
    private bool _triedRaw;
    private bool _triedOthers;
    private int _skip;
    private long _lzmaMemoryBytes;

    public long Consumed { get; private set; }

    public long Produced { get; private set; }

    /// <summary>Decoding failed after some bytes had come out.</summary>
    public bool HasFailed { get; private set; }

    /// <summary>Nothing came out: the input is passed on as it is.</summary>
    public bool IsRefused { get; private set; }

    /// <summary>LZMA wanted more history than it may have: nothing more is decoded.</summary>
    public bool IsOverMemory { get; private set; }

    /// <summary>Begins a body.</summary>
    /// <param name="coding">What its bytes are.</param>
    /// <param name="lzmaMemoryBytes">What LZMA may keep of what it decoded.</param>
    public void Begin(ContentCoding coding, long lzmaMemoryBytes)
    {
        _coding = coding;
        _reading = coding == ContentCoding.Identity ? Reading.Plain : Reading.Undecided;
        _retained.Reset();
        _triedZlib = false;
        _triedRaw = false;
        _triedOthers = false;
        Consumed = 0;
        Produced = 0;
        HasFailed = false;
        IsRefused = false;
        IsOverMemory = false;
        _lzmaMemoryBytes = lzmaMemoryBytes;
        _header = default;
        End();
    }

    /// <summary>Gives back native state and borrowed memory.</summary>
    public void End()
    {
        _lzma?.End();
        if (_hasBrotli)
        {
            _brotli.Dispose();
            _brotli = default;
            _hasBrotli = false;
        }
    }

    public void Feed(ReadOnlySpan<byte> input, IContentSink next)
    {
        Consumed += input.Length;
        if (_reading == Reading.Plain)
        {
            Produced += input.Length;
            next.OnContent(input);
            return;
        }

        if (Produced == 0 && _retained.Length < MaxRetainedBytes)
        {
            _retained.Append(input);
        }

        Run(input, next);
    }

    /// <summary>No more input: what could not be decided passes as it is.</summary>
    public void Finish(IContentSink next)
    {
        if (_reading == Reading.Doubtful)
        {
            Decide(next);
        }

        if (Produced == 0 && _reading is not (Reading.Plain or Reading.Ignore or Reading.Trailer) && _retained.Length > 0)
        {
            PassRetained(next);
        }
    }

    private void Run(ReadOnlySpan<byte> input, IContentSink next)
    {
        while (!input.IsEmpty)
        {
            switch (_reading)
            {
                case Reading.Undecided:
                    Choose(input[0]);
                    break;
                case Reading.GzipHeader:
                    if (_header.TryRead(ref input, out bool isBad))
                    {
                        BeginDeflate();
                    }
                    else if (isBad)
                    {
                        if (!Fail(ref input, next))
                        {
                            return;
                        }
                    }

                    break;
                case Reading.ZlibHeader:
                    int skipped = Math.Min(_skip, input.Length);
                    input = input[skipped..];
                    _skip -= skipped;
                    _reading = _skip == 0 ? Reading.Deflate : Reading.ZlibHeader;
                    break;
                case Reading.Deflate:
                    if (!Inflate(ref input, next) && !Fail(ref input, next))
                    {
                        return;
                    }

                    break;
                case Reading.Brotli:
                    if (!Unbrotli(ref input, next) && !Fail(ref input, next))
                    {
                        return;
                    }

                    break;
                case Reading.Lzma:
                    if (!Unlzma(ref input, next) && !Fail(ref input, next))
                    {
                        return;
                    }

                    break;
                case Reading.Trailer:
                    ReadTrailer(ref input);
                    break;
                case Reading.Doubtful:
                    if (_retained.Length >= MaxRetainedBytes)
                    {
                        Decide(next);
                    }

                    return;
                case Reading.Plain:
                    Produced += input.Length;
                    next.OnContent(input);
                    return;
                default:
                    return;
            }
        }
    }

    private void Choose(byte first)
    {
        switch (_coding)
        {
            case ContentCoding.Brotli:
                _brotli = default;
                _hasBrotli = true;
                _reading = Reading.Brotli;
                break;
            case ContentCoding.Lzma:
                _lzma ??= new LzmaDecoder();
                _lzma.MemoryLimitBytes = _lzmaMemoryBytes;
                _lzma.Reset();
                _reading = Reading.Lzma;
                break;
            case ContentCoding.Deflate when first == 0x1f:
            case ContentCoding.Gzip:
                _header = default;
                _reading = Reading.GzipHeader;
                break;
            default:
                ChooseDeflate(first);
                break;
        }
    }

    /// <summary>zlib when the first byte can be its CMF (RFC 1950 §2.2: method 8, window up to 32 KiB), else raw.</summary>
    private void ChooseDeflate(byte first)
    {
        BeginDeflate();
        if (!_triedZlib && (first & 0x0f) == 8 && first >> 4 <= 7)
        {
            _triedZlib = true;
            _skip = 2;
            _reading = Reading.ZlibHeader;
        }
        else
        {
            _triedRaw = true;
        }
    }

    private void BeginDeflate()
    {
        _inflater ??= new Inflater();
        _inflater.Reset();
        _reading = Reading.Deflate;
    }

    private bool Inflate(ref ReadOnlySpan<byte> input, IContentSink next)
    {
        while (true)
        {
            InflateStatus status = _inflater!.Run(ref input, _output, out int written);
            if (written > 0)
            {
                Produced += written;
                next.OnContent(_output.AsSpan(0, written));
            }

            if (_reading == Reading.Ignore || status == InflateStatus.NeedInput)
            {
                return true;
            }

            if (status == InflateStatus.Done)
            {
                _skip = 8; // CRC and size, which receivers do not insist on; zlib's four bytes are shorter.
                while (_skip > 0 && _inflater.TryTakeLeftover(out _))
                {
                    _skip--;
                }

                _reading = _coding == ContentCoding.Gzip ? Reading.Trailer : Reading.Ignore;
                return true;
            }

            if (status == InflateStatus.Error)
            {
                return false;
            }
        }
    }

    private bool Unbrotli(ref ReadOnlySpan<byte> input, IContentSink next)
    {
        while (true)
        {
            OperationStatus status = _brotli.Decompress(input, _output, out int consumed, out int written);
            input = input[consumed..];
            if (written > 0)
            {
                Produced += written;
                next.OnContent(_output.AsSpan(0, written));
            }

            switch (status)
            {
                case OperationStatus.Done:
                    _reading = Reading.Ignore;
                    return true;
                case OperationStatus.NeedMoreData:
                    return true;
                case OperationStatus.InvalidData:
                    return false;
                default:
                    if (_reading == Reading.Ignore)
                    {
                        return true;
                    }

                    break;
            }
        }
    }

    private bool Unlzma(ref ReadOnlySpan<byte> input, IContentSink next)
    {
        while (true)
        {
            LzmaStatus status = _lzma!.Run(ref input, _output, out int written);
            if (written > 0)
            {
                Produced += written;
                next.OnContent(_output.AsSpan(0, written));
            }

            switch (status)
            {
                case LzmaStatus.NeedInput:
                    return true;
                case LzmaStatus.Error:
                    return false;
                case LzmaStatus.Done or LzmaStatus.MemoryLimit:
                    IsOverMemory = status == LzmaStatus.MemoryLimit;
                    _reading = Reading.Ignore;
                    _lzma.End();
                    return true;
                default:
                    if (_reading == Reading.Ignore)
                    {
                        return true;
                    }

                    break;
            }
        }
    }

    /// <summary>Behind the trailer another member may follow (RFC 1952 §2.2); anything else there is ignored.</summary>
    private void ReadTrailer(ref ReadOnlySpan<byte> input)
    {
        int skipped = Math.Min(_skip, input.Length);
        input = input[skipped..];
        _skip -= skipped;
        if (_skip > 0 || input.IsEmpty)
        {
            return;
        }

        _header = default;
        _reading = input[0] == 0x1f ? Reading.GzipHeader : Reading.Ignore;
    }

    /// <summary>Tries another reading of the bytes so far; false when there is nothing more to do with this input.</summary>
    private bool Fail(ref ReadOnlySpan<byte> input, IContentSink next)
    {
        if (Produced > 0)
        {
            HasFailed = true;
            _reading = Reading.Ignore;
            return false;
        }

        if (_coding == ContentCoding.Deflate && !_triedRaw && _retained.Length <= MaxRetainedBytes)
        {
            _triedRaw = true;
            BeginDeflate();
            Run(_retained.Span, next);
            return false;
        }

        if (_coding != ContentCoding.Deflate && !_triedOthers)
        {
            _triedOthers = true;
            End();
            _reading = Reading.Doubtful;
            if (_retained.Length >= MaxRetainedBytes)
            {
                Decide(next);
            }

            return false;
        }

        IsRefused = true;
        PassRetained(next);
        return false;
    }

    /// <summary>What the bytes so far are, whatever the label says: gzip or zlib by their heads, raw deflate when they can be read so to their end, else nothing.</summary>
    private void Decide(IContentSink next)
    {
        ReadOnlySpan<byte> bytes = _retained.Span;
        if (_coding != ContentCoding.Gzip && bytes.StartsWith(GzipMagic))
        {
            _header = default;
            _reading = Reading.GzipHeader;
            Run(bytes, next);
            return;
        }

        // RFC 1950 §2.2: CMF and FLG are a multiple of 31.
        bool isZlib = bytes.Length > 2 && (bytes[0] & 0x0f) == 8 && bytes[0] >> 4 <= 7 && ((bytes[0] << 8) | bytes[1]) % 31 == 0;
        if (isZlib && CanInflate(bytes[2..]))
        {
            _triedZlib = true;
            BeginDeflate();
            Run(bytes[2..], next);
        }
        else if (CanInflate(bytes))
        {
            _triedRaw = true;
            BeginDeflate();
            Run(bytes, next);
        }
        else
        {
            IsRefused = true;
            PassRetained(next);
        }
    }

    /// <summary>Something comes out of the bytes and nothing in them is wrong.</summary>
    private bool CanInflate(ReadOnlySpan<byte> bytes)
    {
        bytes = bytes[..Math.Min(bytes.Length, MaxRetainedBytes)];
        BeginDeflate();
        bool hasOutput = false;
        while (true)
        {
            InflateStatus status = _inflater!.Run(ref bytes, _output, out int written);
            hasOutput |= written > 0;
            if (status is InflateStatus.Error)
            {
                return false;
            }

            if (status is InflateStatus.Done or InflateStatus.NeedInput)
            {
                return hasOutput;
            }
        }
    }

    private void PassRetained(IContentSink next)
    {
        _reading = Reading.Plain;
        Produced += _retained.Length;
        next.OnContent(_retained.Span);
    }

    /// <summary>Nothing that follows is decoded.</summary>
    public void Stop() => _reading = Reading.Ignore;
}
