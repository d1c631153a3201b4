namespace BridgeGuard.Engine.Detection.Transforms;

/// <summary><c>compress_whitespace</c>: of each run of white space only the first byte is kept.</summary>
internal sealed class CompressWhitespaceTransform : Transform
{
    public override string Name => "compress_whitespace";

    public override ReadOnlySpan<byte> Apply(ReadOnlySpan<byte> input, TransformScratch scratch)
    {
        if (Whitespace.IndexIn(input) < 0)
        {
            return input;
        }
        Span<byte> output = scratch.Output(input, input.Length);
        int length = 0;
        bool inside = false;
        foreach (byte value in input[..output.Length])
        {
            bool white = Whitespace.Is(value);
            if (!white || !inside)
            {
                output[length++] = value;
            }
            inside = white;
        }
        return output[..length];
    }
}
