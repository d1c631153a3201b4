using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace BridgeGuard.Engine.Detection.Prefilter;

// Twin: ScanScalar. Every load lies inside [position, end); what is left over goes through the twin.
internal sealed partial class ShuffleFilter
{
    /// <summary>Scans with whole vectors and returns the first position that was not looked at: all or nothing.</summary>
    private int ScanVectors(in ScanInput input, int position, int end)
    {
        int last = end - Vector128<byte>.Count - (_width - 1); // The last place for a vector.
        if (position > last)
        {
            return position;
        }
        int next = _variant == ShuffleVariant.Vector256 ? Scan256(input, position, end) : position;
        next = Scan128(input, next, last);
        if (next <= end - _width)
        {
            // One more that ends where the text ends; it overlaps what was looked at, which costs nothing but time.
            Scan128(input, last, last);
        }
        return end;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // As Scan128.
    private int Scan256(in ScanInput input, int position, int end)
    {
        ref byte text = ref MemoryMarshal.GetReference(input.Buffer);
        ref byte tables = ref MemoryMarshal.GetArrayDataReference(_tables);
        int width = _width;
        Vector256<byte> low0 = Table256(ref tables, 0), high0 = Table256(ref tables, 16);
        Vector256<byte> low1 = Table256(ref tables, 32), high1 = Table256(ref tables, 48);
        // Bytes that the window does not have: tables that let everything pass, and a load that stays inside.
        int third = width > 2 ? 2 : 0;
        int fourth = width > 3 ? 3 : 0;
        Vector256<byte> low2 = width > 2 ? Table256(ref tables, 64) : Vector256<byte>.AllBitsSet;
        Vector256<byte> high2 = width > 2 ? Table256(ref tables, 80) : Vector256<byte>.AllBitsSet;
        Vector256<byte> low3 = width > 3 ? Table256(ref tables, 96) : Vector256<byte>.AllBitsSet;
        Vector256<byte> high3 = width > 3 ? Table256(ref tables, 112) : Vector256<byte>.AllBitsSet;
        int last = end - Vector256<byte>.Count - (width - 1);
        for (; position <= last; position += Vector256<byte>.Count)
        {
            Vector256<byte> found = Look(low0, high0, Vector256.LoadUnsafe(ref text, (nuint)position))
                & Look(low1, high1, Vector256.LoadUnsafe(ref text, (nuint)position + 1));
            if (width > 2)
            {
                found &= Look(low2, high2, Vector256.LoadUnsafe(ref text, (nuint)(position + third)))
                    & Look(low3, high3, Vector256.LoadUnsafe(ref text, (nuint)(position + fourth)));
            }
            if (found != Vector256<byte>.Zero)
            {
                CheckAll(input, position, found.GetLower());
                CheckAll(input, position + Vector128<byte>.Count, found.GetUpper());
            }
        }
        return position;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // Not compiled ahead of time, as it asks for the CPU: the first tier would scan for seconds.
    private int Scan128(in ScanInput input, int position, int last)
    {
        ref byte text = ref MemoryMarshal.GetReference(input.Buffer);
        ref byte tables = ref MemoryMarshal.GetArrayDataReference(_tables);
        int width = _width;
        for (; position <= last; position += Vector128<byte>.Count)
        {
            Vector128<byte> found = Vector128<byte>.AllBitsSet;
            for (int j = 0; j < width; j++)
            {
                Vector128<byte> bytes = Vector128.LoadUnsafe(ref text, (nuint)(position + j));
                found &= Vector128.ShuffleNative(Vector128.LoadUnsafe(ref tables, (nuint)(32 * j)), bytes & Vector128.Create((byte)15))
                    & Vector128.ShuffleNative(Vector128.LoadUnsafe(ref tables, (nuint)((32 * j) + 16)), bytes >>> 4);
            }
            if (found != Vector128<byte>.Zero)
            {
                CheckAll(input, position, found);
            }
        }
        return position;
    }

    private void CheckAll(in ScanInput input, int position, Vector128<byte> found)
    {
        uint hits = ~Vector128.Equals(found, Vector128<byte>.Zero).ExtractMostSignificantBits() & 0xFFFF;
        for (; hits != 0; hits &= hits - 1)
        {
            int place = BitOperations.TrailingZeroCount(hits);
            Check(input, position + place, found.GetElement(place));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)] // The loop's body; measured by PrefilterBenchmarks.
    private static Vector256<byte> Look(Vector256<byte> low, Vector256<byte> high, Vector256<byte> bytes)
    {
        Vector256<byte> fifteen = Vector256.Create((byte)15);
        return Avx2.Shuffle(low, bytes & fifteen) & Avx2.Shuffle(high, (bytes.AsUInt16() >>> 4).AsByte() & fifteen);
    }

    private static Vector256<byte> Table256(ref byte tables, nuint offset)
    {
        var half = Vector128.LoadUnsafe(ref tables, offset);
        return Vector256.Create(half, half);
    }
}
