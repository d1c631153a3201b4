using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Http1;

/// <summary>One half of an exchange, request or response: its first line, header fields and body.</summary>
internal sealed class Http1Message
{
    /// <summary>The first line without its end.</summary>
    public ByteBuffer Line { get; } = new();

    /// <summary>The header lines as they came, with their ends.</summary>
    public ByteBuffer RawHeaders { get; } = new();

    /// <summary>The header line being read, unfolded: it may go on in the next line.</summary>
    public ByteBuffer Pending { get; } = new();

    public Http1Fields Fields { get; } = new();

    public Http1Body Body { get; } = new();

    public FileList Files { get; } = new();

    public bool HasPending { get; set; }

    /// <summary>The last line of the head ended with LF alone: a CR behind it is no line of its own.</summary>
    public bool EndsWithLf { get; set; }

    /// <summary>Something of this half was seen.</summary>
    public bool IsSeen { get; set; }

    /// <summary>HTTP version as 9, 100, 101; 0: not readable; -1: not said.</summary>
    public short Version { get; set; }

    public Slice Protocol { get; set; }

    /// <summary>Parts of <see cref="Line"/>: method and URI of a request, status and reason of a response.</summary>
    public Slice First { get; set; }

    public Slice Second { get; set; }

    /// <summary>Body bytes on the wire, with chunk framing.</summary>
    public long WireBytes { get; set; }

    /// <summary>The body cannot be complete: bytes are lost.</summary>
    public bool HasGap { get; set; }

    public void Reset()
    {
        Line.Reset();
        RawHeaders.Reset();
        Pending.Reset();
        Fields.Reset();
        Body.Reset();
        Files.Reset();
        HasPending = false;
        EndsWithLf = false;
        IsSeen = false;
        Version = -1;
        Protocol = Slice.None;
        First = Slice.None;
        Second = Slice.None;
        WireBytes = 0;
        HasGap = false;
    }

    /// <summary>Takes first line and fields of another message, without its body.</summary>
    public void CopyHead(Http1Message other)
    {
        Line.Append(other.Line.Span);
        First = other.First;
        Second = other.Second;
        Protocol = other.Protocol;
        Version = other.Version;
        for (int i = 0; i < other.Fields.Count; i++)
        {
            Fields.Add(other.Fields.Name(i), other.Fields.Value(i), isTrailer: false, join: true);
        }
    }

    /// <summary>Forgets an interim response's head (100 Continue): the real one follows.</summary>
    public void ResetHead()
    {
        Line.Reset();
        RawHeaders.Reset();
        Pending.Reset();
        Fields.Reset();
        HasPending = false;
        EndsWithLf = false;
        Version = -1;
        Protocol = Slice.None;
        First = Slice.None;
        Second = Slice.None;
    }
}
