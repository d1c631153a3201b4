namespace BridgeGuard.Engine.Protocols.Ssh;

/// <summary>The identification line (RFC 4253 §4.2).</summary>
internal static class SshBanner
{
    /// <summary>Reads a line without its LF; false when it does not have the form. The comment is left out, the software name may be empty.</summary>
    public static bool TryRead(ReadOnlySpan<byte> line, SshTransaction.Peer peer)
    {
        if (!line.StartsWith("SSH-"u8))
        {
            return false;
        }

        ReadOnlySpan<byte> rest = line[4..];
        int dash = rest.IndexOf((byte)'-');
        if (dash <= 0)
        {
            return false;
        }

        ReadOnlySpan<byte> software = rest[(dash + 1)..];
        int end = software.IndexOfAny((byte)' ', (byte)'\r');
        peer.SetBanner(rest[..dash], end < 0 ? software : software[..end]);
        return true;
    }
}
