using BridgeGuard.Engine.Detection.Matchers;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Mqtt;

/// <summary>Numbers of the inspection buffers.</summary>
internal enum MqttBuffer
{
    ProtocolString,
    ClientId,
    WillTopic,
    WillMessage,
    UserName,
    Password,
    PublishTopic,
    PublishMessage,
    SubscribeTopic,
    UnsubscribeTopic,
}

/// <summary>What rules may look at.</summary>
internal static class MqttBuffers
{
    public static readonly BufferDescriptor[] All =
    [
        Buffer("mqtt.connect.protocol_string", MqttBuffer.ProtocolString, DirectionMask.ToServer, "the protocol's name in CONNECT"),
        Buffer("mqtt.connect.clientid", MqttBuffer.ClientId, DirectionMask.ToServer, "the client's id in CONNECT"),
        Buffer("mqtt.connect.willtopic", MqttBuffer.WillTopic, DirectionMask.ToServer, "the topic of the will in CONNECT"),
        Buffer("mqtt.connect.willmessage", MqttBuffer.WillMessage, DirectionMask.ToServer, "the message of the will in CONNECT"),
        Buffer("mqtt.connect.username", MqttBuffer.UserName, DirectionMask.ToServer, "the user's name in CONNECT"),
        Buffer("mqtt.connect.password", MqttBuffer.Password, DirectionMask.ToServer, "the password in CONNECT"),
        Buffer("mqtt.publish.topic", MqttBuffer.PublishTopic, DirectionMask.Both, "the topic of a PUBLISH"),
        Buffer("mqtt.publish.message", MqttBuffer.PublishMessage, DirectionMask.Both, "the message of a PUBLISH"),
        Buffer("mqtt.subscribe.topic", MqttBuffer.SubscribeTopic, DirectionMask.ToServer, "a topic of a SUBSCRIBE", isMulti: true),
        Buffer("mqtt.unsubscribe.topic", MqttBuffer.UnsubscribeTopic, DirectionMask.ToServer, "a topic of an UNSUBSCRIBE", isMulti: true),
    ];

    public static readonly KeywordDescriptor[] Keywords =
    [
        Keyword("mqtt.type", DirectionMask.Both, IntegerKeyword.Parser(IntegerRange.MaxU8, TestType, MqttTables.Types), "the type of a message"),
        Keyword("mqtt.flags", DirectionMask.ToServer, IntegerKeyword.Parser(IntegerRange.MaxU8, TestFlags, MqttTables.Flags, areFlags: true), "flags of the fixed header: dup, retain"),
        Keyword("mqtt.qos", DirectionMask.ToServer, ParseQos, "the quality of service of the fixed header"),
        Keyword("mqtt.protocol_version", DirectionMask.ToServer, IntegerKeyword.Parser(IntegerRange.MaxU8, TestVersion), "the version of the connection"),
        Keyword("mqtt.reason_code", DirectionMask.Both, IntegerKeyword.Parser(IntegerRange.MaxU8, TestReason), "the reason or return code"),
        Keyword("mqtt.connect.flags", DirectionMask.ToServer, IntegerKeyword.Parser(IntegerRange.MaxU8, TestConnectFlags, MqttTables.ConnectFlags, areFlags: true), "flags of CONNECT: username, password, will, will_retain, clean_session"),
        Keyword("mqtt.connack.session_present", DirectionMask.ToClient, ParseSessionPresent, "the session flag of CONNACK"),
    ];

    private static BufferDescriptor Buffer(string name, MqttBuffer id, DirectionMask directions, string help, bool isMulti = false) => new()
    {
        Name = name,
        LocalId = (int)id,
        Directions = directions,
        IsMulti = isMulti,
        Help = help,
    };

    private static KeywordDescriptor Keyword(string name, DirectionMask directions, KeywordParser parse, string help) => new()
    {
        Name = name,
        Directions = directions,
        Parse = parse,
        Help = help,
    };

    private static TransactionMatcher? ParseQos(string? argument, out string error)
    {
        string text = (argument ?? "").Trim();
        bool isGood = text is "0" or "1" or "2";
        error = isGood ? "" : $"«{argument}» is no quality of service, expected 0, 1 or 2";
        return isGood ? new QosMatcher(text[0] - '0') : null;
    }

    private static TransactionMatcher? ParseSessionPresent(string? argument, out string error)
    {
        string text = (argument ?? "").Trim();
        bool isGood = text is "0" or "1" or "+0" or "+1";
        error = isGood ? "" : $"«{argument}» is neither 0 nor 1";
        return isGood ? new SessionPresentMatcher(text.EndsWith('1')) : null;
    }

