using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;

namespace BridgeGuard.Engine.Protocols.Mqtt;

/// <summary>Writes the <c>mqtt</c> object: one member for each kind of message of the exchange.</summary>
/// <remarks>Options: <c>passwords</c> (default yes), <c>string-log-limit</c> (bytes of a text, default 1 KiB, 0: no limit).</remarks>
internal sealed class MqttEve : EveLogger
{
    public override string EventType => "mqtt";

    public override byte ProgressToServer => 1;

    public override byte ProgressToClient => 1;

    public override bool UsesPacketDirection(Transaction transaction) => true;

    public override bool Write(EveWriter writer, Transaction transaction, Flow flow, EveDetail detail)
    {
        var mqtt = (MqttTransaction)transaction;
        long size = writer.Options.GetSize("string-log-limit", MqttLimits.DefaultLogBytes);
        int limit = size <= 0 ? int.MaxValue : (int)Math.Min(size, int.MaxValue);
        writer.StartObject("mqtt"u8);
        for (int i = 0; i < mqtt.MessageCount; i++)
        {
            ref readonly MqttMessage message = ref mqtt.Message(i);
            ReadOnlySpan<byte> name = MqttTables.Name(message.Type);
            if (name.IsEmpty || IsRepeatedLater(mqtt, i))
            {
                continue;
            }

            writer.StartObject(name);
            writer.Number("qos"u8, (long)message.Qos);
            writer.Bool("retain"u8, message.IsRetain);
            writer.Bool("dup"u8, message.IsDup);
            if (message.IsTruncated)
            {
                writer.Bool("truncated"u8, true);
                writer.Number("skipped_length"u8, message.SkippedLength);
            }
            else
            {
                WriteBody(writer, mqtt, in message, limit);
            }

            writer.EndObject();
        }

        writer.EndObject();
        return true;
    }

    /// <summary>A member stands for the last message of its kind.</summary>
    private static bool IsRepeatedLater(MqttTransaction mqtt, int index)
    {
        for (int i = index + 1; i < mqtt.MessageCount; i++)
        {
            if (mqtt.Message(i).Type == mqtt.Message(index).Type)
            {
                return true;
            }
        }

        return false;
    }

    private static void WriteBody(EveWriter writer, MqttTransaction mqtt, in MqttMessage message, int limit)
    {
        switch (message.Type)
        {
            case MqttType.Connect:
                WriteConnect(writer, mqtt, in message, limit);
                break;
            case MqttType.ConnAck:
                writer.Bool("session_present"u8, message.IsSessionPresent);
                writer.Number("return_code"u8, (long)message.ReasonCode);
                break;
            case MqttType.Publish:
                writer.LimitedText("topic"u8, mqtt.Bytes[message.Name], limit);
                WriteMessageId(writer, in message);
                writer.LimitedBytes("message"u8, mqtt.Bytes[message.Payload], limit);
                break;
            case MqttType.Subscribe:
                WriteMessageId(writer, in message);
                WriteSubscriptions(writer, mqtt, message.Topics, limit);
                break;
            case MqttType.Unsubscribe:
                WriteMessageId(writer, in message);
                WriteTopics(writer, mqtt, message.Topics);
                break;
            case MqttType.SubAck:
                WriteMessageId(writer, in message);
                WriteCodes(writer, mqtt, "qos_granted"u8, in message);
                break;
            case MqttType.UnsubAck:
                WriteMessageId(writer, in message);
                if (message.Codes.Exists)
                {
                    WriteCodes(writer, mqtt, "reason_codes"u8, in message);
                }

                break;
            default:
                WriteMessageId(writer, in message);
                if (message.ReasonCode >= 0)
                {
                    writer.Number("reason_code"u8, (long)message.ReasonCode);
                }

                break;
        }

        // Suricata does not show the properties of these three.
        if (message.Type is not (MqttType.SubAck or MqttType.Unsubscribe or MqttType.UnsubAck))
        {
            WriteProperties(writer, mqtt, message.Properties, limit);
        }
    }

