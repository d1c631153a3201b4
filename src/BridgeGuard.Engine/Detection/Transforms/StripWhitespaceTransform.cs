namespace BridgeGuard.Engine.Detection.Transforms;

/// <summary><c>strip_whitespace</c>: without blanks, tabs, line ends, vertical tabs and form feeds.</summary>
internal sealed class StripWhitespaceTransform : Transform
{
    public override string Name => "strip_whitespace";

    public override ReadOnlySpan<byte> Apply(ReadOnlySpan<byte> input, TransformScratch scratch)
    {
        if (Whitespace.IndexIn(input) < 0)
        {
            return input;
        }
        Span<byte> output = scratch.Output(input, input.Length);
        int length = 0;
        foreach (byte value in input[..output.Length])
        {
            if (!Whitespace.Is(value))
            {
                output[length++] = value;
            }
        }
        return output[..length];
    }
}
