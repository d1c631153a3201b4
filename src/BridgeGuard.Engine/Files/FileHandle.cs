namespace BridgeGuard.Engine.Files;

/// <summary>Names an open file of an <see cref="IFileSink"/>. The default value names none.</summary>
/// <remarks>Carries a generation, so that a handle used after its close is refused, not mistaken for another file's.</remarks>
public readonly record struct FileHandle(ulong Value)
{
    /// <summary>No file: the sink did not take it.</summary>
    public static FileHandle None => default;

    public bool IsNone => Value == 0;
}

/// <summary>How a file on the wire ended.</summary>
public enum FileEnd : byte
{
    /// <summary>All bytes were seen and appended.</summary>
    Complete,

    /// <summary>Bytes are missing: gap, reset, limit, or the worker gave up appending.</summary>
    Truncated,
}
