using BridgeGuard.Engine.Compression;
using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Http2;

internal enum Http2NoteKind : byte
{
    ErrorCode,
    Priority,
    Window,
    Setting,
}

/// <summary>A number that a frame carried.</summary>
internal struct Http2Note
{
    public Http2NoteKind Kind;

    /// <summary>With <see cref="Http2NoteKind.ErrorCode"/>: it came with GOAWAY.</summary>
    public bool IsGoAway;

    /// <summary>With <see cref="Http2NoteKind.Setting"/>: which.</summary>
    public ushort Id;
    public uint Value;
}

/// <summary>What one endpoint sent on a stream.</summary>
internal sealed class Http2Side
{
    private Http2Note[] _notes = new Http2Note[4];
    private readonly Slice[] _derived = new Slice[(int)Http2Buffer.Count];
    private readonly bool[] _isDerived = new bool[(int)Http2Buffer.Count];

    public Http2Headers Headers { get; } = new();

    public FileList Files { get; } = new();

    /// <summary>The body's codings; made when a body first has one.</summary>
    public ContentDecoder? Decoder { get; set; }

    /// <summary>Frame types seen, a bit each; those without a name share the last.</summary>
    public ushort Types { get; private set; }

    public const int UnknownType = 15;

    public int Frames { get; private set; }

    public int NoteCount { get; private set; }

    public ref readonly Http2Note this[int index] => ref _notes[index];

    /// <summary>A SETTINGS frame was seen, though none of its settings may be known.</summary>
    public bool HasSettings { get; set; }

    /// <summary>Body bytes as sent.</summary>
    public long WireBytes { get; set; }

    /// <summary>The body is a DNS message (RFC 8484).</summary>
    public bool IsDns { get; set; }

    /// <summary>The message as far as it has come.</summary>
    public ByteBuffer DnsMessage { get; } = new();

    /// <summary>Text put together for rules.</summary>
    public ByteBuffer DerivedText { get; } = new();

    public void CountFrame(byte type)
    {
        Frames++;
        Types |= (ushort)(1 << Math.Min(type, (byte)UnknownType));
    }

    public void Add(in Http2Note note)
    {
        if (NoteCount == _notes.Length)
        {
            ArrayCache<Http2Note>.Grow(ref _notes);
        }

        _notes[NoteCount++] = note;
    }

    /// <summary>The value of the <paramref name="index"/>th note of a kind.</summary>
    public bool TryGet(Http2NoteKind kind, int index, out uint value)
    {
        for (int i = 0; i < NoteCount; i++)
        {
            if (_notes[i].Kind == kind && index-- == 0)
            {
                value = _notes[i].Value;
                return true;
            }
        }

        value = 0;
        return false;
    }

    public bool TryGetDerived(Http2Buffer buffer, out ReadOnlySpan<byte> text)
    {
        bool isThere = _isDerived[(int)buffer];
        text = isThere ? DerivedText[_derived[(int)buffer]] : default;
        return isThere;
    }

    public ReadOnlySpan<byte> SetDerived(Http2Buffer buffer, int start)
    {
        _derived[(int)buffer] = new Slice(start, DerivedText.Length - start);
        _isDerived[(int)buffer] = true;
        return DerivedText[_derived[(int)buffer]];
    }

    /// <summary>More header fields have come.</summary>
    public void ForgetDerived()
    {
        DerivedText.Reset();
        Array.Clear(_isDerived);
    }

    public void Reset()
    {
        Headers.Reset();
        Files.Reset();
        Decoder?.Reset();
        ForgetDerived();
        Types = 0;
        Frames = 0;
        NoteCount = 0;
        HasSettings = false;
        WireBytes = 0;
        IsDns = false;
        DnsMessage.Reset();
        ArrayCache<Http2Note>.Shrink(ref _notes, 64, 4);
    }
}
