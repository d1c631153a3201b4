using System.Buffers;

namespace BridgeGuard.Engine.Detection.Transforms;

/// <summary>White space as C's <c>isspace</c> sees it.</summary>
internal static class Whitespace
{
    private static readonly SearchValues<byte> Values = SearchValues.Create(" \t\n\v\f\r"u8);

    public static bool Is(byte value) => value is (byte)' ' or (>= 9 and <= 13);

    public static int IndexIn(ReadOnlySpan<byte> bytes) => bytes.IndexOfAny(Values);
}
