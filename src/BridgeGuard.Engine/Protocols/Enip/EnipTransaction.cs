using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Enip;

/// <summary>What the data of a message was.</summary>
internal enum EnipContent : byte
{
    None,
    RegisterSession,
    Identity,
    Services,
    Cip,
}

/// <summary>A path segment: its type byte and its number.</summary>
internal readonly record struct CipSegment(byte Type, uint Value);

/// <summary>One CIP request or response, perhaps within a Multiple Service Packet.</summary>
internal struct CipService
{
    public byte Service;
    public byte Status;

    /// <summary>Responses: the bytes of the extended status.</summary>
    public Slice ExtendedStatus;

    /// <summary>Where its segments begin in the message's list.</summary>
    public int FirstSegment;
    public int SegmentCount;

    /// <summary>It stands within the first service.</summary>
    public bool IsNested;
}

/// <summary>The request or the response of a transaction.</summary>
internal sealed class EnipMessage
{
    private CipService[] _services = new CipService[1];
    private CipSegment[] _segments = new CipSegment[4];
    private uint[] _attributes = [];

    public ByteBuffer Bytes { get; } = new();

    public bool Exists { get; set; }

    public ushort Command { get; set; }

    public uint Status { get; set; }

    public EnipContent Content { get; set; }

    public ushort ProtocolVersion { get; set; }

    /// <summary>RegisterSession's options, or ListServices' capabilities.</summary>
    public ushort Options { get; set; }

    public ushort VendorId { get; set; }

    public ushort DeviceType { get; set; }

    public ushort ProductCode { get; set; }

    public byte RevisionMajor { get; set; }

    public byte RevisionMinor { get; set; }

    public ushort IdentityStatus { get; set; }

    public uint Serial { get; set; }

    public byte State { get; set; }

    /// <summary>Product or service name.</summary>
    public Slice Name { get; set; } = Slice.None;

    public int ServiceCount { get; private set; }

    public int SegmentCount { get; private set; }

    public int AttributeCount { get; private set; }

    public ref CipService Service(int index) => ref _services[index];

    public CipSegment Segment(int index) => _segments[index];

    /// <summary>Attributes named in the data of Get and Set Attribute List.</summary>
    public uint Attribute(int index) => _attributes[index];

    /// <summary>Index of the new service; -1 when there are too many.</summary>
    public int Add(in CipService service)
    {
        if (ServiceCount == EnipLimits.MaxServices)
        {
            return -1;
        }

        if (ServiceCount == _services.Length)
        {
            Array.Resize(ref _services, _services.Length * 2);
        }

        _services[ServiceCount] = service;
        return ServiceCount++;
    }

    public void Add(CipSegment segment)
    {
        if (SegmentCount == EnipLimits.MaxSegments)
        {
            return;
        }

        if (SegmentCount == _segments.Length)
        {
            Array.Resize(ref _segments, _segments.Length * 2);
        }

        _segments[SegmentCount++] = segment;
    }

    public void AddAttribute(uint attribute)
    {
        if (AttributeCount == EnipLimits.MaxSegments)
        {
            return;
        }

        if (AttributeCount == _attributes.Length)
        {
            Array.Resize(ref _attributes, Math.Max(4, _attributes.Length * 2));
        }

        _attributes[AttributeCount++] = attribute;
    }

    /// <summary>Forgets the content, for data that turned out not to have its form.</summary>
    public void ForgetContent()
    {
        Content = EnipContent.None;
        ServiceCount = SegmentCount = AttributeCount = 0;
        Name = Slice.None;
    }

    public void Reset()
    {
        Exists = false;
        Command = 0;
        Status = 0;
        ProtocolVersion = Options = 0;
        Bytes.Reset();
        ForgetContent();
    }
}

/// <summary>A request with its response, or one of them alone.</summary>
internal sealed partial class EnipTransaction : Transaction
{
    public EnipMessage Request { get; } = new();

    public EnipMessage Response { get; } = new();

    /// <summary>The sender's context, by which a response finds its request.</summary>
    public ulong Context { get; set; }

    public uint Session { get; set; }

    public bool IsComplete => ProgressToClient != 0;

    public EnipMessage Message(Direction direction) => direction == Direction.ToServer ? Request : Response;

    public void Complete()
    {
        ProgressToServer = 1;
        ProgressToClient = 1;
        Key = 0;
    }

    public void Raise(EnipAnomaly anomaly) => Note((int)anomaly);

    public override void Reset()
    {
        base.Reset();
        Request.Reset();
        Response.Reset();
        Context = 0;
        Session = 0;
    }
}
