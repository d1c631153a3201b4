using System.Collections.Concurrent;
using BridgeGuard.Scanning.VerdictCache;

namespace BridgeGuard.Scanning.BadFiles;

/// <summary>What is remembered of bad contents so that no piece of one completes it: lengths, hashes of blocks, the last bytes, and places.</summary>
/// <remarks>
/// <para>A piece is bad when a block of it, at its place in the file, or its bytes within the last <see cref="BadFilePrint.TailBytes"/> are those
/// of a bad content. So the last bytes of a bad content never arrive by themselves, over whatever protocol, from whatever server.</para>
/// <para>Writers replace small immutable parts under a lock; readers take none. Bounded: the oldest prints go.</para>
/// </remarks>
public sealed class BadFileIndex
{
    /// <summary>Bad contents remembered; each costs its tail and its blocks, at most about 100 KiB.</summary>
    public const int MaxPrints = 1024;

    /// <summary>Places remembered.</summary>
    public const int MaxPlaces = 65_536;

    /// <summary>Fewest bytes of a tail that prove something where the protocol does not say how long the file is.</summary>
    private const int ProvingBytes = 4;

    private readonly ConcurrentDictionary<long, BadFilePrint[]> _bySize = new();
    private readonly ConcurrentDictionary<(long Offset, ulong Hash), int> _blocks = new();
    private readonly ConcurrentDictionary<ulong, long> _places = new();
    private readonly ConcurrentQueue<ulong> _placeAges = new();
    private readonly Dictionary<FileKey, LinkedListNode<BadFilePrint>> _byKey = [];
    private readonly LinkedList<BadFilePrint> _byAge = [];
    private readonly Lock _lock = new();
    private volatile int _count;

    /// <summary>A print was added; for whoever keeps copies. Called under the index's lock: must not call back.</summary>
    public event Action<BadFilePrint>? Added;

    /// <summary>A place was added or has another length now. Called by whoever added it.</summary>
    public event Action<ulong, long>? PlaceAdded;

    public int Count => _count;

    public int PlaceCount => _places.Count;

    /// <summary>Pieces found to be bad.</summary>
    public long Hits => Volatile.Read(ref _hits);

    private long _hits;

    public bool Contains(in FileKey key)
    {
        lock (_lock)
        {
            return _byKey.ContainsKey(key);
        }
    }

    /// <summary>Every print, oldest first.</summary>
    public IReadOnlyList<BadFilePrint> All()
    {
        lock (_lock)
        {
            return [.. _byAge];
        }
    }

    public void Add(BadFilePrint print)
    {
        lock (_lock)
        {
            if (print.Key.Size == 0 || _byKey.ContainsKey(print.Key))
            {
                return;
            }

            while (_byKey.Count >= MaxPrints)
            {
                Forget(_byAge.First!.Value);
            }

            _byKey[print.Key] = _byAge.AddLast(print);
            _bySize[print.Key.Size] = _bySize.TryGetValue(print.Key.Size, out BadFilePrint[]? same) ? [.. same, print] : [print];
            foreach ((long offset, ulong hash) in print.Blocks)
            {
                _blocks.AddOrUpdate((offset, hash), 1, static (_, users) => users + 1);
            }

            _count = _byKey.Count;
            Added?.Invoke(print);
        }
    }

    /// <summary>The content is no longer held to be bad.</summary>
    public void Remove(in FileKey key)
    {
        lock (_lock)
        {
            if (_byKey.TryGetValue(key, out LinkedListNode<BadFilePrint>? node))
            {
                Forget(node.Value);
                _count = _byKey.Count;
            }
        }
    }

    public bool HasSize(long size) => _count > 0 && _bySize.ContainsKey(size);

    /// <summary>Is this a piece of a bad content? <paramref name="total"/> is -1 when the protocol does not say.</summary>
    public bool IsBadPiece(long offset, ReadOnlySpan<byte> bytes, long total)
    {
        if (_count == 0 || bytes.IsEmpty || offset < 0)
        {
            return false;
        }

        bool isBad = (total >= 0 && _bySize.TryGetValue(total, out BadFilePrint[]? same) && AnyAgrees(same, offset, bytes))
            || (_bySize.TryGetValue(offset + bytes.Length, out BadFilePrint[]? ending)
                && (total < 0 || bytes.Length >= ProvingBytes) && AnyAgrees(ending, offset, bytes))
            || ((total < 0 || _bySize.ContainsKey(total)) && HasBadBlock(offset, bytes));
        if (isBad)
        {
            Interlocked.Increment(ref _hits);
        }

        return isBad;
    }

    public bool IsBadPlace(ulong place, long total) =>
        place != 0 && _places.TryGetValue(place, out long size) && (total < 0 || size < 0 || size == total);

    public void RememberPlace(ulong place, long total)
    {
        if (place == 0)
        {
            return;
        }

        bool isNews = !_places.TryGetValue(place, out long before) || before != total;
        if (_places.TryAdd(place, total))
        {
            _placeAges.Enqueue(place);
            while (_places.Count > MaxPlaces && _placeAges.TryDequeue(out ulong oldest))
            {
                _places.TryRemove(oldest, out _);
            }
        }
        else
        {
            _places[place] = total;
        }

        if (isNews)
        {
            PlaceAdded?.Invoke(place, total);
        }
    }

    private static bool AnyAgrees(BadFilePrint[] prints, long offset, ReadOnlySpan<byte> bytes)
    {
        foreach (BadFilePrint print in prints)
        {
            if (print.TailAgrees(offset, bytes))
            {
                return true;
            }
        }

        return false;
    }

    private bool HasBadBlock(long offset, ReadOnlySpan<byte> bytes)
    {
        long first = (offset + BadFilePrint.BlockBytes - 1) / BadFilePrint.BlockBytes * BadFilePrint.BlockBytes;
        for (long at = first; at + BadFilePrint.BlockBytes <= offset + bytes.Length; at += BadFilePrint.BlockBytes)
        {
            if (_blocks.ContainsKey((at, BadFilePrint.HashOf(bytes.Slice((int)(at - offset), BadFilePrint.BlockBytes)))))
            {
                return true;
            }
        }

        return false;
    }

    private void Forget(BadFilePrint print)
    {
        _byKey.Remove(print.Key, out LinkedListNode<BadFilePrint>? node);
        _byAge.Remove(node!);
        BadFilePrint[] left = Array.FindAll(_bySize[print.Key.Size], other => other != print);
        if (left.Length == 0)
        {
            _bySize.TryRemove(print.Key.Size, out _);
        }
        else
        {
            _bySize[print.Key.Size] = left;
        }

        foreach ((long offset, ulong hash) in print.Blocks)
        {
            if (_blocks.AddOrUpdate((offset, hash), 0, static (_, users) => users - 1) <= 0)
            {
                _blocks.TryRemove((offset, hash), out _);
            }
        }
    }
}
