using System.Buffers.Binary;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Streams;

namespace BridgeGuard.Engine.Packets;

/// <summary>The table of datagrams that wait for their fragments, and the fragments themselves: slots in arrays, oldest datagram first.</summary>
public sealed partial class Defragmenter
{
    /// <summary>
    /// The station a frame is for. What is sent to another one on the same wire never reaches the host, so inline it cannot complete
    /// the host's datagrams; elsewhere it does not matter.
    /// </summary>
    private ulong StationOf(Packet fragment)
    {
        if (!_settings.DropOverlaps || fragment.EthernetOffset < 0)
        {
            return 0;
        }

        ReadOnlySpan<byte> address = fragment.Buffer.AsSpan(fragment.EthernetOffset, 6);
        return ((ulong)BinaryPrimitives.ReadUInt32BigEndian(address) << 16) | BinaryPrimitives.ReadUInt16BigEndian(address[4..]);
    }

    private int Find(in FlowKey key, ulong station)
    {
        int index = _buckets[Bucket(in key)];
        while (index != None && (_trackers[index].Station != station || _trackers[index].Key != key))
        {
            index = _trackers[index].NextInBucket;
        }

        return index;
    }

    private int Bucket(in FlowKey key) => (int)_hash.Compute(in key) & (_buckets.Length - 1);

    private int Add(in FlowKey key, ulong station, Packet fragment)
    {
        if (Waiting >= _settings.MaxTrackers)
        {
            // The oldest is the least likely to be completed.
            Counters.MaxTrackersReached++;
            Counters.HardReuse++;
            Remove(_oldest);
        }

        int bitmap = _store.Take(FragmentStore.BlockBytes);
        if (bitmap == None)
        {
            Counters.MemcapReached++;
            return None;
        }

        _store.Block(bitmap).Clear();
        int index = _freeTracker;
        if (index != None)
        {
            _freeTracker = _trackers[index].NextInBucket;
        }
        else
        {
            if (_trackersMade == _trackers.Length)
            {
                Array.Resize(ref _trackers, _trackers.Length * 2);
            }

            index = _trackersMade++;
        }

        int bucket = Bucket(in key);
        _trackers[index] = new Tracker
        {
            Key = key,
            Station = station,
            FirstUs = fragment.TimeUs,
            FirstSerial = Counters.Ipv4Fragments + Counters.Ipv6Fragments,
            Bitmap = bitmap,
            First = None,
            Last = None,
            End = -1,
            NextInBucket = _buckets[bucket],
            Older = None,
            Newer = None,
            Os = HostSystems.Find(_hostOs, fragment.DestinationAddress),
        };
        _buckets[bucket] = index;
        Waiting++;
        Append(index, fragment.TimeUs);
        return index;
    }

    private void Remove(int index)
    {
        ref Tracker tracker = ref _trackers[index];
        ref int link = ref _buckets[Bucket(in tracker.Key)];
        while (link != index)
        {
            link = ref _trackers[link].NextInBucket;
        }

        link = tracker.NextInBucket;
        Unlink(index);
        int fragment = tracker.First;
        while (fragment != None)
        {
            int next = _fragments[fragment].Next;
            _store.Free(_fragments[fragment].Block);
            _fragments[fragment].Next = _freeFragment;
            _freeFragment = fragment;
            fragment = next;
        }

        _store.Free(tracker.Bitmap);
        tracker.NextInBucket = _freeTracker;
        _freeTracker = index;
        Waiting--;
    }

    private int TakeFragment()
    {
        int index = _freeFragment;
        if (index != None)
        {
            _freeFragment = _fragments[index].Next;
            return index;
        }

        if (_fragmentsMade >= _settings.MaxFragments)
        {
            return None;
        }

        if (_fragmentsMade == _fragments.Length)
        {
            Array.Resize(ref _fragments, _fragments.Length * 2);
        }

        return _fragmentsMade++;
    }

    private void Touch(int index, long nowUs)
    {
        if (_newest != index)
        {
            Unlink(index);
            Append(index, nowUs);
            return;
        }

        _trackers[index].ExpiresUs = nowUs + (_settings.TimeoutSeconds * 1_000_000L);
    }

    private void Append(int index, long nowUs)
    {
        ref Tracker tracker = ref _trackers[index];
        tracker.ExpiresUs = nowUs + (_settings.TimeoutSeconds * 1_000_000L);
        tracker.Older = _newest;
        tracker.Newer = None;
        if (_newest != None)
        {
            _trackers[_newest].Newer = index;
        }
        else
        {
            _oldest = index;
        }

        _newest = index;
    }

    private void Unlink(int index)
    {
        ref Tracker tracker = ref _trackers[index];
        if (tracker.Older != None)
        {
            _trackers[tracker.Older].Newer = tracker.Newer;
        }
        else
        {
            _oldest = tracker.Newer;
        }

        if (tracker.Newer != None)
        {
            _trackers[tracker.Newer].Older = tracker.Older;
        }
        else
        {
            _newest = tracker.Older;
        }
    }

    /// <summary>A fragment's data in its packet. <see cref="HeaderLength"/> is that of the IP header and, for IPv6, what precedes the fragment header.</summary>
    private readonly record struct Piece(int Start, int Length, int Offset, int HeaderLength, bool IsFinal);

    private struct Fragment
    {
        public int Next;
        public int Block;
        public int Offset;
        public int Length;
        public int HeaderLength;
        public byte Protocol;
    }

    private struct Tracker
    {
        public FlowKey Key;
        public ulong Station;
        public long FirstUs;
        public long FirstSerial;
        public int Bitmap;
        public int First;
        public int Last;

        /// <summary>Bytes of the whole datagram's data, -1 while no final fragment came.</summary>
        public int End;
        public int FinalOffset;
        public int HighestEnd;
        public int NextInBucket;
        public int Older;
        public int Newer;
        public long ExpiresUs;
        public HostOs Os;
        public int Overlaps;
    }
}
