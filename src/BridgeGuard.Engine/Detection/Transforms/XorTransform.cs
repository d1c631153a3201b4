using System.Diagnostics.CodeAnalysis;
using BridgeGuard.Engine.Detection.Matchers;

namespace BridgeGuard.Engine.Detection.Transforms;

/// <summary><c>xor:"0a0b"</c>: each byte xor the key's next byte, the key repeated.</summary>
internal sealed class XorTransform(byte[] key) : Transform
{
    /// <summary>Longest key in bytes.</summary>
    private const int MaxKeyBytes = 255;

    public override string Name => "xor";

    public override string Identity => $"xor:{Convert.ToHexString(key)}";

    public static bool TryParse(
        ReadOnlySpan<char> argument, [NotNullWhen(true)] out Transform? transform, out ArgumentError error)
    {
        transform = null;
        if (!Quoted.TryUnquote(argument, out ReadOnlySpan<char> text, out int start, out error))
        {
            return false;
        }
        if (text.IsEmpty || (text.Length & 1) != 0 || text.Length > 2 * MaxKeyBytes)
        {
            error = new ArgumentError(start, $"the key has {text.Length} digits; expected 2 to {2 * MaxKeyBytes}, an even number");
            return false;
        }
        var key = new byte[text.Length / 2];
        for (int i = 0; i < text.Length; i++)
        {
            int digit = HexDigit.ValueOf(text[i]);
            if (digit < 0)
            {
                error = new ArgumentError(start + i, $"'{text[i]}' is no hexadecimal digit");
                return false;
            }
            key[i / 2] = (byte)((key[i / 2] << 4) | digit);
        }
        transform = new XorTransform(key);
        return true;
    }

    public override ReadOnlySpan<byte> Apply(ReadOnlySpan<byte> input, TransformScratch scratch)
    {
        Span<byte> output = scratch.Output(input, input.Length);
        int next = 0;
        for (int i = 0; i < output.Length; i++)
        {
            output[i] = (byte)(input[i] ^ key[next]);
            next = next + 1 == key.Length ? 0 : next + 1;
        }
        return output;
    }
}
