using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;

namespace BridgeGuard.Engine.Protocols.Redis;

/// <summary>Writes the <c>redis</c> object, a form of our own. Option: <c>passwords</c> (default no) shows what is sent to log in.</summary>
internal sealed class RedisEve : EveLogger
{
    public override string EventType => "redis";

    public override byte ProgressToServer => 1;

    public override byte ProgressToClient => 1;

    public override bool Write(EveWriter writer, Transaction transaction, Flow flow, EveDetail detail)
    {
        var redis = (RedisTransaction)transaction;
        writer.StartObject("redis"u8);
        if (redis.Command.Exists)
        {
            writer.Bytes("command"u8, redis.Request[redis.Command]);
            WriteArguments(writer, redis, writer.Options.GetBool("passwords", false));
            writer.Number("argument_count"u8, (long)redis.ArgumentCount);
        }

        if (redis.HasReply)
        {
            writer.StartObject("response"u8);
            writer.Text("type"u8, RedisTables.Name(redis.ReplyType));
            if (redis.ReplyType is (byte)'*' or (byte)'%' or (byte)'~' or (byte)'>')
            {
                writer.Number("elements"u8, redis.Elements);
            }

            if (redis.Reply.Exists)
            {
                writer.Bytes("value"u8, redis.Response[redis.Reply]);
            }

            writer.EndObject();
        }

        writer.EndObject();
        return true;
    }

    private static void WriteArguments(EveWriter writer, RedisTransaction redis, bool showsSecrets)
    {
        writer.StartArray("arguments"u8);
        int secret = RedisTables.SecretsBehind(redis.Request[redis.Command]);
        for (int i = 0; i < redis.KeptCount; i++)
        {
            ReadOnlySpan<byte> argument = redis.Argument(i);
            if (secret > 0 && !showsSecrets)
            {
                secret--;
                writer.TextValue("[hidden]"u8);
                continue;
            }

            secret = RedisTables.SecretsBehind(argument);
            writer.BytesValue(argument);
        }

        writer.EndArray();
    }
}
