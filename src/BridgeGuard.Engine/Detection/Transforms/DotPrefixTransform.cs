namespace BridgeGuard.Engine.Detection.Transforms;

/// <summary><c>dotprefix</c>: a dot before the bytes, so that <c>".example.com"; endswith</c> meets the domain and its subdomains.</summary>
internal sealed class DotPrefixTransform : Transform
{
    public override string Name => "dotprefix";

    public override ReadOnlySpan<byte> Apply(ReadOnlySpan<byte> input, TransformScratch scratch)
    {
        Span<byte> output = scratch.Output(input, input.Length + 1);
        output[0] = (byte)'.';
        input[..(output.Length - 1)].CopyTo(output[1..]);
        return output;
    }
}
