namespace BridgeGuard.Daemon.Configuration.Suricata;

/// <summary>A <c>tcp-data</c> or <c>http-body-data</c> section of <c>outputs</c>.</summary>
/// <param name="File">The file of all connections (<c>type: file</c> or <c>both</c>); null: none.</param>
/// <param name="Folder">The folder of one file each (<c>type: dir</c> or <c>both</c>); null: none.</param>
/// <param name="Append">The file goes on where it ended.</param>
public sealed record DataLogSettings(string? File, string? Folder, bool Append);
