using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Redis;

/// <summary>A command with its reply; what the server says unasked (subscriptions) has no command.</summary>
internal sealed class RedisTransaction : Transaction
{
    private readonly Slice[] _arguments = new Slice[RedisLimits.MaxKept];

    public ByteBuffer Request { get; } = new();

    public ByteBuffer Response { get; } = new();

    /// <summary>The first word; none of a message that nobody asked for.</summary>
    public Slice Command { get; private set; } = Slice.None;

    /// <summary>Arguments behind the command that were sent, and those of them that are kept.</summary>
    public int ArgumentCount { get; private set; }

    public int KeptCount => Math.Min(ArgumentCount, RedisLimits.MaxKept);

    public bool HasReply { get; set; }

    /// <summary>The byte that the reply began with.</summary>
    public byte ReplyType { get; set; }

    /// <summary>The first text in the reply; of nested replies the first at all.</summary>
    public Slice Reply { get; set; } = Slice.None;

    /// <summary>Of an aggregate.</summary>
    public long Elements { get; set; }

    public bool IsError => HasReply && ReplyType is (byte)'-' or (byte)'!';

    public ReadOnlySpan<byte> Argument(int index) => Request[_arguments[index]];

    /// <summary>Keeps the next word: the command, then its arguments; false when there are too many.</summary>
    public bool Add(Slice word)
    {
        if (!Command.Exists)
        {
            Command = word;
            return true;
        }

        bool fits = ArgumentCount < _arguments.Length;
        if (fits)
        {
            _arguments[ArgumentCount] = word;
        }

        ArgumentCount++;
        return fits;
    }

    public void Raise(RedisAnomaly anomaly) => Note((int)anomaly);

    public override bool TryGetBuffer(int buffer, Direction direction, int index, out BufferView view) => RedisBuffers.TryGet(this, buffer, direction, index, out view);

    public override bool TryGetField(int field, Direction direction, int index, out ulong value)
    {
        value = (ulong)ArgumentCount;
        return index == 0 && direction == Direction.ToServer && Command.Exists;
    }

    public override void Reset()
    {
        base.Reset();
        Request.Reset();
        Response.Reset();
        Command = Reply = Slice.None;
        ArgumentCount = 0;
        HasReply = false;
        ReplyType = 0;
        Elements = 0;
    }
}
