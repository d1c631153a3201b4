using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Smb;

/// <summary>Keywords whose arguments only SMB understands.</summary>
internal static class SmbKeywords
{
    public static readonly KeywordDescriptor Version = new()
    {
        Name = "smb.version",
        Directions = DirectionMask.Both,
        Parse = ParseVersion,
        StandsOnce = true,
        Help = "the version of the messages: 1, or 2 (which SMB 3 has too)",
    };

    private static VersionMatcher? ParseVersion(string? argument, out string error)
    {
        string text = (argument ?? "").Trim();
        error = text is "1" or "2" ? "" : $"«{text}» is no version, expected 1 or 2";
        return error.Length == 0 ? new VersionMatcher((byte)(text[0] - '0')) : null;
    }

    private sealed class VersionMatcher(byte version) : TransactionMatcher
    {
        public override bool Match(Transaction transaction, Direction direction, Flow flow) => ((SmbTransaction)transaction).Version == version;
    }
}
