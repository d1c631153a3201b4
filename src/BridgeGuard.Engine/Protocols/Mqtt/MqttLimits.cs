namespace BridgeGuard.Engine.Protocols.Mqtt;

/// <summary>Every cap of the MQTT parser.</summary>
internal sealed class MqttLimits(ProtocolSettings settings)
{
    /// <summary>Properties kept of one list; more are an anomaly (as Suricata).</summary>
    public const int MaxProperties = 256;

    /// <summary>Topics kept of one SUBSCRIBE or UNSUBSCRIBE; a message of 1 MiB could hold 350,000 empty ones.</summary>
    public const int MaxTopics = 8192;

    /// <summary>Bytes of the «remaining length» field (MQTT 3.1.1 §2.2.3).</summary>
    public const int MaxLengthBytes = 4;

    /// <summary>Lists of topics in a record end here, for a record has 1 MiB at most.</summary>
    public const int MaxRecordBytes = 512 << 10;

    /// <summary>Bytes of a logged text without <c>string-log-limit</c>.</summary>
    public const int DefaultLogBytes = 1024;

    /// <summary>Longest message that is read; longer ones are passed over (<c>max-msg-length</c>, Suricata's default 1 MiB).</summary>
    public int MaxMessageBytes { get; } = (int)Math.Clamp(settings.GetSize("max-msg-length", 1 << 20), 0, 64 << 20);

    /// <summary>Topics of a SUBSCRIBE that rules look at; 0: all (<c>subscribe-topic-match-limit</c>).</summary>
    public int SubscribeTopics { get; } = (int)Math.Clamp(settings.GetSize("subscribe-topic-match-limit", 100), 0, int.MaxValue);

    /// <summary>The same for UNSUBSCRIBE (<c>unsubscribe-topic-match-limit</c>).</summary>
    public int UnsubscribeTopics { get; } = (int)Math.Clamp(settings.GetSize("unsubscribe-topic-match-limit", 100), 0, int.MaxValue);

    /// <summary>Transactions alive on one flow; above it the oldest is completed (<c>max-tx</c>, Suricata's default).</summary>
    public int MaxTransactions { get; } = (int)Math.Clamp(settings.GetSize("max-tx", 1024), 1, 1 << 20);

    /// <summary>Messages of one transaction; more are not added (<c>max-messages</c>, Suricata's default).</summary>
    public int MaxMessages { get; } = (int)Math.Clamp(settings.GetSize("max-messages", 1024), 1, 1 << 20);
}
