using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Files;

/// <summary>What has gone on of files that nobody has judged yet, over all connections of a worker, by the place they come from.</summary>
/// <remarks>
/// The rule that makes pieces safe, whoever fetches them in whatever order: the bytes with which all of a file would be out wait until its whole was
/// judged. Held bytes are not counted, so there is always a hole. Bounded in places and holes; a hole too many is taken for filled, which only
/// makes something wait. One per worker: the two addresses of a connection choose the worker, so a guest's pieces from one server meet here.
/// </remarks>
internal sealed class DeliveredPlaces
{
    /// <summary>Places remembered, each up to 1 KiB; the one that was not asked for the longest gives way.</summary>
    public const int MaxPlaces = 1024;

    /// <summary>A place that nobody asks for is forgotten after the time after which a broken transfer is (<see cref="RangedFiles.ParkedTimeoutUs"/>).</summary>
    private const long TimeoutUs = RangedFiles.ParkedTimeoutUs;

    private readonly Dictionary<ulong, DeliveredPlace> _places = [];
    private DeliveredPlace? _newest;
    private DeliveredPlace? _oldest;

    /// <summary>Places forgotten because there were too many.</summary>
    public ulong Forgotten { get; private set; }

    /// <summary>What is known of the place of a file; null when it says nothing of where it comes from.</summary>
    /// <param name="place">See <see cref="FilePlace"/>.</param>
    /// <param name="direction">What is brought to a place is not what is fetched from it.</param>
    /// <param name="total">Length of the whole file, -1 not known. Another length than before is another file.</param>
    /// <param name="nowUs">The packet's time.</param>
    public DeliveredPlace? Of(ulong place, Direction direction, long total, long nowUs)
    {
        if (place == FilePlace.None)
        {
            return null;
        }

        ulong key = KeyOf(place, direction);
        if (_places.TryGetValue(key, out DeliveredPlace? known))
        {
            Unlink(known);
            if (nowUs - known.LastUs > TimeoutUs || !known.Agrees(total))
            {
                known.Begin(key);
            }
        }
        else
        {
            if (_places.Count >= MaxPlaces)
            {
                known = _oldest!;
                Unlink(known);
                _places.Remove(known.Key);
                Forgotten++;
            }
            else
            {
                known = new DeliveredPlace();
            }

            known.Begin(key);
            _places.Add(key, known);
        }

        Link(known);
        known.LastUs = Math.Max(known.LastUs, nowUs);
        known.Learn(total);
        return known;
    }

    /// <summary>Of a place that is remembered; null otherwise.</summary>
    public DeliveredPlace? Find(ulong key) => _places.GetValueOrDefault(key);

    public DeliveredPlace? Find(ulong place, Direction direction) => place == FilePlace.None ? null : Find(KeyOf(place, direction));

    private static ulong KeyOf(ulong place, Direction direction) => direction == Direction.ToClient ? place : ~place;

    private void Link(DeliveredPlace place)
    {
        place.Before = _newest;
        place.After = null;
        if (_newest is not null)
        {
            _newest.After = place;
        }

        _newest = place;
        _oldest ??= place;
    }

    private void Unlink(DeliveredPlace place)
    {
        if (place.After is null)
        {
            _newest = place.Before;
        }
        else
        {
            place.After.Before = place.Before;
        }

        if (place.Before is null)
        {
            _oldest = place.After;
        }
        else
        {
            place.Before.After = place.After;
        }
    }
}

/// <summary>One place: which bytes are out, and what its whole was judged to be.</summary>
internal sealed class DeliveredPlace
{
    /// <summary>Stretches kept apart; with one more the two nearest become one.</summary>
    private const int MaxStretches = 32;

    private const int HashBytes = 32;

    private readonly long[] _from = new long[MaxStretches + 1];
    private readonly long[] _to = new long[MaxStretches + 1];
    private readonly byte[] _sha256 = new byte[HashBytes];
    private int _count;
    private long _total;

    public ulong Key { get; private set; }

    public long LastUs { get; set; }

    /// <summary>Size of the whole that was seen last, whose verdict decides; -1 while none was.</summary>
    public long WholeSize { get; private set; }

    public ReadOnlySpan<byte> WholeSha256 => _sha256;

    /// <summary>The whole was clean: its pieces go on.</summary>
    public bool IsClean { get; set; }

    internal DeliveredPlace? Before { get; set; }

    internal DeliveredPlace? After { get; set; }

    public void Begin(ulong key)
    {
        Key = key;
        LastUs = 0;
        WholeSize = -1;
        IsClean = false;
        _count = 0;
        _total = -1;
    }

    public bool Agrees(long total) => total < 0 || _total < 0 || total == _total;

    public void Learn(long total) => _total = _total < 0 ? total : _total;

    /// <summary>A whole was seen: its verdict is the place's.</summary>
    public void NoteWhole(ReadOnlySpan<byte> sha256, long size)
    {
        if (Agrees(size))
        {
            sha256.CopyTo(_sha256);
            WholeSize = size;
            IsClean = false;
        }
    }

    /// <summary>These bytes go on, unless with them all of the file would be out.</summary>
    /// <returns>False when it would: nothing was noted, and they must wait.</returns>
    public bool TryDeliver(long from, long to)
    {
        if (IsClean || from >= to)
        {
            return true;
        }

        int first = 0;
        while (first < _count && _to[first] < from)
        {
            first++;
        }

        int end = first;
        long begin = from;
        long stop = to;
        while (end < _count && _from[end] <= to)
        {
            begin = Math.Min(begin, _from[end]);
            stop = Math.Max(stop, _to[end]);
            end++;
        }

        if (_total >= 0 && begin == 0 && stop >= _total)
        {
            return false;
        }

        Replace(first, end, begin, stop);
        return true;
    }

    private void Replace(int first, int end, long from, long to)
    {
        int change = 1 - (end - first);
        if (change != 0)
        {
            Array.Copy(_from, end, _from, end + change, _count - end);
            Array.Copy(_to, end, _to, end + change, _count - end);
            _count += change;
        }

        _from[first] = from;
        _to[first] = to;
        if (_count > MaxStretches)
        {
            FillSmallestHole();
        }
    }

    private void FillSmallestHole()
    {
        int at = 0;
        for (int i = 1; i < _count - 1; i++)
        {
            at = _from[i + 1] - _to[i] < _from[at + 1] - _to[at] ? i : at;
        }

        _to[at] = _to[at + 1];
        Array.Copy(_from, at + 2, _from, at + 1, _count - at - 2);
        Array.Copy(_to, at + 2, _to, at + 1, _count - at - 2);
        _count--;
    }
}
