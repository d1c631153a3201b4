using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace BridgeGuard.Engine.Detection.Matchers;

// Twin: IndexIgnoringCaseScalar. Compares the two rarest bytes of the pattern at 32 or 16 places at once; each load lies wholly
// inside the text, the rest goes through the twin.
public sealed partial class ContentPattern
{
    /// <summary>Which code runs; tests force each.</summary>
    internal enum SearchVariant : byte
    {
        Scalar,
        Vector128,
        Vector256,
    }

    internal static SearchVariant BestVariant =>
        Vector256.IsHardwareAccelerated ? SearchVariant.Vector256
        : Vector128.IsHardwareAccelerated ? SearchVariant.Vector128
        : SearchVariant.Scalar;

    internal int IndexIgnoringCase(ReadOnlySpan<byte> text) => IndexIgnoringCase(text, BestVariant);

    internal int IndexIgnoringCase(ReadOnlySpan<byte> text, SearchVariant variant)
    {
        int position = 0;
        // Starting places that have a whole pattern behind them.
        int places = text.Length - _bytes.Length + 1;
        ref byte origin = ref MemoryMarshal.GetReference(text);
        if (variant == SearchVariant.Vector256)
        {
            for (; position <= places - Vector256<byte>.Count; position += Vector256<byte>.Count)
            {
                Vector256<byte> first = Vector256.LoadUnsafe(ref origin, (nuint)(position + _firstProbe)) | Vector256.Create(_masks[_firstProbe]);
                Vector256<byte> second = Vector256.LoadUnsafe(ref origin, (nuint)(position + _secondProbe)) | Vector256.Create(_masks[_secondProbe]);
                Vector256<byte> equal = Vector256.Equals(first, Vector256.Create(_bytes[_firstProbe]))
                    & Vector256.Equals(second, Vector256.Create(_bytes[_secondProbe]));
                uint hits = equal.ExtractMostSignificantBits();
                if (hits != 0 && Check(text, position, hits) is >= 0 and int found)
                {
                    return found;
                }
            }
        }
        if (variant >= SearchVariant.Vector128)
        {
            for (; position <= places - Vector128<byte>.Count; position += Vector128<byte>.Count)
            {
                Vector128<byte> first = Vector128.LoadUnsafe(ref origin, (nuint)(position + _firstProbe)) | Vector128.Create(_masks[_firstProbe]);
                Vector128<byte> second = Vector128.LoadUnsafe(ref origin, (nuint)(position + _secondProbe)) | Vector128.Create(_masks[_secondProbe]);
                Vector128<byte> equal = Vector128.Equals(first, Vector128.Create(_bytes[_firstProbe]))
                    & Vector128.Equals(second, Vector128.Create(_bytes[_secondProbe]));
                uint hits = equal.ExtractMostSignificantBits();
                if (hits != 0 && Check(text, position, hits) is >= 0 and int found)
                {
                    return found;
                }
            }
        }
        return IndexIgnoringCaseScalar(text, position);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private int Check(ReadOnlySpan<byte> text, int position, uint hits)
    {
        for (; hits != 0; hits &= hits - 1)
        {
            int place = position + BitOperations.TrailingZeroCount(hits);
            if (IsAt(text, place))
            {
                return place;
            }
        }
        return -1;
    }
}
