using System.Buffers.Binary;

namespace BridgeGuard.Engine.Protocols.Ike;

/// <summary>Proposals and transforms of both versions have a header of eight bytes with the length of all in the third and fourth.</summary>
internal static class IkeUnit
{
    public const int HeaderBytes = 8;

    /// <summary>Takes the unit in front, with its header; false when it does not fit.</summary>
    public static bool TryTake(ref ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> unit)
    {
        unit = default;
        if (rest.Length < HeaderBytes)
        {
            return false;
        }

        int length = BinaryPrimitives.ReadUInt16BigEndian(rest[2..]);
        if (length < HeaderBytes || length > rest.Length)
        {
            return false;
        }

        unit = rest[..length];
        rest = rest[length..];
        return true;
    }
}
