using System.Buffers.Binary;

namespace BridgeGuard.Engine.Protocols;

/// <summary>Takes fixed and counted fields off the front of a message. Nothing is taken when a read is false.</summary>
/// <remarks>Lifetime: the span's. Every read checks the length that is left; none throws.</remarks>
internal ref struct WireReader(ReadOnlySpan<byte> bytes)
{
    private readonly ReadOnlySpan<byte> _bytes = bytes;

    /// <summary>Bytes taken so far.</summary>
    public int Position { get; private set; }

    public readonly int Left => _bytes.Length - Position;

    public readonly ReadOnlySpan<byte> Rest => _bytes[Position..];

    public bool TryTake(int length, out ReadOnlySpan<byte> field)
    {
        if ((uint)length > (uint)Left)
        {
            field = default;
            return false;
        }

        field = _bytes.Slice(Position, length);
        Position += length;
        return true;
    }

    public bool TrySkip(int length) => TryTake(length, out _);

    public bool TryByte(out byte value)
    {
        value = 0;
        if (!TryTake(1, out ReadOnlySpan<byte> field))
        {
            return false;
        }

        value = field[0];
        return true;
    }

    public bool TryUInt16(out ushort value)
    {
        bool taken = TryTake(2, out ReadOnlySpan<byte> field);
        value = taken ? BinaryPrimitives.ReadUInt16BigEndian(field) : (ushort)0;
        return taken;
    }

    public bool TryUInt32(out uint value)
    {
        bool taken = TryTake(4, out ReadOnlySpan<byte> field);
        value = taken ? BinaryPrimitives.ReadUInt32BigEndian(field) : 0;
        return taken;
    }

    public bool TryUInt16Little(out ushort value)
    {
        bool taken = TryTake(2, out ReadOnlySpan<byte> field);
        value = taken ? BinaryPrimitives.ReadUInt16LittleEndian(field) : (ushort)0;
        return taken;
    }

    public bool TryUInt32Little(out uint value)
    {
        bool taken = TryTake(4, out ReadOnlySpan<byte> field);
        value = taken ? BinaryPrimitives.ReadUInt32LittleEndian(field) : 0;
        return taken;
    }

    /// <summary>Bytes up to a terminating zero, which is taken too.</summary>
    public bool TryZeroTerminated(out ReadOnlySpan<byte> text)
    {
        int end = Rest.IndexOf((byte)0);
        if (end < 0)
        {
            text = default;
            return false;
        }

        text = Rest[..end];
        Position += end + 1;
        return true;
    }
}
