namespace BridgeGuard.Engine.Detection.Transforms;

/// <summary><c>header_lowercase</c>: letters before the first colon of each line; a line without one is lowered whole.</summary>
internal sealed class HeaderLowercaseTransform : Transform
{
    public override string Name => "header_lowercase";

    public override ReadOnlySpan<byte> Apply(ReadOnlySpan<byte> input, TransformScratch scratch)
    {
        Span<byte> output = scratch.Output(input, input.Length);
        bool name = true;
        for (int i = 0; i < output.Length; i++)
        {
            byte value = input[i];
            if (value is (byte)'\n' or (byte)'\r')
            {
                name = true;
            }
            else if (value == ':')
            {
                name = false;
            }
            output[i] = name && value is >= (byte)'A' and <= (byte)'Z' ? (byte)(value | 0x20) : value;
        }
        return output;
    }
}
