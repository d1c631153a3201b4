using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Dnp3;

/// <summary>The header of an object, and where its points lie in the application data.</summary>
internal struct Dnp3Object
{
    public byte Group;
    public byte Variation;
    public byte Qualifier;
    public uint Start;
    public uint Stop;
    public uint Count;
    public int PointsAt;

    /// <summary>Points that could be read.</summary>
    public int Points;

    public readonly byte PrefixCode => (byte)((Qualifier >> 4) & 7);

    public readonly byte RangeCode => (byte)(Qualifier & 15);
}

/// <summary>One application message, or a frame that could not be one and carries an anomaly.</summary>
internal sealed partial class Dnp3Transaction : Transaction
{
    private const int KeepObjects = 64;

    private Dnp3Object[] _objects = new Dnp3Object[4];

    /// <summary>The application message from its control byte.</summary>
    public ByteBuffer Data { get; } = new();

    /// <summary>A whole message was put together.</summary>
    public bool IsMessage { get; set; }

    public bool IsRequest { get; set; }

    public byte LinkControl { get; set; }

    public ushort Source { get; set; }

    public ushort Destination { get; set; }

    /// <summary>Internal indications, the first byte above the second.</summary>
    public ushort Indications { get; set; }

    /// <summary>All objects were read.</summary>
    public bool IsWhole { get; set; }

    public int ObjectCount { get; private set; }

    public byte Control => Data.Length > 0 ? Data.Span[0] : (byte)0;

    public byte Function => Data.Length > 1 ? Data.Span[1] : (byte)0;

    public ref Dnp3Object Object(int index) => ref _objects[index];

    public void Add(in Dnp3Object value)
    {
        if (ObjectCount == _objects.Length)
        {
            Array.Resize(ref _objects, _objects.Length * 2);
        }

        _objects[ObjectCount++] = value;
    }

    public void Complete(Direction direction)
    {
        Directions = direction == Direction.ToServer ? DirectionMask.ToServer : DirectionMask.ToClient;
        ProgressToServer = 1;
        ProgressToClient = 1;
    }

    public void Raise(Dnp3Anomaly anomaly) => Note((int)anomaly);

    public override void Reset()
    {
        base.Reset();
        Data.Reset();
        IsMessage = false;
        IsRequest = false;
        LinkControl = 0;
        Source = Destination = Indications = 0;
        IsWhole = false;
        ObjectCount = 0;
        _objects = _objects.Length > KeepObjects ? new Dnp3Object[4] : _objects;
    }
}
