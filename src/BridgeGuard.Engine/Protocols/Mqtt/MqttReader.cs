using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Mqtt;

/// <summary>Reads the body of one control packet (MQTT 5.0 §3, MQTT 3.1.1 §3): variable header and payload.</summary>
/// <remarks>Strings are taken as bytes; whether they are UTF-8 is not judged. Trailing bytes are ignored where the formats leave none.</remarks>
internal static class MqttReader
{
    /// <summary>A variable byte integer (MQTT 5.0 §1.5.5).</summary>
    /// <param name="bytes">Where it begins.</param>
    /// <param name="value">The number.</param>
    /// <param name="used">Bytes taken; on failure 0 when more are needed and -1 when it is too long.</param>
    public static bool TryReadLength(ReadOnlySpan<byte> bytes, out uint value, out int used)
    {
        value = 0;
        for (int i = 0; i < MqttLimits.MaxLengthBytes; i++)
        {
            if (i == bytes.Length)
            {
                used = 0;
                return false;
            }

            value |= (uint)(bytes[i] & 0x7f) << (7 * i);
            if ((bytes[i] & 0x80) == 0)
            {
                used = i + 1;
                return true;
            }
        }

        used = -1;
        return false;
    }

    /// <summary>Fills the message, with texts, topics and properties in the transaction. False when a field does not fit into the body.</summary>
    public static bool TryRead(ReadOnlySpan<byte> body, ref MqttMessage message, MqttTransaction transaction, byte version, out bool tooManyProperties)
    {
        tooManyProperties = false;
        var reader = new WireReader(body);
        bool isVersion5 = version == MqttTables.Version5;
        return message.Type switch
        {
            MqttType.Connect => TryConnect(ref reader, ref message, transaction, ref tooManyProperties),
            MqttType.ConnAck => TryConnAck(ref reader, ref message, transaction, isVersion5, ref tooManyProperties),
            MqttType.Publish => TryPublish(ref reader, ref message, transaction, isVersion5, ref tooManyProperties),
            MqttType.PubAck or MqttType.PubRec or MqttType.PubRel or MqttType.PubComp =>
                TryAcknowledgement(ref reader, ref message, transaction, isVersion5, ref tooManyProperties),
            MqttType.Subscribe or MqttType.Unsubscribe => TryTopics(ref reader, ref message, transaction, isVersion5, ref tooManyProperties),
            MqttType.SubAck or MqttType.UnsubAck => TryCodes(ref reader, ref message, transaction, isVersion5, ref tooManyProperties),
            MqttType.Disconnect => TryDisconnect(ref reader, ref message, transaction, version, ref tooManyProperties),
            MqttType.Auth => TryAuth(ref reader, ref message, transaction, ref tooManyProperties),
            _ => true,
        };
    }

    private static bool TryConnect(ref WireReader reader, ref MqttMessage message, MqttTransaction transaction, ref bool tooMany)
    {
        if (!TryText(ref reader, transaction.Bytes, out message.Name)
            || !reader.TryByte(out message.ProtocolVersion)
            || !reader.TryByte(out message.ConnectFlags)
            || !reader.TryUInt16(out _))
        {
            return false;
        }

        bool isVersion5 = message.ProtocolVersion == MqttTables.Version5;
        if ((isVersion5 && !TryProperties(ref reader, transaction, out message.Properties, ref tooMany))
            || !TryText(ref reader, transaction.Bytes, out message.ClientId))
        {
            return false;
        }

        if ((message.ConnectFlags & MqttTables.WillFlag) != 0
            && ((isVersion5 && !TryProperties(ref reader, transaction, out message.WillProperties, ref tooMany))
                || !TryText(ref reader, transaction.Bytes, out message.WillTopic)
                || !TryText(ref reader, transaction.Bytes, out message.Payload)))
        {
            return false;
        }

        return ((message.ConnectFlags & MqttTables.UserNameFlag) == 0 || TryText(ref reader, transaction.Bytes, out message.UserName))
            && ((message.ConnectFlags & MqttTables.PasswordFlag) == 0 || TryText(ref reader, transaction.Bytes, out message.Password));
    }

    private static bool TryConnAck(ref WireReader reader, ref MqttMessage message, MqttTransaction transaction, bool isVersion5, ref bool tooMany)
    {
        if (!reader.TryByte(out byte flags) || !reader.TryByte(out byte code))
        {
            return false;
        }

        message.IsSessionPresent = (flags & 1) != 0;
        message.ReasonCode = code;
        return !isVersion5 || TryProperties(ref reader, transaction, out message.Properties, ref tooMany);
    }

    private static bool TryPublish(ref WireReader reader, ref MqttMessage message, MqttTransaction transaction, bool isVersion5, ref bool tooMany)
    {
        if (!TryText(ref reader, transaction.Bytes, out message.Name)
            || (message.Qos > 0 && !TryMessageId(ref reader, ref message))
            || (isVersion5 && !TryProperties(ref reader, transaction, out message.Properties, ref tooMany)))
        {
            return false;
        }

        message.Payload = transaction.Bytes.Append(reader.Rest);
        return true;
    }

