using System.Text;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Ssh;

/// <summary>The keywords of the old style; rules of today use the buffers.</summary>
internal static class SshKeywords
{
    public static readonly KeywordDescriptor[] All =
    [
        New("ssh.protoversion", ParseProtoVersion, "the protocol version; 2_compat stands for 2, 2.0 and 1.99"),
        New("ssh.softwareversion", ParseSoftwareVersion, "text within the software version"),
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
        if (!TryReadText(argument, out byte[] text, out error))
        {
            return null;
        }

        return new ProtoMatcher(text, argument!.Trim() == "2_compat");
    }

    private static TransactionMatcher? ParseSoftwareVersion(string? argument, out string error) =>
        TryReadText(argument, out byte[] text, out error) ? new SoftwareMatcher(text) : null;

    private static bool TryReadText(string? argument, out byte[] text, out string error)
    {
        string trimmed = (argument ?? "").Trim();
        text = Encoding.Latin1.GetBytes(trimmed);
        error = trimmed.Length == 0 ? "a text was expected" : trimmed.StartsWith('"') ? "quotes are not allowed here, the bare text was expected" : "";
        return error.Length == 0;
    }

    private sealed class ProtoMatcher(byte[] version, bool isCompatible) : TransactionMatcher
    {
        public override bool Match(Transaction transaction, Direction direction, Flow flow)
        {
            ReadOnlySpan<byte> actual = ((SshTransaction)transaction).Of(direction).ProtoVersion;
            return isCompatible
                ? actual.SequenceEqual("2"u8) || actual.SequenceEqual("2.0"u8) || actual.SequenceEqual("1.99"u8)
                : actual.SequenceEqual(version);
        }
    }

    private sealed class SoftwareMatcher(byte[] text) : TransactionMatcher
    {
        public override bool Match(Transaction transaction, Direction direction, Flow flow) =>
            ((SshTransaction)transaction).Of(direction).SoftwareVersion.IndexOf(text) >= 0;
    }
}
