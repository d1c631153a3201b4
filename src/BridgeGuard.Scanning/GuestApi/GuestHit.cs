using BridgeGuard.Scanning.VerdictCache;

namespace BridgeGuard.Scanning.GuestApi;

/// <summary>A guest has (or is about to open) a content that is known to be malicious: it asked for it or submitted it.</summary>
/// <param name="Guest">By its channel.</param>
/// <param name="Channel">"guest-api" or "clamd".</param>
/// <param name="Key">The content.</param>
/// <param name="Verdict">What the guest was told.</param>
/// <param name="FileName">As the guest says; not to be trusted, possibly empty.</param>
public sealed record GuestHit(GuestIdentity Guest, string Channel, FileKey Key, FileVerdict Verdict, string FileName)
{
    /// <summary>The program that wanted the file, as the guest's agent says; empty elsewhere.</summary>
    public string Program { get; init; } = "";

    /// <summary>"open" or "exec", from the agent.</summary>
    public string Access { get; init; } = "";

    /// <summary>What the agent did.</summary>
    public string Action { get; init; } = "";
}
