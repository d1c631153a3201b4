using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace BridgeGuard.Engine.Detection.Prefilter;

// The same scan without bounds checks, four positions per turn. Twin: ScanScalar. Reads eight bytes at a position only while
// eight bytes are there; the rest of the buffer goes through the twin.
internal sealed partial class WindowFilter
{
    private void ScanWide(in ScanInput input, int position, int end)
    {
        int stride = _stride;
        int keyShift = 64 - (8 * _width);
        int bitmapShift = _bitmapShift;
        ref byte text = ref MemoryMarshal.GetReference(input.Buffer);
        ref byte bitmap = ref MemoryMarshal.GetArrayDataReference(_bitmap);
        int lastTurn = Math.Min(end, input.Buffer.Length) - (3 * stride) - sizeof(ulong);
        for (; position <= lastTurn; position += 4 * stride)
        {
            ulong product0 = ProductAt(ref text, position, keyShift);
            ulong product1 = ProductAt(ref text, position + stride, keyShift);
            ulong product2 = ProductAt(ref text, position + (2 * stride), keyShift);
            ulong product3 = ProductAt(ref text, position + (3 * stride), keyShift);
            int hit = Bit(ref bitmap, product0 >> bitmapShift) | (Bit(ref bitmap, product1 >> bitmapShift) << 1)
                | (Bit(ref bitmap, product2 >> bitmapShift) << 2) | (Bit(ref bitmap, product3 >> bitmapShift) << 3);
            if (hit == 0)
            {
                continue;
            }
            if ((hit & 1) != 0)
            {
                Check(input, position, product0);
            }
            if ((hit & 2) != 0)
            {
                Check(input, position + stride, product1);
            }
            if ((hit & 4) != 0)
            {
                Check(input, position + (2 * stride), product2);
            }
            if ((hit & 8) != 0)
            {
                Check(input, position + (3 * stride), product3);
            }
        }
        ScanScalar(input, position, end);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)] // The loop's body; measured by PrefilterBenchmarks.
    private static ulong ProductAt(ref byte text, int position, int keyShift) =>
        ((Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref text, (nint)(uint)position)) | FoldedHash.Fold) << keyShift) * FoldedHash.Multiplier;

    [MethodImpl(MethodImplOptions.AggressiveInlining)] // The loop's body; measured by PrefilterBenchmarks.
    private static int Bit(ref byte bitmap, ulong hash) =>
        (Unsafe.Add(ref bitmap, (nint)(hash >> 3)) >> (int)(hash & 7)) & 1;
}
