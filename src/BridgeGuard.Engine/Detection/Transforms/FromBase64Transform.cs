using System.Diagnostics.CodeAnalysis;
using BridgeGuard.Engine.Detection.Matchers;

namespace BridgeGuard.Engine.Detection.Transforms;

/// <summary><c>from_base64[: bytes N, offset N, mode rfc4648|rfc2045|strict]</c>.</summary>
/// <remarks>
/// The whole input comes back unchanged when nothing can be decoded, when the offset lies outside, and when fewer than the wanted
/// bytes follow it.
/// </remarks>
internal sealed class FromBase64Transform(int bytes, int offset, Base64Mode mode) : Transform
{
    public override string Name => "from_base64";

    public override string Identity => $"from_base64:bytes {bytes},offset {offset},mode {mode}";

    public static bool TryParse(
        ReadOnlySpan<char> argument, [NotNullWhen(true)] out Transform? transform, out ArgumentError error)
    {
        transform = null;
        error = default;
        long bytes = -1;
        long offset = -1;
        Base64Mode? mode = null;
        var reader = new ArgumentReader(argument);
        while (!argument.Trim(' ').IsEmpty && reader.TryRead(out ReadOnlySpan<char> item))
        {
            ArgumentReader.Split(item, out ReadOnlySpan<char> name, out ReadOnlySpan<char> value);
            bool taken = name switch
            {
                "bytes" => bytes < 0 && ArgumentNumber.TryParseDecimal(value, 0, ushort.MaxValue, out bytes),
                "offset" => offset < 0 && ArgumentNumber.TryParseDecimal(value, 0, ushort.MaxValue, out offset),
                "mode" => mode is null && (mode = ModeOf(value)) is not null,
                _ => false,
            };
            if (!taken)
            {
                error = new ArgumentError(
                    reader.Offset, $"'{item}' is unknown, out of range or given twice; expected bytes N, offset N or mode rfc4648, rfc2045 or strict");
                return false;
            }
        }
        transform = new FromBase64Transform((int)Math.Max(0, bytes), (int)Math.Max(0, offset), mode ?? Base64Mode.Rfc4648);
        return true;
    }

    public override ReadOnlySpan<byte> Apply(ReadOnlySpan<byte> input, TransformScratch scratch)
    {
        if (offset >= input.Length || bytes > input.Length - offset)
        {
            return input;
        }
        ReadOnlySpan<byte> part = bytes == 0 ? input[offset..] : input.Slice(offset, bytes);
        Span<byte> output = scratch.Output(input, Base64.MaxDecodedLength(part.Length));
        return Base64.TryDecode(part, mode, output, out int written) && written > 0 ? output[..written] : input;
    }

    private static Base64Mode? ModeOf(ReadOnlySpan<char> text) => text switch
    {
        "rfc4648" => Base64Mode.Rfc4648,
        "rfc2045" => Base64Mode.Rfc2045,
        "strict" => Base64Mode.Strict,
        _ => null,
    };
}
