using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;

namespace BridgeGuard.Scanning.VerdictCache;

/// <summary>A SHA-256 value (FIPS 180-4): 32 bytes kept as four words, so that it is compared and hashed without a reference.</summary>
public readonly struct Sha256 : IEquatable<Sha256>
{
    public const int SizeBytes = 32;
    public const int HexLength = 64;

    private readonly ulong _a;
    private readonly ulong _b;
    private readonly ulong _c;
    private readonly ulong _d;

    /// <param name="bytes">Exactly 32 bytes.</param>
    public Sha256(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != SizeBytes)
        {
            throw new ArgumentException("A SHA-256 has 32 bytes.", nameof(bytes));
        }

        _a = BinaryPrimitives.ReadUInt64BigEndian(bytes);
        _b = BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]);
        _c = BinaryPrimitives.ReadUInt64BigEndian(bytes[16..]);
        _d = BinaryPrimitives.ReadUInt64BigEndian(bytes[24..]);
    }

    /// <summary>Reads 64 hexadecimal digits of either case; false for anything else.</summary>
    public static bool TryParse(ReadOnlySpan<char> hex, out Sha256 hash)
    {
        Span<byte> bytes = stackalloc byte[SizeBytes];
        if (hex.Length == HexLength && Convert.FromHexString(hex, bytes, out _, out int written) == System.Buffers.OperationStatus.Done
            && written == SizeBytes)
        {
            hash = new Sha256(bytes);
            return true;
        }

        hash = default;
        return false;
    }

    /// <summary>Writes the 32 bytes in their usual order.</summary>
    public void CopyTo(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt64BigEndian(destination, _a);
        BinaryPrimitives.WriteUInt64BigEndian(destination[8..], _b);
        BinaryPrimitives.WriteUInt64BigEndian(destination[16..], _c);
        BinaryPrimitives.WriteUInt64BigEndian(destination[24..], _d);
    }

    public byte[] ToArray()
    {
        byte[] bytes = new byte[SizeBytes];
        CopyTo(bytes);
        return bytes;
    }

    public bool Equals(Sha256 other) => _a == other._a && _b == other._b && _c == other._c && _d == other._d;

    public override bool Equals([NotNullWhen(true)] object? obj) => obj is Sha256 other && Equals(other);

    /// <remarks>A cryptographic hash is already well spread: any word of it serves.</remarks>
    public override int GetHashCode() => (int)_b;

    /// <summary>64 lower-case hexadecimal digits.</summary>
    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[SizeBytes];
        CopyTo(bytes);
        return Convert.ToHexStringLower(bytes);
    }

    public static bool operator ==(Sha256 left, Sha256 right) => left.Equals(right);

    public static bool operator !=(Sha256 left, Sha256 right) => !left.Equals(right);
}
