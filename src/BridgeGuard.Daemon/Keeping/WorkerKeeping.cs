using System.Buffers.Binary;
using BridgeGuard.Attachments;
using BridgeGuard.Attachments.Wrappers;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Daemon.Keeping;

/// <summary>A worker's end of what is kept on disk (<c>file-store</c>, <c>tls-store</c>): bytes go into a ring that the daemon empties into files.</summary>
/// <remarks>
/// Nothing waits: what finds no room is counted, and a file of which a piece is missing is thrown away by both sides. The end of a file is owed until there
/// is room for it, so that the daemon never waits for the end of a file that is over. Thread: the worker's; counters may be read by any. No allocation.
/// </remarks>
internal sealed class WorkerKeeping : IFileStore, ICertificateStore
{
    /// <summary>Bytes of one record: a large file in a small ring must not be all or nothing.</summary>
    private const int PieceBytes = 64 << 10;

    private const int EndBytes = 8 + 1 + 32;

    private readonly EventRing _ring;
    private readonly ulong _first;
    private readonly uint _worker;
    private readonly uint _workers;
    private readonly byte[] _scratch;
    private readonly Slot[] _slots;
    private readonly int[] _free;
    private int _freeCount;
    private int _owed;
    private uint _opened;
    private uint _stored;
    private long _refused;
    private long _lost;

    /// <param name="ring">Emptied by the daemon.</param>
    /// <param name="generation">Of the data plane: numbers of files are told apart by it.</param>
    /// <param name="worker">Of how many.</param>
    /// <param name="workers">Numbers of stored files are dealt out among them.</param>
    /// <param name="maxOpenFiles">At the same time.</param>
    public WorkerKeeping(EventRing ring, long generation, int worker, int workers, int maxOpenFiles)
    {
        _ring = ring;
        _first = KeptFile.Number((uint)generation, worker, 0);
        _worker = (uint)worker;
        _workers = (uint)workers;
        _scratch = new byte[Math.Min(ring.MaxJsonBytes, 1 << 20)];
        _slots = new Slot[Math.Max(1, maxOpenFiles)];
        _free = new int[_slots.Length];
        for (int i = 0; i < _slots.Length; i++)
        {
            _free[_freeCount++] = _slots.Length - 1 - i;
        }
    }

    /// <summary>Files not begun because too many were open.</summary>
    public long Refused => Volatile.Read(ref _refused);

    /// <summary>Files and chains that found no room.</summary>
    public long Lost => Volatile.Read(ref _lost);

    public FileHandle Open()
    {
        Settle();
        if (_freeCount == 0)
        {
            Volatile.Write(ref _refused, _refused + 1);
            return FileHandle.None;
        }

        int slot = _free[--_freeCount];
        _slots[slot] = new Slot { Number = _first | (++_opened & KeptFile.CountMask) };
        return new FileHandle((ulong)slot + 1);
    }

    public bool Append(FileHandle file, ReadOnlySpan<byte> bytes)
    {
        Settle();
        ref Slot slot = ref _slots[(int)file.Value - 1];
        int piece = Math.Min(PieceBytes, _scratch.Length - sizeof(long));
        while (!bytes.IsEmpty)
        {
            int length = Math.Min(piece, bytes.Length);
            BinaryPrimitives.WriteInt64LittleEndian(_scratch, slot.Size);
            bytes[..length].CopyTo(_scratch.AsSpan(sizeof(long)));
            if (!Put(KeptRecord.FileBytes, slot.Number, 0, 0, _scratch.AsSpan(0, sizeof(long) + length)))
            {
                slot.Fell = true;
                return false;
            }

            slot.Size += length;
            bytes = bytes[length..];
        }

        return true;
    }

