namespace BridgeGuard.Scanning.Pipeline;

/// <summary>Bytes of a content that were replaced after they had come.</summary>
/// <param name="At">Of the first byte.</param>
/// <param name="Bytes">What stands there now.</param>
internal sealed record ContentPatch(long At, byte[] Bytes)
{
    /// <summary>Writes as much of it into a stretch of the content as lies there.</summary>
    /// <param name="from">Where the stretch begins in the content.</param>
    /// <param name="stretch">Its bytes.</param>
    public void ApplyTo(long from, Span<byte> stretch)
    {
        long begin = Math.Max(from, At);
        long end = Math.Min(from + stretch.Length, At + Bytes.Length);
        if (begin < end)
        {
            Bytes.AsSpan((int)(begin - At), (int)(end - begin)).CopyTo(stretch[(int)(begin - from)..]);
        }
    }
}
