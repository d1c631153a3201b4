namespace BridgeGuard.Engine.Detection.Transforms;

/// <summary><c>strip_pseudo_headers</c>: without the lines that begin with a colon (HTTP/2's <c>:method</c> and the like).</summary>
internal sealed class StripPseudoHeadersTransform : Transform
{
    public override string Name => "strip_pseudo_headers";

    public override ReadOnlySpan<byte> Apply(ReadOnlySpan<byte> input, TransformScratch scratch)
    {
        Span<byte> output = scratch.Output(input, input.Length);
        ReadOnlySpan<byte> rest = input[..output.Length];
        int length = 0;
        while (!rest.IsEmpty)
        {
            int end = rest.IndexOf((byte)'\n') + 1;
            ReadOnlySpan<byte> line = end == 0 ? rest : rest[..end];
            if (line[0] != ':')
            {
                line.CopyTo(output[length..]);
                length += line.Length;
            }
            rest = rest[line.Length..];
        }
        return output[..length];
    }
}
