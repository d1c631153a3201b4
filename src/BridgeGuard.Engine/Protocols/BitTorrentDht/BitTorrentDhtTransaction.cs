using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.BitTorrentDht;

/// <summary>One message: query, response or error.</summary>
internal sealed class BitTorrentDhtTransaction : Transaction
{
    /// <summary>An IPv4 or IPv6 address with its port.</summary>
    public const int PeerBytes = 6;
    public const int Peer6Bytes = 18;

    public Slice TransactionId = Slice.None;
    public Slice ClientVersion = Slice.None;
    public Slice RequestType = Slice.None;
    public Slice NodeId = Slice.None;
    public Slice Target = Slice.None;
    public Slice InfoHash = Slice.None;
    public Slice Token = Slice.None;
    public Slice Nodes = Slice.None;
    public Slice Nodes6 = Slice.None;
    public Slice ErrorMessage = Slice.None;

    /// <summary>-1 without.</summary>
    public int ImpliedPort = -1;
    public int Port = -1;
    public int ErrorNumber = -1;

    private readonly Slice[] _values = new Slice[BitTorrentDhtLimits.MaxValues];

    /// <summary>Owner of all slices; a datagram bounds it.</summary>
    public ByteBuffer Bytes { get; } = new();

    public bool HasRequest { get; set; }

    public bool HasResponse { get; set; }

    public bool HasError { get; set; }

    public int ValueCount { get; private set; }

    public ReadOnlySpan<byte> Value(int index) => Bytes[_values[index]];

    /// <summary>Keeps what is long enough to be an address; beyond the cap the rest is left out.</summary>
    public void AddValue(ReadOnlySpan<byte> value)
    {
        int length = value.Length >= Peer6Bytes ? Peer6Bytes : PeerBytes;
        if (value.Length >= length && ValueCount < _values.Length)
        {
            _values[ValueCount++] = Bytes.Append(value[..length]);
        }
    }

    public void Raise(BitTorrentDhtAnomaly anomaly) => Note((int)anomaly);

    public override bool TryGetBuffer(int buffer, Direction direction, int index, out BufferView view)
    {
        view = default;
        return false;
    }

    public override void Reset()
    {
        base.Reset();
        Bytes.Reset();
        TransactionId = ClientVersion = RequestType = NodeId = Target = InfoHash = Token = Nodes = Nodes6 = ErrorMessage = Slice.None;
        ImpliedPort = Port = ErrorNumber = -1;
        HasRequest = HasResponse = HasError = false;
        ValueCount = 0;
    }
}
