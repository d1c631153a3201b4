using System.Numerics;
using System.Runtime.CompilerServices;

namespace BridgeGuard.Engine.Pools;

/// <summary>Arrays between two uses, a shelf for each power of two: what all pools of this kind are made of. They add who owns it and how much may wait.</summary>
/// <remarks>One thread. A shelf grows by doubling. An array's content is what its last owner left; who keeps references clears them.</remarks>
/// <param name="smallest">Shortest array, a power of two.</param>
/// <param name="largest">Longest array, a power of two.</param>
/// <param name="room">Arrays of a length that wait before the shelf itself grows.</param>
internal sealed class ArrayShelves<T>(int smallest, int largest, int room = 16)
{
    private readonly int _smallestShift = BitOperations.Log2((uint)smallest);
    private readonly Shelf[] _shelves = Create(BitOperations.Log2((uint)largest) - BitOperations.Log2((uint)smallest) + 1, room);

    /// <summary>The length of the array that so many elements fit in; at most 2^30.</summary>
    public int Fitting(int elements) => (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(elements, smallest));

    /// <summary>Arrays of this length stand on a shelf.</summary>
    public bool Holds(int length) => length >= smallest && length <= largest && BitOperations.IsPow2(length);

    /// <summary>Arrays of the length that wait. It must be one that is held.</summary>
    public int CountOf(int length) => _shelves[ShelfOf(length)].Count;

    /// <summary>One that waits, or a new one. The length must be one that is held.</summary>
    public T[] Take(int length, out bool isNew)
    {
        ref Shelf shelf = ref _shelves[ShelfOf(length)];
        isNew = shelf.Count == 0;
        return isNew ? new T[length] : shelf.Arrays[--shelf.Count];
    }

    /// <summary>Takes one back. Its length must be one that is held.</summary>
    public void Put(T[] array)
    {
        ref Shelf shelf = ref _shelves[ShelfOf(array.Length)];
        if (shelf.Count == shelf.Arrays.Length)
        {
            Array.Resize(ref shelf.Arrays, Math.Max(4, shelf.Count * 2));
        }

        shelf.Arrays[shelf.Count++] = array;
    }

    /// <summary>Makes arrays of each length up to one before they are asked for; their memory becomes resident when they are first used.</summary>
    /// <param name="longest">Of longer ones none are made.</param>
    /// <param name="each">Elements of each length, in as many arrays as that makes.</param>
    /// <param name="least">Arrays of a length at least, and <paramref name="most"/> at most.</param>
    /// <param name="most">See there.</param>
    /// <param name="inAll">Elements in all: what goes beyond is not made.</param>
    /// <returns>Elements made, which are values without references.</returns>
    public long Fill(int longest, int each, int least, int most, long inAll)
    {
        long left = inAll;
        for (int length = smallest; length <= longest; length <<= 1)
        {
            int wanted = (int)Math.Min(Math.Clamp(each / length, least, most), left / length);
            for (int count = CountOf(length); count < wanted; count++)
            {
                Put(GC.AllocateUninitializedArray<T>(length, pinned: true));
                left -= length;
            }
        }

        return inAll - left;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)] // Every rent and return; it is a count of leading zeros.
    private int ShelfOf(int length) => BitOperations.Log2((uint)length) - _smallestShift;

    private static Shelf[] Create(int count, int room)
    {
        var shelves = new Shelf[count];
        for (int i = 0; i < count; i++)
        {
            shelves[i].Arrays = new T[room][];
        }

        return shelves;
    }

    private struct Shelf
    {
        public T[][] Arrays;
        public int Count;
    }
}
