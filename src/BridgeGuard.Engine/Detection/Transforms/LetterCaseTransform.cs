namespace BridgeGuard.Engine.Detection.Transforms;

/// <summary><c>to_lowercase</c> and <c>to_uppercase</c>: ASCII letters only.</summary>
internal sealed class LetterCaseTransform(bool upper) : Transform
{
    public override string Name => upper ? "to_uppercase" : "to_lowercase";

    public override ReadOnlySpan<byte> Apply(ReadOnlySpan<byte> input, TransformScratch scratch)
    {
        byte first = upper ? (byte)'a' : (byte)'A';
        byte last = upper ? (byte)'z' : (byte)'Z';
        int start = input.IndexOfAnyInRange(first, last);
        if (start < 0)
        {
            return input;
        }
        Span<byte> output = scratch.Output(input, input.Length);
        for (int i = 0; i < output.Length; i++)
        {
            byte value = input[i];
            output[i] = value >= first && value <= last ? (byte)(value ^ 0x20) : value;
        }
        return output;
    }
}