    private static void WriteConnect(EveWriter writer, MqttTransaction mqtt, in MqttMessage message, int limit)
    {
        writer.LossyText("protocol_string"u8, mqtt.Bytes[message.Name]);
        writer.Number("protocol_version"u8, (long)message.ProtocolVersion);
        writer.LimitedText("client_id"u8, mqtt.Bytes[message.ClientId], limit);
        writer.StartObject("flags"u8);
        WriteFlag(writer, "username"u8, in message, MqttTables.UserNameFlag);
        WriteFlag(writer, "password"u8, in message, MqttTables.PasswordFlag);
        WriteFlag(writer, "will_retain"u8, in message, MqttTables.WillRetainFlag);
        WriteFlag(writer, "will"u8, in message, MqttTables.WillFlag);
        WriteFlag(writer, "clean_session"u8, in message, MqttTables.CleanSessionFlag);
        writer.EndObject();
        if (message.UserName.Exists)
        {
            writer.LimitedText("username"u8, mqtt.Bytes[message.UserName], limit);
        }

        if (message.Password.Exists && writer.Options.GetBool("passwords", true))
        {
            writer.Bytes("password"u8, mqtt.Bytes[message.Password]);
        }

        if (message.WillTopic.Exists)
        {
            writer.StartObject("will"u8);
            writer.LimitedText("topic"u8, mqtt.Bytes[message.WillTopic], limit);
            writer.LimitedBytes("message"u8, mqtt.Bytes[message.Payload], limit);
            WriteProperties(writer, mqtt, message.WillProperties, limit);
            writer.EndObject();
        }
    }

    private static void WriteFlag(EveWriter writer, ReadOnlySpan<byte> name, in MqttMessage message, byte flag) =>
        writer.Bool(name, (message.ConnectFlags & flag) != 0);

    private static void WriteMessageId(EveWriter writer, in MqttMessage message)
    {
        if (message.MessageId >= 0)
        {
            writer.Number("message_id"u8, (long)message.MessageId);
        }
    }

    private static void WriteSubscriptions(EveWriter writer, MqttTransaction mqtt, MqttRun run, int limit)
    {
        writer.StartArray("topics"u8);
        for (int i = 0; i < run.Count && writer.Length < MqttLimits.MaxRecordBytes; i++)
        {
            ref readonly MqttTopic topic = ref mqtt.Topic(run.Start + i);
            writer.StartObject();
            writer.LimitedText("topic"u8, mqtt.Bytes[topic.Name], limit);
            writer.Number("qos"u8, (long)topic.Qos);
            writer.EndObject();
        }

        writer.EndArray();
    }

    private static void WriteTopics(EveWriter writer, MqttTransaction mqtt, MqttRun run)
    {
        writer.StartArray("topics"u8);
        for (int i = 0; i < run.Count && writer.Length < MqttLimits.MaxRecordBytes; i++)
        {
            writer.TextValue(mqtt.Bytes[mqtt.Topic(run.Start + i).Name]);
        }

        writer.EndArray();
    }

    private static void WriteCodes(EveWriter writer, MqttTransaction mqtt, ReadOnlySpan<byte> name, in MqttMessage message)
    {
        writer.StartArray(name);
        foreach (byte code in mqtt.Bytes[message.Codes])
        {
            if (writer.Length >= MqttLimits.MaxRecordBytes)
            {
                break;
            }

            writer.NumberValue((long)code);
        }

        writer.EndArray();
    }

    /// <summary>Of a property given twice the last counts; user properties may repeat (MQTT 5.0 §3.1.2.11.8).</summary>
    private static void WriteProperties(EveWriter writer, MqttTransaction mqtt, MqttRun run, int limit)
    {
        if (run.Count == 0)
        {
            return;
        }

        writer.StartObject("properties"u8);
        ulong written = 0;
        for (int i = run.Start + run.Count - 1; i >= run.Start; i--)
        {
            ref readonly MqttProperty property = ref mqtt.Property(i);
            if (property.Id == MqttTables.UserProperty || (written & (1UL << property.Id)) != 0)
            {
                continue;
            }

            written |= 1UL << property.Id;
            ReadOnlySpan<byte> name = MqttTables.PropertyName(property.Id);
            switch (MqttTables.KindOf(property.Id))
            {
                case MqttValueKind.Text:
                    writer.LimitedText(name, mqtt.Bytes[property.Text], limit);
                    break;
                case MqttValueKind.Binary:
                    writer.LimitedBytes(name, mqtt.Bytes[property.Text], limit);
                    break;
                default:
                    writer.Number(name, (long)property.Number);
                    break;
            }
        }

        WriteUserProperties(writer, mqtt, run, limit);
        writer.EndObject();
    }

    private static void WriteUserProperties(EveWriter writer, MqttTransaction mqtt, MqttRun run, int limit)
    {
        bool isOpen = false;
        for (int i = run.Start; i < run.Start + run.Count && writer.Length < MqttLimits.MaxRecordBytes; i++)
        {
            ref readonly MqttProperty property = ref mqtt.Property(i);
            if (property.Id != MqttTables.UserProperty)
            {
                continue;
            }

            if (!isOpen)
            {
                writer.StartArray("user_properties"u8);
                isOpen = true;
            }

            writer.StartObject();
            writer.LimitedText("key"u8, mqtt.Bytes[property.Text], limit);
            writer.LimitedText("value"u8, mqtt.Bytes[property.Value], limit);
            writer.EndObject();
        }

        if (isOpen)
        {
            writer.EndArray();
        }
    }
}
