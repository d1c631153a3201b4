namespace BridgeGuard.Engine.Settings;

/// <summary>What to do where the engine cannot do its work: memory cap hit, midstream pick-up, parser error. Names as in <c>exception-policy</c>.</summary>
public enum ExceptionPolicy : byte
{
    /// <summary>Go on as if nothing had happened.</summary>
    Ignore,
    PassPacket,
    PassFlow,
    Bypass,
    DropPacket,
    DropFlow,
    Reject,
    RejectBoth,
}
