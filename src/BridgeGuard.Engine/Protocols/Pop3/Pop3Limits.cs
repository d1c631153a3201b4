namespace BridgeGuard.Engine.Protocols.Pop3;

/// <summary>Every cap of POP3, from <c>app-layer.protocols.pop3</c>. Read once.</summary>
internal sealed class Pop3Limits(ProtocolSettings settings)
{
    /// <summary>A command line with its line end (RFC 2449 §4 says 255 octets; Suricata's figure).</summary>
    public const int MaxCommandBytes = 256;

    /// <summary>The first line of a response with its line end (RFC 2449 §4).</summary>
    public const int MaxResponseBytes = 512;

    /// <summary>Longer lines are cut: what lies behind is skipped.</summary>
    public const int MaxLineBytes = 8 << 10;

    /// <summary>Lines and bytes that are kept of a response of several lines.</summary>
    public const int MaxDataLines = 1024;
    public const int MaxTextBytes = 64 << 10;

    /// <summary>Words behind a command that are kept; none has more than two.</summary>
    public const int MaxArguments = 16;

    /// <summary>Commands alive on one flow, answered ones that are not yet inspected among them; one more than one above it ends the parsing of the flow (<c>max-tx</c>).</summary>
    public int MaxTransactions { get; } = (int)Math.Clamp(settings.GetSize("max-tx", 256), 1, 65536);
}
