using System.Numerics;
using System.Runtime.CompilerServices;

namespace BridgeGuard.Engine.Pools;

/// <summary>Arrays of one kind of element between two uses, per thread: what one transaction with very many of them gave back serves the next.</summary>
/// <remarks>
/// Lengths are powers of two. A worker is one thread, so nothing is locked. At most <see cref="HeldElements"/> elements of a length wait here, what comes beyond goes to the collector.
/// Their content is what the last owner left, but for references, which are cleared on their way in.
/// </remarks>
internal static class ArrayCache<T>
{
    /// <summary>Elements of one length that wait, in as many arrays as that makes: thousands of flows at once with few each. Ours.</summary>
    private const int HeldElements = 1 << 14;

    /// <summary>Of longer arrays so many: transactions with very many elements that come and go together on one worker.</summary>
    private const int MinHeld = 32;

    /// <summary>Arrays of one length that have room on their shelf from the start: the shelf itself grows in the middle of traffic only beyond. 2 KiB a length.</summary>
    private const int FirstRoom = 256;

    /// <summary>Longer ones are left to the collector.</summary>
    private const int MaxLength = 1 << 23;

    [ThreadStatic]
    private static ArrayShelves<T>? _held;

    private static ArrayShelves<T> Held => _held ??= new ArrayShelves<T>(1, MaxLength, FirstRoom);

    /// <summary>Twice as many, the elements kept.</summary>
    public static void Grow(ref T[] array)
    {
        T[] larger = Rent(array.Length * 2);
        array.CopyTo(larger, 0);
        Return(array);
        array = larger;
    }

    /// <summary>An array of <paramref name="length"/> instead of one that is longer than <paramref name="keep"/>.</summary>
    public static void Shrink(ref T[] array, int keep, int length)
    {
        if (array.Length > keep)
        {
            Return(array);
            array = Rent(length);
        }
    }

    /// <summary>An array of <paramref name="length"/>, a power of two.</summary>
    public static T[] Rent(int length) => Held.Holds(length) ? Held.Take(length, out _) : new T[length];

    /// <summary>Takes an array back.</summary>
    public static void Return(T[] array)
    {
        if (RuntimeHelpers.IsReferenceOrContainsReferences<T>())
        {
            Array.Clear(array);
        }

        if (Held.Holds(array.Length) && Held.CountOf(array.Length) < Math.Max(MinHeld, HeldElements >> BitOperations.Log2((uint)array.Length)))
        {
            Held.Put(array);
        }
    }
}
