using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols;

/// <summary>The bytes of one inspection buffer at one moment.</summary>
public readonly ref struct BufferView(ReadOnlySpan<byte> data, long offset = 0, bool isComplete = true)
{
    public ReadOnlySpan<byte> Data { get; } = data;

    /// <summary>Where <see cref="Data"/> begins within the whole value; above 0 for the later windows of a body.</summary>
    public long Offset { get; } = offset;

    /// <summary>No more bytes will be added: end-anchored matches and <c>bsize</c> are final.</summary>
    public bool IsComplete { get; } = isComplete;
}

/// <summary>One exchange of a protocol (request with response, message, handshake): what outlives its bytes.</summary>
/// <remarks>
/// Pooled: owned by its <see cref="ProtocolState"/>, given back by <see cref="Reset"/>. Buffers returned stay valid until the next parse of
/// the flow. Progress values are the protocol's own, monotonic per direction; see <see cref="Protocol.ProgressNames"/>.
/// </remarks>
public abstract class Transaction
{
    private byte _progressToServer;
    private byte _progressToClient;
    private uint _key;

    /// <summary>Number within the flow, from 0 (EVE <c>tx_id</c>).</summary>
    public ulong Id { get; internal set; }

    /// <summary>The directions this transaction exists in: one for a message of a unidirectional protocol.</summary>
    public DirectionMask Directions { get; set; } = DirectionMask.Both;

    /// <summary>By what the parser finds it again: a message or stream number, or what is left of a longer one. Need not be unique.</summary>
    public uint Key
    {
        get => _key;
        set
        {
            if (_key != value)
            {
                _key = value;
                Home?.SetKey(this, value);
            }
        }
    }

    /// <summary>How far each direction got.</summary>
    public byte ProgressToServer
    {
        get => _progressToServer;
        set
        {
            if (_progressToServer != value)
            {
                _progressToServer = value;
                NewsToServer++;
                Home?.Touch(this);
            }
        }
    }

    public byte ProgressToClient
    {
        get => _progressToClient;
        set
        {
            if (_progressToClient != value)
            {
                _progressToClient = value;
                NewsToClient++;
                Home?.Touch(this);
            }
        }
    }

    /// <summary>Rises when the parser has taken something of the direction for it; see <see cref="ProtocolState.NewsOf"/>.</summary>
    internal uint NewsToServer { get; private set; }

    internal uint NewsToClient { get; private set; }

    /// <summary>The list it stands in; null in the pool.</summary>
    internal TransactionList? Home { get; set; }

    /// <summary>Anomalies seen in this transaction, as indexes into <see cref="Protocol.Anomalies"/>; <see cref="Note"/> adds one.</summary>
    public AnomalySet Anomalies;

    /// <summary>Which EVE loggers have written this transaction, one bit each; kept by the emitter.</summary>
    public uint LoggedMask;

    /// <summary>A firewall rule accepted the whole transaction: its hooks are not asked any more.</summary>
    internal bool IsAccepted { get; set; }

    /// <summary>Bits that rules keep on the transaction.</summary>
    internal TransactionBits Bits;

    /// <summary>What detection remembers between packets, per direction.</summary>
    internal TransactionDetection DetectionToServer { get; } = new();

    internal TransactionDetection DetectionToClient { get; } = new();

    /// <summary>Files carried to the server (uploads) and to the client (downloads); null when the protocol carries none.</summary>
    public virtual FileList? FilesToServer => null;

    public virtual FileList? FilesToClient => null;

    public bool ExistsIn(Direction direction) => ((int)Directions & (1 << (int)direction)) != 0;

    public byte Progress(Direction direction) => direction == Direction.ToServer ? ProgressToServer : ProgressToClient;

    public FileList? Files(Direction direction) => direction == Direction.ToServer ? FilesToServer : FilesToClient;

    internal TransactionDetection Detection(Direction direction) =>
        direction == Direction.ToServer ? DetectionToServer : DetectionToClient;

    /// <summary>The value of an inspection buffer; false when it does not exist (yet).</summary>
    /// <param name="buffer">The protocol's own number, from its <see cref="BufferDescriptor.LocalId"/>.</param>
    /// <param name="direction">The direction inspected: a buffer that exists in both gives that side's.</param>
    /// <param name="index">For multi-buffers 0, 1, 2 … until false; else 0.</param>
    public abstract bool TryGetBuffer(int buffer, Direction direction, int index, out BufferView view);

