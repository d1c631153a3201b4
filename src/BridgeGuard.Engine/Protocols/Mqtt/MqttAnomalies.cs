namespace BridgeGuard.Engine.Protocols.Mqtt;

/// <summary>The named oddities of MQTT; the value is the index into <see cref="MqttAnomalies.All"/>.</summary>
internal enum MqttAnomaly : byte
{
    MissingConnect,
    MissingPublish,
    MissingSubscribe,
    MissingUnsubscribe,
    DoubleConnect,
    UnintroducedMessage,
    InvalidQosLevel,
    MissingMessageId,
    UnassignedMessageType,
    TooManyTransactions,
    MalformedTraffic,
    TooManyMessages,
    TooManyProperties,
}

/// <summary>Their names in rules.</summary>
internal static class MqttAnomalies
{
    public static readonly AnomalyDescriptor[] All =
    [
        new("missing_connect", "CONNACK without CONNECT"),
        new("missing_publish", "an acknowledgement of a PUBLISH that was not seen"),
        new("missing_subscribe", "SUBACK without SUBSCRIBE"),
        new("missing_unsubscribe", "UNSUBACK without UNSUBSCRIBE"),
        new("double_connect", "CONNECT on a connection that is established"),
        new("unintroduced_message", "a message before CONNECT and CONNACK"),
        new("invalid_qos_level", "a quality of service above 2"),
        new("missing_msg_id", "a message that needs a message id has none"),
        new("unassigned_msg_type", "message type 0"),
        new("too_many_transactions", "more exchanges are open than the limit; the oldest is completed"),
        new("malformed_traffic", "a message that cannot be read; parsing ends"),
        new("too_many_messages", "more messages of one exchange than the limit"),
        new("too_many_properties", "more properties in one list than the limit; the rest is not kept"),
    ];
}
