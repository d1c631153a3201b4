using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Ssh;

/// <summary>The keywords of the old style: known, so that a rule with them is told what to use instead.</summary>
internal static class SshKeywords
{
    public static readonly KeywordDescriptor[] All =
    [
        New("ssh.protoversion", ParseProtoVersion, "obsolete: use ssh.proto"),
        New("ssh.softwareversion", ParseSoftwareVersion, "obsolete: use ssh.software"),
    ];

    private static KeywordDescriptor New(string name, KeywordParser parser, string help) => new()
    {
        Name = name,
        Directions = DirectionMask.Both,
        ProgressToServer = SshProgress.BannerDone,
        ProgressToClient = SshProgress.BannerDone,
        Parse = parser,
        Help = help,
    };

    private static TransactionMatcher? ParseProtoVersion(string? argument, out string error)
    {
        error = "the keyword is obsolete, use ssh.proto";
        return null;
    }

    private static TransactionMatcher? ParseSoftwareVersion(string? argument, out string error)
    {
        error = "the keyword is obsolete, use ssh.software";
        return null;
    }
}