    /// <summary>Whether asking for a buffer makes sense here: where it does not, it does not count as absent either.</summary>
    public virtual bool CanHave(int buffer, Direction direction) => true;

    /// <summary>A rule asks for the certificates that were sent in a direction; transactions without certificates need not care.</summary>
    public virtual void RequestCertificates(Direction direction)
    {
    }

    /// <summary>Hands over what was asked for and is there, each side once.</summary>
    public virtual void StoreCertificates(ICertificateStore store, Packet packet, Flow flow)
    {
    }

    /// <summary>The value of an integer field; false when it does not exist (yet). Arguments as for <see cref="TryGetBuffer"/>.</summary>
    public virtual bool TryGetField(int field, Direction direction, int index, out ulong value)
    {
        value = 0;
        return false;
    }

    /// <summary>
    /// Something of it has changed that no progress tells: the engine looks at it again. Only where <see cref="ProtocolState.TellsWhatItTouches"/>
    /// does the parser have to say so.
    /// </summary>
    public void Touch() => Touch(DirectionMask.Both);

    /// <summary>The same, told of one side: hooks of the other have nothing new where <see cref="Protocol.KeepsSidesApart"/>.</summary>
    public void Touch(DirectionMask sides)
    {
        NewsToServer += (uint)(sides & DirectionMask.ToServer) / (uint)DirectionMask.ToServer;
        NewsToClient += (uint)(sides & DirectionMask.ToClient) / (uint)DirectionMask.ToClient;
        Home?.Touch(this);
    }

    /// <summary>Adds to <see cref="Anomalies"/>.</summary>
    protected void Note(int anomaly)
    {
        Anomalies.Add(anomaly);
        Home?.Touch(this);
    }

    /// <summary>Detection has inspected this direction with all that is there: body windows may slide.</summary>
    public virtual void OnInspected(Direction direction)
    {
    }

    /// <summary>Back to the state of a new object; keeps its arrays for reuse.</summary>
    public virtual void Reset()
    {
        Id = 0;
        Home = null;
        _key = 0;
        _progressToServer = 0;
        _progressToClient = 0;
        NewsToServer = NewsToClient = 0;
        Anomalies.Clear();
        LoggedMask = 0;
        IsAccepted = false;
        Bits.Clear();
        Directions = DirectionMask.Both;
        DetectionToServer.Reset();
        DetectionToClient.Reset();
        FilesToServer?.Reset();
        FilesToClient?.Reset();
    }
}

/// <summary>Named oddities of a transaction: a small ordered set of indexes into <see cref="Protocol.Anomalies"/>.</summary>
public struct AnomalySet
{
    private ulong _low;
    private ulong _high;

    /// <summary>How many the protocol may name.</summary>
    public const int Capacity = 128;

    public readonly bool IsEmpty => (_low | _high) == 0;

    /// <summary>Which of them have been written to EVE.</summary>
    private ulong _loggedLow;
    private ulong _loggedHigh;

    public void Add(int anomaly)
    {
        if (anomaly < 64)
        {
            _low |= 1UL << anomaly;
        }
        else
        {
            _high |= 1UL << (anomaly - 64);
        }
    }

    public readonly bool Contains(int anomaly) =>
        anomaly < 64 ? (_low & (1UL << anomaly)) != 0 : (_high & (1UL << (anomaly - 64))) != 0;

    /// <summary>Takes one anomaly not yet logged, lowest first.</summary>
    public bool TryTakeUnlogged(out int anomaly)
    {
        ulong low = _low & ~_loggedLow;
        if (low != 0)
        {
            anomaly = System.Numerics.BitOperations.TrailingZeroCount(low);
            _loggedLow |= 1UL << anomaly;
            return true;
        }

        ulong high = _high & ~_loggedHigh;
        if (high != 0)
        {
            int bit = System.Numerics.BitOperations.TrailingZeroCount(high);
            _loggedHigh |= 1UL << bit;
            anomaly = bit + 64;
            return true;
        }

        anomaly = -1;
        return false;
    }

    public void Clear() => this = default;
}
