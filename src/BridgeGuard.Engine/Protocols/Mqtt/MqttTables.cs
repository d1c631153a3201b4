using BridgeGuard.Engine.Detection.Matchers;

namespace BridgeGuard.Engine.Protocols.Mqtt;

/// <summary>Control packet types (MQTT 5.0 §2.1.2).</summary>
internal enum MqttType : byte
{
    Unassigned = 0,
    Connect = 1,
    ConnAck = 2,
    Publish = 3,
    PubAck = 4,
    PubRec = 5,
    PubRel = 6,
    PubComp = 7,
    Subscribe = 8,
    SubAck = 9,
    Unsubscribe = 10,
    UnsubAck = 11,
    PingReq = 12,
    PingResp = 13,
    Disconnect = 14,
    Auth = 15,
}

/// <summary>How a property's value is encoded (MQTT 5.0 §2.2.2.2).</summary>
internal enum MqttValueKind : byte
{
    Unknown,
    Byte,
    UInt16,
    UInt32,
    VariableInteger,
    Text,
    Binary,
    Pair,
}

/// <summary>Code points.</summary>
internal static class MqttTables
{
    public const byte Version5 = 5;

    /// <summary>Bits of the CONNECT flags (MQTT 5.0 §3.1.2.3).</summary>
    public const byte UserNameFlag = 0x80;
    public const byte PasswordFlag = 0x40;
    public const byte WillRetainFlag = 0x20;
    public const byte WillFlag = 0x04;
    public const byte CleanSessionFlag = 0x02;

    /// <summary>Bits of the fixed header (MQTT 5.0 §2.1.3).</summary>
    public const byte DupFlag = 0x08;
    public const byte RetainFlag = 0x01;

    public const byte UserProperty = 0x26;

    /// <summary>Highest property identifier.</summary>
    public const byte LastProperty = 0x2a;

    public static readonly IntegerName[] Types =
    [
        new("unassigned", 0), new("connect", 1), new("connack", 2), new("publish", 3), new("puback", 4), new("pubrec", 5), new("pubrel", 6),
        new("pubcomp", 7), new("subscribe", 8), new("suback", 9), new("unsubscribe", 10), new("unsuback", 11), new("pingreq", 12),
        new("pingresp", 13), new("disconnect", 14), new("auth", 15),
    ];

    public static readonly IntegerName[] Flags = [new("dup", DupFlag), new("retain", RetainFlag)];

    public static readonly IntegerName[] ConnectFlags =
    [
        new("username", UserNameFlag), new("password", PasswordFlag), new("will", WillFlag), new("will_retain", WillRetainFlag),
        new("clean_session", CleanSessionFlag),
    ];

    /// <summary>The name of a message in records.</summary>
    public static ReadOnlySpan<byte> Name(MqttType type) => type switch
    {
        MqttType.Connect => "connect"u8,
        MqttType.ConnAck => "connack"u8,
        MqttType.Publish => "publish"u8,
        MqttType.PubAck => "puback"u8,
        MqttType.PubRec => "pubrec"u8,
        MqttType.PubRel => "pubrel"u8,
        MqttType.PubComp => "pubcomp"u8,
        MqttType.Subscribe => "subscribe"u8,
        MqttType.SubAck => "suback"u8,
        MqttType.Unsubscribe => "unsubscribe"u8,
        MqttType.UnsubAck => "unsuback"u8,
        MqttType.PingReq => "pingreq"u8,
        MqttType.PingResp => "pingresp"u8,
        MqttType.Disconnect => "disconnect"u8,
        MqttType.Auth => "auth"u8,
        _ => default,
    };

    /// <summary>Encoding of a property's value.</summary>
    public static MqttValueKind KindOf(byte property) => property switch
    {
        0x01 or 0x17 or 0x19 or 0x24 or 0x25 or 0x28 or 0x29 or 0x2a => MqttValueKind.Byte,
        0x13 or 0x21 or 0x22 or 0x23 => MqttValueKind.UInt16,
        0x02 or 0x11 or 0x18 or 0x27 => MqttValueKind.UInt32,
        0x0b => MqttValueKind.VariableInteger,
        0x03 or 0x08 or 0x12 or 0x15 or 0x1a or 0x1c or 0x1f => MqttValueKind.Text,
        0x09 or 0x16 => MqttValueKind.Binary,
        UserProperty => MqttValueKind.Pair,
        _ => MqttValueKind.Unknown,
    };

    /// <summary>The name of a property in records.</summary>
    public static ReadOnlySpan<byte> PropertyName(byte property) => property switch
    {
        0x01 => "payload_format_indicator"u8,
        0x02 => "message_expiry_interval"u8,
        0x03 => "content_type"u8,
        0x08 => "response_topic"u8,
        0x09 => "correlation_data"u8,
        0x0b => "subscription_identifier"u8,
        0x11 => "session_expiry_interval"u8,
        0x12 => "assigned_client_identifier"u8,
        0x13 => "server_keep_alive"u8,
        0x15 => "authentication_method"u8,
        0x16 => "authentication_data"u8,
        0x17 => "request_problem_information"u8,
        0x18 => "will_delay_interval"u8,
        0x19 => "request_response_information"u8,
        0x1a => "response_information"u8,
        0x1c => "server_reference"u8,
        0x1f => "reason_string"u8,
        0x21 => "receive_maximum"u8,
        0x22 => "topic_alias_maximum"u8,
        0x23 => "topic_alias"u8,
        0x24 => "maximum_qos"u8,
        0x25 => "retain_available"u8,
        0x27 => "maximum_packet_size"u8,
        0x28 => "wildcard_subscription_available"u8,
        0x29 => "subscription_identifier_available"u8,
        0x2a => "shared_subscription_available"u8,
        _ => "unknown"u8,
    };
}
