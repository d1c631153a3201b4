using BridgeGuard.Engine.Files;

namespace BridgeGuard.Scanning.VerdictCache;

/// <summary>Who found a verdict. The numbers are stored; never renumber.</summary>
public enum VerdictSource : byte
{
    Scan = 0,

    /// <summary>A known-good or known-bad list.</summary>
    HashList = 1,

    /// <summary>Set by hand.</summary>
    Operator = 2,

    /// <summary>Imported, or from another host of the fleet.</summary>
    Import = 3,
}

/// <summary>What is known of one content. Immutable, so that the packet side can hand out the cached instance itself.</summary>
public sealed record FileVerdict
{
    /// <summary><see cref="ExpiresUs"/> of a verdict that does not age.</summary>
    public const long Never = long.MaxValue;

    /// <summary>Clean, Malicious or Error.</summary>
    public required FileVerdictKind Kind { get; init; }

    /// <summary>The malware's name as the scanner gives it, the reason for Error, else null.</summary>
    public string? Signature { get; init; }

    /// <summary>The scanner, list or person.</summary>
    public required string Engine { get; init; }

    /// <summary>State of engines and signatures that the verdict is bound to; empty for verdicts that do not depend on any.</summary>
    public string Generation { get; init; } = "";

    /// <summary>When it was found, microseconds since the Unix epoch.</summary>
    public required long TimeUs { get; init; }

    /// <summary>From when on it no longer counts.</summary>
    public long ExpiresUs { get; init; } = Never;

    public VerdictSource Source { get; init; }

    /// <summary>Stays whatever scanners say (allow list or block by hand).</summary>
    public bool IsPinned { get; init; }
}
