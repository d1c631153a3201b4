namespace BridgeGuard.Outputs.EveFile;

/// <summary>Where EVE lines go; the words of Suricata's <c>eve-log: filetype</c>.</summary>
public enum EveFileType : byte
{
    Regular,
    UnixStream,
    UnixDatagram,
    StandardOutput,
}

/// <summary>An EVE output.</summary>
public sealed record EveFileOptions : OutputOptions
{
    /// <summary>The file or socket; unused for standard output.</summary>
    public string Path { get; init; } = "";

    public EveFileType Type { get; init; }

    /// <summary>False empties an existing file at start (offline runs).</summary>
    public bool Append { get; init; } = true;

    /// <summary>Longest time a line stays in the buffer while more come; on an idle host lines go out at once.</summary>
    public TimeSpan FlushInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Lines go out in blocks of this size.</summary>
    public int BufferBytes { get; init; } = 256 << 10;

    /// <summary>What is kept while the disk is full or nobody reads the socket; then lines are dropped and counted.</summary>
    public int MaxPendingBytes { get; init; } = 8 << 20;

    /// <summary>Between two tries after a failure.</summary>
    public TimeSpan RetryInterval { get; init; } = TimeSpan.FromSeconds(1);
}
