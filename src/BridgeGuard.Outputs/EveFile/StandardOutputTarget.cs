namespace BridgeGuard.Outputs.EveFile;

/// <summary>Standard output, for pipes and containers. A reader that stops reading stops the pump, as with any program in a pipe.</summary>
internal sealed class StandardOutputTarget : LineTarget
{
    private readonly Stream _stream = Console.OpenStandardOutput();

    public override void Open()
    {
        // Always open.
    }

    public override int Write(ReadOnlySpan<byte> lines)
    {
        _stream.Write(lines);
        return lines.Length;
    }

    public override void Dispose() => _stream.Flush();
}
