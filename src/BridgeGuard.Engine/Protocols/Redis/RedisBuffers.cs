using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Redis;

/// <summary>What rules may look at. The names are ours, in Suricata's style.</summary>
internal static class RedisBuffers
{
    private const int Command = 0;
    private const int Argument = 1;
    private const int Response = 2;
    private const int Error = 3;

    public static readonly BufferDescriptor[] All =
    [
        new() { Name = "redis.command", LocalId = Command, Directions = DirectionMask.ToServer, ProgressToServer = 1, Help = "the command's word, as it was sent" },
        new() { Name = "redis.argument", LocalId = Argument, Directions = DirectionMask.ToServer, ProgressToServer = 1, IsMulti = true, Help = "an argument behind the command" },
        new() { Name = "redis.response", LocalId = Response, Directions = DirectionMask.ToClient, ProgressToClient = 1, Help = "the first text of the reply" },
        new() { Name = "redis.error", LocalId = Error, Directions = DirectionMask.ToClient, ProgressToClient = 1, Help = "the text of an error" },
    ];

    public static readonly FieldDescriptor[] Fields =
    [
        new() { Name = "redis.argument_count", LocalId = 0, Directions = DirectionMask.ToServer, ProgressToServer = 1, Help = "how many arguments follow the command" },
    ];

    public static bool TryGet(RedisTransaction redis, int buffer, Direction direction, int index, out BufferView view)
    {
        bool exists = buffer switch
        {
            Command => index == 0 && redis.Command.Exists,
            Argument => index < redis.KeptCount,
            Response => index == 0 && redis.Reply.Exists,
            _ => index == 0 && redis.IsError && redis.Reply.Exists,
        } && direction == (buffer <= Argument ? Direction.ToServer : Direction.ToClient);
        view = !exists ? default : new BufferView(buffer switch
        {
            Command => redis.Request[redis.Command],
            Argument => redis.Argument(index),
            _ => redis.Response[redis.Reply],
        });
        return exists;
    }
}