    /// <summary>Version 5 may leave out the reason, which then is 0 (success), and the properties (§3.4.2.1).</summary>
    private static bool TryAcknowledgement(ref WireReader reader, ref MqttMessage message, MqttTransaction transaction, bool isVersion5, ref bool tooMany)
    {
        if (!TryMessageId(ref reader, ref message))
        {
            return false;
        }

        if (!isVersion5)
        {
            return true;
        }

        message.ReasonCode = reader.TryByte(out byte code) ? code : (short)0;
        return reader.Left == 0 || TryProperties(ref reader, transaction, out message.Properties, ref tooMany);
    }

    private static bool TryTopics(ref WireReader reader, ref MqttMessage message, MqttTransaction transaction, bool isVersion5, ref bool tooMany)
    {
        if (!TryMessageId(ref reader, ref message) || (isVersion5 && !TryProperties(ref reader, transaction, out message.Properties, ref tooMany)))
        {
            return false;
        }

        int first = transaction.TopicCount;
        bool hasQos = message.Type == MqttType.Subscribe;
        for (int count = 0; reader.TryUInt16(out ushort length) && reader.TryTake(length, out ReadOnlySpan<byte> name); count++)
        {
            byte qos = 0;
            if (hasQos && !reader.TryByte(out qos))
            {
                break;
            }

            if (count < MqttLimits.MaxTopics)
            {
                transaction.Add(new MqttTopic(transaction.Bytes.Append(name), qos));
            }
        }

        message.Topics = new MqttRun(first, transaction.TopicCount - first);
        return message.Topics.Count > 0;
    }

    private static bool TryCodes(ref WireReader reader, ref MqttMessage message, MqttTransaction transaction, bool isVersion5, ref bool tooMany)
    {
        if (!TryMessageId(ref reader, ref message) || (isVersion5 && !TryProperties(ref reader, transaction, out message.Properties, ref tooMany)))
        {
            return false;
        }

        // UNSUBACK has codes since version 5 only.
        if (message.Type == MqttType.SubAck || isVersion5)
        {
            message.Codes = transaction.Bytes.Append(reader.Rest);
        }

        return true;
    }

    private static bool TryDisconnect(ref WireReader reader, ref MqttMessage message, MqttTransaction transaction, byte version, ref bool tooMany)
    {
        if (version < MqttTables.Version5)
        {
            return true;
        }

        // A body of one byte reads as «normal disconnection», whatever it is: so does Suricata.
        bool isShort = reader.Left < 2;
        message.ReasonCode = !isShort && reader.TryByte(out byte code) ? code : (short)0;
        return isShort || TryProperties(ref reader, transaction, out message.Properties, ref tooMany);
    }

    private static bool TryAuth(ref WireReader reader, ref MqttMessage message, MqttTransaction transaction, ref bool tooMany)
    {
        if (!reader.TryByte(out byte code))
        {
            return false;
        }

        message.ReasonCode = code;
        return TryProperties(ref reader, transaction, out message.Properties, ref tooMany);
    }

    private static bool TryMessageId(ref WireReader reader, ref MqttMessage message)
    {
        bool taken = reader.TryUInt16(out ushort id);
        message.MessageId = taken ? id : -1;
        return taken;
    }

    private static bool TryText(ref WireReader reader, ByteBuffer bytes, out Slice text)
    {
        if (!reader.TryUInt16(out ushort length) || !reader.TryTake(length, out ReadOnlySpan<byte> value))
        {
            text = Slice.None;
            return false;
        }

        text = bytes.Append(value);
        return true;
    }

    private static bool TryProperties(ref WireReader reader, MqttTransaction transaction, out MqttRun run, ref bool tooMany)
    {
        run = default;
        if (!TryReadLength(reader.Rest, out uint length, out int used) || !reader.TrySkip(used)
            || length > int.MaxValue || !reader.TryTake((int)length, out ReadOnlySpan<byte> list))
        {
            return false;
        }

        int first = transaction.PropertyCount;
        var properties = new WireReader(list);
        while (properties.TryByte(out byte id))
        {
            if (!TryProperty(ref properties, id, transaction.Bytes, out MqttProperty property))
            {
                return false;
            }

            if (transaction.PropertyCount - first < MqttLimits.MaxProperties)
            {
                transaction.Add(property);
            }
            else
            {
                // What is beyond the limit is not looked at.
                tooMany = true;
                break;
            }
        }

        run = new MqttRun(first, transaction.PropertyCount - first);
        return true;
    }

    private static bool TryProperty(ref WireReader reader, byte id, ByteBuffer bytes, out MqttProperty property)
    {
        uint number = 0;
        Slice text = Slice.None;
        Slice value = Slice.None;
        bool isGood;
        switch (MqttTables.KindOf(id))
        {
            case MqttValueKind.Byte:
                isGood = reader.TryByte(out byte small);
                number = small;
                break;
            case MqttValueKind.UInt16:
                isGood = reader.TryUInt16(out ushort middle);
                number = middle;
                break;
            case MqttValueKind.UInt32:
                isGood = reader.TryUInt32(out number);
                break;
            case MqttValueKind.VariableInteger:
                isGood = TryReadLength(reader.Rest, out number, out int used) && reader.TrySkip(used);
                break;
            case MqttValueKind.Text or MqttValueKind.Binary:
                isGood = TryText(ref reader, bytes, out text);
                break;
            case MqttValueKind.Pair:
                isGood = TryText(ref reader, bytes, out text) && TryText(ref reader, bytes, out value);
                break;
            default:
                isGood = false;
                break;
        }

        property = new MqttProperty(id, number, text, value);
        return isGood;
    }
}
