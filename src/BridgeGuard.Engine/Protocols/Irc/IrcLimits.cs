namespace BridgeGuard.Engine.Protocols.Irc;

/// <summary>Every cap of the parser.</summary>
internal static class IrcLimits
{
    /// <summary>Messages alive on one flow; they are complete at once.</summary>
    public const int MaxTransactions = 1024;

    /// <summary>A line: 512 bytes (RFC 2812 §2.3) and 8191 of tags (IRCv3 «Message Tags»). What lies behind is passed over.</summary>
    public const int MaxLineBytes = 512 + 8191;

    /// <summary>Of a message without its tags (RFC 2812 §2.3); servers with longer ones exist, so it is named and read.</summary>
    public const int MaxMessageBytes = 512;

    /// <summary>RFC 2812 §2.3.1.</summary>
    public const int MaxParameters = 15;

    /// <summary>A command's word; none is longer.</summary>
    public const int MaxCommandBytes = 16;
}
