namespace BridgeGuard.Engine.Protocols.MySql;

/// <summary>Every cap, from <c>app-layer.protocols.mysql</c>. Read once.</summary>
internal sealed class MySqlLimits(ProtocolSettings settings)
{
    /// <summary>Bytes of a packet that are waited for and looked at; what lies behind passes through.</summary>
    public const int MaxPacketBytes = 64 << 10;

    /// <summary>Bytes of an error's or a name's text that are kept.</summary>
    public const int MaxTextBytes = 1 << 10;

    /// <summary>Commands at a time that have no response.</summary>
    public int MaxTransactions { get; } = (int)Math.Clamp(settings.GetSize("max-tx", 1024), 1, 1 << 20);
}
