namespace BridgeGuard.Engine.Protocols;

public enum ParseStatus : byte
{
    /// <summary>All that was given is consumed.</summary>
    Done,

    /// <summary>The unconsumed tail is the start of an element; it comes back with more bytes behind it.</summary>
    NeedMore,

    /// <summary>The parser cannot go on in this direction; the flow's application layer is given up.</summary>
    Stop,
}

/// <summary>What a parser says after each call.</summary>
public readonly struct ParseResult
{
    private ParseResult(ParseStatus status, int consumed, int atLeast)
    {
        Status = status;
        Consumed = consumed;
        AtLeast = atLeast;
    }

    public ParseStatus Status { get; }

    /// <summary>Bytes of the input that need not come again.</summary>
    public int Consumed { get; }

    /// <summary>With <see cref="ParseStatus.NeedMore"/>: call again when the tail has at least so many bytes (0: any more).</summary>
    public int AtLeast { get; }

    public static ParseResult Done(int consumed) => new(ParseStatus.Done, consumed, 0);

    public static ParseResult NeedMore(int consumed, int atLeast) => new(ParseStatus.NeedMore, consumed, atLeast);

    public static ParseResult Stop() => new(ParseStatus.Stop, 0, 0);
}
