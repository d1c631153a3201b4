namespace BridgeGuard.Engine.Protocols.Ike;

/// <summary>Every cap of the IKE parser.</summary>
internal static class IkeLimits
{
    /// <summary>Messages alive on one flow.</summary>
    public const int MaxTransactions = 64;

    /// <summary>Payloads of one message; real ones have up to 20.</summary>
    public const int MaxPayloads = 128;

    /// <summary>Vendor identifiers of one message.</summary>
    public const int MaxVendors = 64;

    /// <summary>Transforms kept of one message; Windows offers 24.</summary>
    public const int MaxTransforms = 128;

    /// <summary>Attributes of a transform; 17 types are assigned.</summary>
    public const int MaxAttributes = 20;

    /// <summary>Key exchanges and nonces remembered for a flow, in bytes.</summary>
    public const int MaxRememberedBytes = 64 << 10;
}
