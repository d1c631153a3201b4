using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Sip;

/// <summary>The headers that rules may look at.</summary>
internal enum SipHeader : byte
{
    None,
    From,
    To,
    Via,
    UserAgent,
    ContentType,
    ContentLength,
}

/// <summary>One message, request or response; the other side's answer is a transaction of its own.</summary>
internal sealed partial class SipTransaction : Transaction
{
    private (SipHeader Name, Slice Value)[] _headers = new (SipHeader, Slice)[8];
    private int _headerCount;

    public ByteBuffer Bytes { get; } = new();

    /// <summary>A first line was read; else the transaction only carries anomalies.</summary>
    public bool IsMessage { get; set; }

    public bool IsRequest { get; set; }

    /// <summary>The first line without its end.</summary>
    public Slice Line { get; set; } = Slice.None;

    /// <summary>Requests: method, URI. Responses: code, reason.</summary>
    public Slice First { get; set; } = Slice.None;

    public Slice Second { get; set; } = Slice.None;

    public Slice Version { get; set; } = Slice.None;

    public SdpSession Session { get; } = new();

    public void Add(SipHeader name, Slice value)
    {
        if (_headerCount == SipLimits.MaxHeaders)
        {
            return;
        }

        if (_headerCount == _headers.Length)
        {
            Array.Resize(ref _headers, _headers.Length * 2);
        }

        _headers[_headerCount++] = (name, value);
    }

    /// <summary>The n-th value of a header.</summary>
    public bool TryGetHeader(SipHeader name, int index, out Slice value)
    {
        for (int i = 0; i < _headerCount; i++)
        {
            if (_headers[i].Name == name && index-- == 0)
            {
                value = _headers[i].Value;
                return true;
            }
        }

        value = Slice.None;
        return false;
    }

    public void Complete(Direction direction)
    {
        Directions = direction == Direction.ToServer ? DirectionMask.ToServer : DirectionMask.ToClient;
        ProgressToServer = 1;
        ProgressToClient = 1;
    }

    public void Raise(SipAnomaly anomaly) => Note((int)anomaly);

    public override void Reset()
    {
        base.Reset();
        Bytes.Reset();
        Session.Reset();
        _headerCount = 0;
        IsMessage = false;
        IsRequest = false;
        Line = Slice.None;
        First = Slice.None;
        Second = Slice.None;
        Version = Slice.None;
    }
}
