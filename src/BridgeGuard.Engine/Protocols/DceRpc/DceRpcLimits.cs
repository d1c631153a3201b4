namespace BridgeGuard.Engine.Protocols.DceRpc;

/// <summary>Every cap of the DCE/RPC parser, from <c>app-layer.protocols.dcerpc</c>.</summary>
internal sealed class DceRpcLimits(ProtocolSettings settings)
{
    /// <summary>Suricata's default of <c>max-stub-size</c>.</summary>
    public const int DefaultMaxStubBytes = 1 << 20;

    /// <summary>Interfaces remembered of one association and of one bind. A bind can offer 255; Windows offers up to four.</summary>
    public const int MaxInterfaces = 256;

    /// <summary>Stub data kept of one call and direction (<c>max-stub-size</c>); what follows is not inspected.</summary>
    public int MaxStubBytes { get; } = (int)Math.Clamp(settings.GetSize("max-stub-size", DefaultMaxStubBytes), 0, int.MaxValue / 2);

    /// <summary>Transactions alive on one flow (<c>max-tx</c>); at the cap a stream is given up, and datagrams are not read. Suricata's default.</summary>
    public int MaxTransactions { get; } = (int)Math.Clamp(settings.GetSize("max-tx", 1024), 1, 1 << 20);
}
