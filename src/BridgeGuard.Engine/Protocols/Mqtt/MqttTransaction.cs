using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Mqtt;

/// <summary>A run of elements of one of the transaction's lists.</summary>
internal readonly record struct MqttRun(int Start, int Count);

/// <summary>A topic with the quality of service asked for it.</summary>
internal readonly record struct MqttTopic(Slice Name, byte Qos);

/// <summary>A property: a number, or one or two texts.</summary>
internal readonly record struct MqttProperty(byte Id, uint Number, Slice Text, Slice Value);

/// <summary>One control packet. Which members mean something depends on <see cref="Type"/>.</summary>
internal struct MqttMessage
{
    public MqttType Type;

    /// <summary>The low four bits of the first byte.</summary>
    public byte HeaderFlags;

    /// <summary>Too long to be read; <see cref="SkippedLength"/> is its whole length.</summary>
    public bool IsTruncated;
    public long SkippedLength;

    /// <summary>Message id; -1: none.</summary>
    public int MessageId;

    /// <summary>Reason or return code; -1: none.</summary>
    public short ReasonCode;
    public byte ProtocolVersion;
    public byte ConnectFlags;
    public bool IsSessionPresent;

    /// <summary>CONNECT: the protocol's name; PUBLISH: the topic.</summary>
    public Slice Name;

    /// <summary>PUBLISH: the message; CONNECT: the will's.</summary>
    public Slice Payload;
    public Slice ClientId;
    public Slice WillTopic;
    public Slice UserName;
    public Slice Password;

    /// <summary>Codes of SUBACK and UNSUBACK, one byte each.</summary>
    public Slice Codes;
    public MqttRun Topics;
    public MqttRun Properties;
    public MqttRun WillProperties;

    public readonly byte Qos => (byte)((HeaderFlags >> 1) & 3);

    public readonly bool IsRetain => (HeaderFlags & MqttTables.RetainFlag) != 0;

    public readonly bool IsDup => (HeaderFlags & MqttTables.DupFlag) != 0;

    public static MqttMessage Create(MqttType type, byte headerFlags) => new()
    {
        Type = type,
        HeaderFlags = headerFlags,
        MessageId = -1,
        ReasonCode = -1,
        Name = Slice.None,
        Payload = Slice.None,
        ClientId = Slice.None,
        WillTopic = Slice.None,
        UserName = Slice.None,
        Password = Slice.None,
        Codes = Slice.None,
    };
}

/// <summary>The messages of one exchange: CONNECT and CONNACK, PUBLISH with what acknowledges it, one message alone …</summary>
/// <remarks>Exists in the direction of its first message only.</remarks>
internal sealed partial class MqttTransaction : Transaction
{
    private readonly PooledList<MqttMessage> _messages = new(2);
    private readonly PooledList<MqttTopic> _topics = new(4);
    private readonly PooledList<MqttProperty> _properties = new(4);

    public ByteBuffer Bytes { get; } = new();

    /// <summary>The <see cref="Transaction.Key"/> of an open CONNECT.</summary>
    public const uint ConnectKey = 1 << 17;

    public int MessageCount => _messages.Count;

    public int TopicCount => _topics.Count;

    public int PropertyCount => _properties.Count;

    /// <summary>The version that the connection has agreed on; 0 before CONNECT.</summary>
    public byte ProtocolVersion { get; set; }

    public MqttLimits Limits { get; set; } = null!;

    public bool IsComplete => ProgressToServer != 0;

    public ref readonly MqttMessage Message(int index) => ref _messages[index];

    public ref readonly MqttTopic Topic(int index) => ref _topics[index];

    public ref readonly MqttProperty Property(int index) => ref _properties[index];

    public void Add(in MqttMessage message)
    {
        _messages.Add(in message);
        if (Key == 0)
        {
            Key = message.Type == MqttType.Connect ? ConnectKey : message.MessageId >= 0 ? KeyOf(message.MessageId) : 0;
        }
    }

    public void Add(in MqttTopic topic) => _topics.Add(in topic);

    public void Add(in MqttProperty property) => _properties.Add(in property);

    /// <summary>Index of the first message of a type; -1 without.</summary>
    public int Find(MqttType type)
    {
        for (int i = 0; i < MessageCount; i++)
        {
            if (_messages[i].Type == type)
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>The <see cref="Transaction.Key"/> of an open exchange of messages with this id; the first message says which.</summary>
    public static uint KeyOf(int messageId) => (uint)messageId + 1;

    public void Complete()
    {
        ProgressToServer = 1;
        ProgressToClient = 1;
        Key = 0;
    }

    public void Raise(MqttAnomaly anomaly) => Note((int)anomaly);

    public override void Reset()
    {
        base.Reset();
        Bytes.Reset();
        _messages.Clear();
        _topics.Clear();
        _properties.Clear();
        ProtocolVersion = 0;
    }
}
