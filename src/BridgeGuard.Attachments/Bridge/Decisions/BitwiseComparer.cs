using System.Runtime.InteropServices;

namespace BridgeGuard.Attachments.Bridge.Decisions;

/// <summary>Compares map keys as the kernel does: by their bytes.</summary>
internal sealed class BitwiseComparer<T> : IEqualityComparer<T>
    where T : unmanaged
{
    public static readonly BitwiseComparer<T> Instance = new();

    public bool Equals(T x, T y) => BytesOf(in x).SequenceEqual(BytesOf(in y));

    public int GetHashCode(T obj)
    {
        HashCode hash = default;
        hash.AddBytes(BytesOf(in obj));
        return hash.ToHashCode();
    }

    private static ReadOnlySpan<byte> BytesOf(ref readonly T value) => MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value));
}
