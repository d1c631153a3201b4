namespace BridgeGuard.Outputs.EveFile;

/// <summary>Something that lines are written to. Used by the pump's thread only.</summary>
internal abstract class LineTarget : IDisposable
{
    /// <summary>Opens or connects. Throws <see cref="IOException"/>, <see cref="UnauthorizedAccessException"/> or a socket's exception.</summary>
    public abstract void Open();

    /// <summary>Writes without waiting for anybody.</summary>
    /// <param name="lines">Whole lines, except that the first may be the rest of one that was cut by an earlier call.</param>
    /// <returns>Bytes taken; fewer than given when the other side is not ready.</returns>
    public abstract int Write(ReadOnlySpan<byte> lines);

    /// <summary>A line that was cut by a lost connection cannot be finished on the next one.</summary>
    public virtual bool IsConnection => false;

    public abstract void Dispose();
}
