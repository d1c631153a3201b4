namespace BridgeGuard.Engine.Files;

/// <summary>What is known of a file's content at this moment.</summary>
public enum FileVerdictKind : byte
{
    /// <summary>Nobody has looked at this content, or what was found is out of date.</summary>
    Unknown = 0,

    /// <summary>A scan is under way; ask again.</summary>
    Pending,

    Clean,

    Malicious,

    /// <summary>It could not be judged (scanner gone, deadline over, too large): the role's fail policy decides.</summary>
    Error,
}