    public uint Close(FileHandle file, bool keep, ReadOnlySpan<byte> sha256)
    {
        int index = (int)file.Value - 1;
        ref Slot slot = ref _slots[index];
        keep &= !slot.Fell && sha256.Length == 32;
        if (slot.Fell)
        {
            Volatile.Write(ref _lost, _lost + 1);
        }

        if (!keep && slot.Size == 0)
        {
            Release(index); // The daemon has never heard of it.
            return 0;
        }

        Settle();
        if (!TryEnd(in slot, keep, sha256))
        {
            // Without room for its last record it cannot be kept; that it is over is said later.
            slot.IsOwed = true;
            _owed++;
            Volatile.Write(ref _lost, _lost + (keep ? 1 : 0));
            return 0;
        }

        Release(index);
        return keep ? (_stored++ * _workers) + _worker + 1 : 0;
    }

    public void Store(Packet packet, Flow flow, ICertificateChain chain)
    {
        int length = ChainRecord.Write(_scratch, packet, flow, chain);
        if (length == 0 || !Put(KeptRecord.Chain, 0, packet.TimeUs, 0, _scratch.AsSpan(0, length)))
        {
            Volatile.Write(ref _lost, _lost + 1);
        }
    }

    private void Settle()
    {
        for (int i = 0; i < _slots.Length && _owed > 0; i++)
        {
            if (_slots[i].IsOwed)
            {
                if (!TryEnd(in _slots[i], keep: false, default))
                {
                    return;
                }

                _owed--;
                Release(i);
            }
        }
    }

    private bool TryEnd(in Slot slot, bool keep, ReadOnlySpan<byte> sha256)
    {
        Span<byte> end = stackalloc byte[EndBytes];
        end.Clear();
        BinaryPrimitives.WriteInt64LittleEndian(end, slot.Size);
        end[8] = keep ? (byte)1 : (byte)0;
        if (keep)
        {
            sha256.CopyTo(end[9..]);
        }

        return Put(KeptRecord.FileEnd, slot.Number, 0, 0, end);
    }

    private void Release(int slot)
    {
        _slots[slot] = default;
        _free[_freeCount++] = slot;
    }

    private bool Put(KeptRecord record, ulong number, long timeUs, uint kind, ReadOnlySpan<byte> bytes) => _ring.TryAppend(
        new EventHeader { OutputIndex = (byte)record, FlowId = number, TimestampUs = timeUs, SignatureId = kind, WorkerId = (byte)_worker }, bytes);

    private struct Slot
    {
        public ulong Number;
        public long Size;
        public bool Fell;
        public bool IsOwed;
    }
}

/// <summary>Numbers of files on their way: the data plane's generation (32 bits), worker (8), count (24).</summary>
internal static class KeptFile
{
    /// <summary>16 million files may begin before a number comes again; none is open so long.</summary>
    public const ulong CountMask = 0xff_ffff;

    public static ulong Number(uint generation, int worker, uint count) => ((ulong)generation << 32) | ((ulong)(byte)worker << 24) | count;

    public static uint GenerationOf(ulong number) => (uint)(number >> 32);
}

/// <summary>A worker's end of <c>pcap-log</c>: frames go into a ring that the daemon empties into files. What finds no room is counted.</summary>
internal sealed class FrameRingLog(EventRing ring, int worker) : IFrameLog
{
    private long _written;
    private long _lost;

    public long Written => Volatile.Read(ref _written);

    public long Lost => Volatile.Read(ref _lost);

    public string? Problem => null;

    public void Begin(long timestampUs, LinkType linkType)
    {
    }

    public void Append(long timestampUs, LinkType linkType, ReadOnlySpan<byte> frame)
    {
        EventHeader header = new() { OutputIndex = (byte)KeptRecord.Frame, TimestampUs = timestampUs, SignatureId = (uint)linkType, WorkerId = (byte)worker };
        ref long counter = ref ring.TryAppend(in header, frame) ? ref _written : ref _lost;
        Volatile.Write(ref counter, counter + 1);
    }

    public void Dispose()
    {
    }
}
