using BridgeGuard.Scanning.Scanners.Clamd;
using BridgeGuard.Scanning.Scanners.Icap;
using BridgeGuard.Scanning.Scanners.Yara;

namespace BridgeGuard.Scanning.Scanners;

/// <summary>What configuration says of one scanner.</summary>
public sealed record ScannerOptions
{
    /// <summary>A name of <see cref="ScannerCatalog"/>.</summary>
    public required string Kind { get; init; }

    /// <summary>clamd: where it listens, <c>unix:/path</c> or <c>tcp:host:port</c>. yara: the rule file or folder. icap: <c>icap://host:port/service</c>.</summary>
    public string Address { get; init; } = "";

    /// <summary>Folder of its signatures, when it is on this machine: part of the generation, as clamd's VERSION says nothing of own databases.</summary>
    public string? SignatureDirectory { get; init; }

    /// <summary>Longest content to hand over, bytes. clamd's own default (StreamMaxLength) is 100 MiB.</summary>
    public long MaxBytes { get; init; } = 100L << 20;

    /// <summary>Time for connecting and for each answer that is not a scan.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(3);
}

/// <summary>One kind of scanner.</summary>
/// <param name="Name">As written in configuration.</param>
/// <param name="Create">Makes one; throws <see cref="FormatException"/> for an address it does not understand.</param>
public sealed record ScannerKind(string Name, Func<ScannerOptions, IScanner> Create);

/// <summary>Every kind of scanner, alphabetical, one line each.</summary>
public static class ScannerCatalog
{
    public static readonly ScannerKind[] All =
    [
        new("clamd", options => new ClamdScanner(options)),
        new("icap", options => new IcapScanner(options)),
        new("yara", options => new YaraScanner(options)),
    ];

    /// <summary>The kind with this name, or null.</summary>
    public static ScannerKind? Find(string name) => Array.Find(All, kind => kind.Name == name);
}
