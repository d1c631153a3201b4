namespace BridgeGuard.Engine.Protocols;

/// <summary>What is done with a flow whose protocol has become opaque: <c>app-layer.protocols.NAME.encryption-handling</c>.</summary>
public enum EncryptionHandling : byte
{
    /// <summary>The protocol is tracked on; rules over payload and stream look no more (<c>track-only</c>, also <c>default</c>).</summary>
    TrackOnly,

    /// <summary>The flow is left alone as soon as the packet is judged.</summary>
    Bypass,

    /// <summary>Everything is inspected on.</summary>
    Full,
}
