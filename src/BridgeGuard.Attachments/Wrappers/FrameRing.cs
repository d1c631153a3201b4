using System.Runtime.InteropServices;

namespace BridgeGuard.Attachments.Wrappers;

/// <summary>What is kept of a frame beside its bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct KeptFrame
{
    public long TimeUs;
    public int Length;
    public int WireLength;
    public ushort PortId;
    public byte Action;
    public byte Reason;

    /// <summary>Signature id of its first alert; 0: none.</summary>
    public uint Sid;
    public uint Gid;
}

/// <summary>The last frames of a port, in a block of fixed size: the newest push the oldest out. One thread; no allocation after the start.</summary>
/// <remarks>Frames lie one after the other, each behind its <see cref="KeptFrame"/>; the block is used as a circle of bytes.</remarks>
internal sealed class FrameRing(int capacity)
{
    private static readonly int HeadBytes = Marshal.SizeOf<KeptFrame>();

    private readonly byte[] _bytes = new byte[capacity];
    private int _start;
    private int _used;

    /// <summary>Frames kept.</summary>
    public int Count { get; private set; }

    public static int MaxBytes(int capacity) => capacity;

    /// <summary>Keeps a frame; one that is longer than the ring is cut by the caller.</summary>
    public void Add(in KeptFrame frame, ReadOnlySpan<byte> bytes)
    {
        int need = HeadBytes + bytes.Length;
        if (need > _bytes.Length)
        {
            return;
        }

        while (_bytes.Length - _used < need)
        {
            RemoveOldest();
        }

        KeptFrame head = frame;
        int end = Wrap(_start + _used);
        CopyIn(end, MemoryMarshal.AsBytes(MemoryMarshal.CreateReadOnlySpan(ref head, 1)));
        CopyIn(Wrap(end + HeadBytes), bytes);
        _used += need;
        Count++;
    }

    /// <summary>Copies everything out, oldest first; how many bytes were written. What does not fit is left out from the front.</summary>
    public int CopyTo(Span<byte> target)
    {
        while (_used > target.Length)
        {
            RemoveOldest();
        }

        int first = Math.Min(_used, _bytes.Length - _start);
        _bytes.AsSpan(_start, first).CopyTo(target);
        _bytes.AsSpan(0, _used - first).CopyTo(target[first..]);
        return _used;
    }

    /// <summary>The frame at the beginning of a copy; false at its end.</summary>
    public static bool TryRead(ref ReadOnlySpan<byte> copy, out KeptFrame frame, out ReadOnlySpan<byte> bytes)
    {
        if (copy.Length < HeadBytes)
        {
            frame = default;
            bytes = default;
            return false;
        }

        frame = MemoryMarshal.Read<KeptFrame>(copy);
        bytes = copy.Slice(HeadBytes, frame.Length);
        copy = copy[(HeadBytes + frame.Length)..];
        return true;
    }

    /// <summary>Appends a frame in the form of a copy; false when there is no room.</summary>
    public static bool TryAppend(Span<byte> target, ref int used, in KeptFrame frame, ReadOnlySpan<byte> bytes)
    {
        if (target.Length - used < HeadBytes + bytes.Length)
        {
            return false;
        }

        KeptFrame head = frame;
        MemoryMarshal.Write(target[used..], in head);
        bytes.CopyTo(target[(used + HeadBytes)..]);
        used += HeadBytes + bytes.Length;
        return true;
    }

    private void RemoveOldest()
    {
        KeptFrame head = default;
        CopyOut(_start, MemoryMarshal.AsBytes(MemoryMarshal.CreateSpan(ref head, 1)));
        int length = HeadBytes + head.Length;
        _start = Wrap(_start + length);
        _used -= length;
        Count--;
    }

    private int Wrap(int at) => at >= _bytes.Length ? at - _bytes.Length : at;

    private void CopyIn(int at, ReadOnlySpan<byte> bytes)
    {
        int first = Math.Min(bytes.Length, _bytes.Length - at);
        bytes[..first].CopyTo(_bytes.AsSpan(at));
        bytes[first..].CopyTo(_bytes);
    }

    private void CopyOut(int at, Span<byte> bytes)
    {
        int first = Math.Min(bytes.Length, _bytes.Length - at);
        _bytes.AsSpan(at, first).CopyTo(bytes);
        _bytes.AsSpan(0, bytes.Length - first).CopyTo(bytes[first..]);
    }
}
