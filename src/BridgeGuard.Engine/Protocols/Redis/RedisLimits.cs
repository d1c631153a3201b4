namespace BridgeGuard.Engine.Protocols.Redis;

/// <summary>Every cap, from <c>app-layer.protocols.redis</c>. Read once.</summary>
internal sealed class RedisLimits(ProtocolSettings settings)
{
    /// <summary>Elements of a command or reply, and bytes of one string: the server's own limits (<c>proto-max-bulk-len</c> is 512 MB).</summary>
    public const int MaxArguments = 1 << 20;
    public const long MaxStringBytes = 512L << 20;

    /// <summary>A line without an end within this is no line of the protocol (the server's inline limit is 64 KiB).</summary>
    public const int MaxLineBytes = 64 << 10;

    /// <summary>Arguments kept of a command; the rest is counted.</summary>
    public const int MaxKept = 64;

    /// <summary>Bytes kept of one argument, and of the text of a reply.</summary>
    public const int MaxArgumentBytes = 4 << 10;
    public const int MaxReplyBytes = 4 << 10;

    /// <summary>Replies within replies.</summary>
    public const int MaxDepth = 32;

    /// <summary>Commands at a time that have no reply: pipelines are long.</summary>
    public int MaxTransactions { get; } = (int)Math.Clamp(settings.GetSize("max-tx", 1024), 1, 1 << 20);
}
