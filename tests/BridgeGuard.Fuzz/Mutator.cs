using System.Buffers.Binary;

namespace BridgeGuard.Fuzz;

/// <summary>Changes inputs the way broken senders and attackers do. The same seed gives the same inputs.</summary>
/// <param name="seed">Of the random numbers.</param>
/// <param name="anywhere">Half of the changes are made anywhere, for conversations: their messages have headers all along. Else nearly all in front.</param>
internal sealed class Mutator(int seed, bool anywhere = false)
{
    private static readonly ushort[] Interesting =
    [
        0, 1, 2, 4, 7, 8, 20, 40, 0x3fff, 0x7fff, 0x8000, 0xffff, 0x0800, 0x86dd, 0x8100, 0x88a8, 0x8847, 0x8864, 0x894f, 0x8926, 0x6558, 0x88be,
        0x2001, 0x2000, 4789, 6081, 2152, 3544, 53, 80, 443,
    ];

    private readonly Random _random = new(seed);

    public byte[] Mutate(IReadOnlyList<byte[]> seeds)
    {
        byte[] bytes = (byte[])seeds[_random.Next(seeds.Count)].Clone();
        int changes = 1 + _random.Next(4);
        for (int i = 0; i < changes; i++)
        {
            bytes = Change(bytes, seeds);
        }

        return bytes;
    }

    private byte[] Change(byte[] bytes, IReadOnlyList<byte[]> seeds)
    {
        if (bytes.Length == 0)
        {
            return [(byte)_random.Next(256)];
        }

        // Headers are in front, and most mistakes are made there.
        int at = anywhere && _random.Next(2) == 0 ? _random.Next(bytes.Length) : Math.Min(bytes.Length - 1, (int)(-Math.Log(1 - _random.NextDouble()) * 40));
        switch (_random.Next(9))
        {
            case 0:
                bytes[at] = (byte)_random.Next(256);
                return bytes;
            case 1:
                bytes[at] ^= (byte)(1 << _random.Next(8));
                return bytes;
            case 2:
                bytes[at] += (byte)_random.Next(-4, 5);
                return bytes;
            case 3 when at + 2 <= bytes.Length:
                BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(at), Interesting[_random.Next(Interesting.Length)]);
                return bytes;
            case 4 when at + 2 <= bytes.Length:
                BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(at), (ushort)(bytes.Length - _random.Next(70)));
                return bytes;
            case 5:
                return bytes[.._random.Next(bytes.Length)];
            case 6:
                return [.. bytes[..at], .. bytes[Math.Min(bytes.Length, at + 1 + _random.Next(8))..]];
            case 7:
                int length = Math.Min(_random.Next(1, 16), bytes.Length - at);
                return [.. bytes[..(at + length)], .. bytes[at..]];
            default:
                byte[] other = seeds[_random.Next(seeds.Count)];
                return [.. bytes[..at], .. other[Math.Min(other.Length, at)..]];
        }
    }
}
