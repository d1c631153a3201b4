namespace BridgeGuard.Scanning.Scanners.HashLists;

/// <summary>Something in a hash list that cannot be read.</summary>
/// <param name="File">The file's path as configured.</param>
/// <param name="Line">1-based; 0 when the whole file is meant.</param>
/// <param name="Column">1-based; 0 when the whole file is meant.</param>
/// <param name="Message">A plain sentence.</param>
public readonly record struct HashListError(string File, int Line, int Column, string Message)
{
    /// <summary><c>file:line:column: message</c>.</summary>
    public override string ToString() => Line == 0 ? $"{File}: {Message}" : $"{File}:{Line}:{Column}: {Message}";
}
