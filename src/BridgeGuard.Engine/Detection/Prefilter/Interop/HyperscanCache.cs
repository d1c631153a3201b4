using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace BridgeGuard.Engine.Detection.Prefilter.Interop;

/// <summary>The compiled form of a set as bytes: a key over the patterns, a digest of the rest, the library's serialized database.</summary>
internal static unsafe class HyperscanCache
{
    private const int KeyBytes = SHA256.HashSizeInBytes;
    private const int HeaderBytes = 2 * KeyBytes;

    /// <summary>Changes when the way that patterns are handed to the library changes.</summary>
    private const int FormatVersion = 1;

    public static byte[] KeyOf(PatternSetBuilder builder)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{FormatVersion} {HyperscanLibrary.Version}\n"));
        Span<byte> head = stackalloc byte[14];
        foreach (PatternSetBuilder.PatternKey key in builder.Patterns)
        {
            BinaryPrimitives.WriteInt32LittleEndian(head, key.Bytes.Length);
            BinaryPrimitives.WriteInt32LittleEndian(head[4..], key.Placement.MinStart);
            BinaryPrimitives.WriteInt32LittleEndian(head[8..], key.Placement.MaxEnd);
            head[12] = key.Placement.AtEnd ? (byte)1 : (byte)0;
            head[13] = key.IgnoreCase ? (byte)1 : (byte)0;
            hash.AppendData(head);
            hash.AppendData(key.Bytes);
        }
        return hash.GetHashAndReset();
    }

    public static byte[] Serialize(HyperscanPatternSet set)
    {
        byte[] database = [];
        if (set.Database != 0)
        {
            byte* bytes = null;
            nuint length = 0;
            if (HyperscanNative.hs_serialize_database(set.Database, &bytes, &length) != HyperscanNative.Success)
            {
                throw new OutOfMemoryException();
            }
            database = new ReadOnlySpan<byte>(bytes, checked((int)length)).ToArray();
            NativeMemory.Free(bytes); // The library allocates with malloc.
        }
        return [.. set.Key, .. SHA256.HashData(database), .. database];
    }

    public static PatternSet? TryDeserialize(PatternSetBuilder builder, ReadOnlySpan<byte> bytes)
    {
        if (!HyperscanLibrary.IsAvailable || bytes.Length < HeaderBytes || !bytes[..KeyBytes].SequenceEqual(KeyOf(builder)))
        {
            return null;
        }
        ReadOnlySpan<byte> serialized = bytes[HeaderBytes..];
        if (!bytes[KeyBytes..HeaderBytes].SequenceEqual(SHA256.HashData(serialized)))
        {
            return null;
        }
        nint database = 0;
        if (!serialized.IsEmpty)
        {
            fixed (byte* start = serialized)
            {
                if (HyperscanNative.hs_deserialize_database(start, (nuint)serialized.Length, &database) != HyperscanNative.Success)
                {
                    return null;
                }
            }
        }
        return HyperscanPatternSet.Adopt(builder, database);
    }
}