    private static bool TestType(Transaction transaction, Direction direction, in IntegerRange range)
    {
        var mqtt = (MqttTransaction)transaction;
        for (int i = 0; i < mqtt.MessageCount; i++)
        {
            if (range.Matches((ulong)mqtt.Message(i).Type))
            {
                return true;
            }
        }

        return false;
    }

    private static bool TestFlags(Transaction transaction, Direction direction, in IntegerRange range)
    {
        var mqtt = (MqttTransaction)transaction;
        for (int i = 0; i < mqtt.MessageCount; i++)
        {
            if (range.Matches((ulong)(mqtt.Message(i).HeaderFlags & (MqttTables.DupFlag | MqttTables.RetainFlag))))
            {
                return true;
            }
        }

        return false;
    }

    private static bool TestVersion(Transaction transaction, Direction direction, in IntegerRange range) =>
        range.Matches(((MqttTransaction)transaction).ProtocolVersion);

    private static bool TestConnectFlags(Transaction transaction, Direction direction, in IntegerRange range)
    {
        var mqtt = (MqttTransaction)transaction;
        int connect = mqtt.Find(MqttType.Connect);
        return connect >= 0 && range.Matches(mqtt.Message(connect).ConnectFlags);
    }

    /// <summary>The first message that has a code decides; of SUBACK and UNSUBACK any of its codes.</summary>
    private static bool TestReason(Transaction transaction, Direction direction, in IntegerRange range)
    {
        var mqtt = (MqttTransaction)transaction;
        for (int i = 0; i < mqtt.MessageCount; i++)
        {
            ref readonly MqttMessage message = ref mqtt.Message(i);
            if (message.ReasonCode >= 0)
            {
                return range.Matches((ulong)message.ReasonCode);
            }

            foreach (byte code in mqtt.Bytes[message.Codes])
            {
                if (range.Matches(code))
                {
                    return true;
                }
            }
        }

        return false;
    }

    private sealed class QosMatcher(int qos) : TransactionMatcher
    {
        public override bool Match(Transaction transaction, Direction direction, Flow flow)
        {
            var mqtt = (MqttTransaction)transaction;
            for (int i = 0; i < mqtt.MessageCount; i++)
            {
                if (mqtt.Message(i).Qos == qos)
                {
                    return true;
                }
            }

            return false;
        }
    }

    private sealed class SessionPresentMatcher(bool wanted) : TransactionMatcher
    {
        public override bool Match(Transaction transaction, Direction direction, Flow flow)
        {
            var mqtt = (MqttTransaction)transaction;
            int index = mqtt.Find(MqttType.ConnAck);
            return index >= 0 && mqtt.Message(index).IsSessionPresent == wanted;
        }
    }
}

/// <summary>The values of the buffers.</summary>
internal sealed partial class MqttTransaction
{
    public override bool TryGetBuffer(int buffer, Direction direction, int index, out BufferView view)
    {
        view = default;
        var which = (MqttBuffer)buffer;
        if (which is MqttBuffer.SubscribeTopic or MqttBuffer.UnsubscribeTopic)
        {
            return TryGetTopic(which == MqttBuffer.SubscribeTopic, index, out view);
        }

        int owner = Find(which is MqttBuffer.PublishTopic or MqttBuffer.PublishMessage ? MqttType.Publish : MqttType.Connect);
        if (owner < 0 || index > 0)
        {
            return false;
        }

        ref readonly MqttMessage message = ref _messages[owner];
        Slice slice = which switch
        {
            MqttBuffer.ProtocolString or MqttBuffer.PublishTopic => message.Name,
            MqttBuffer.ClientId => message.ClientId,
            MqttBuffer.WillTopic => message.WillTopic,
            MqttBuffer.WillMessage or MqttBuffer.PublishMessage => message.Payload,
            MqttBuffer.UserName => message.UserName,
            _ => message.Password,
        };
        view = new BufferView(Bytes[slice]);
        return slice.Exists;
    }

    private bool TryGetTopic(bool isSubscribe, int index, out BufferView view)
    {
        view = default;
        int limit = isSubscribe ? Limits.SubscribeTopics : Limits.UnsubscribeTopics;
        if (limit > 0 && index >= limit)
        {
            return false;
        }

        MqttType type = isSubscribe ? MqttType.Subscribe : MqttType.Unsubscribe;
        for (int i = 0; i < MessageCount; i++)
        {
            if (_messages[i].Type != type)
            {
                continue;
            }

            MqttRun run = _messages[i].Topics;
            if (index < run.Count)
            {
                view = new BufferView(Bytes[_topics[run.Start + index].Name]);
                return true;
            }

            index -= run.Count;
        }

        return false;
    }
}
