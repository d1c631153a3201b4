using System.Buffers;
using System.Buffers.Binary;
using BridgeGuard.Engine.Files;
using BridgeGuard.Scanning.VerdictCache;

namespace BridgeGuard.Scanning.WireFiles;

internal enum FileMessageKind : byte
{
    /// <summary>Data plane to scanner's side: handle, origin.</summary>
    Open = 1,

    /// <summary>Handle, bytes.</summary>
    Append,

    /// <summary>Handle, whether it is whole, hash, length.</summary>
    Close,

    /// <summary>Back: key, verdict; Unknown takes one back.</summary>
    Verdict,

    /// <summary>Key, marks of a bad content.</summary>
    Print,

    /// <summary>Key (of which only the length counts), place.</summary>
    Place,

    /// <summary>What was said of verdicts no longer counts.</summary>
    Forget,

    /// <summary>Data plane to scanner's side: handle, length, hash of the bytes so far, which are to be judged by themselves.</summary>
    Checkpoint,

    /// <summary>Data plane to scanner's side: handle, offset, bytes that replace others.</summary>
    Overwrite,
}

/// <summary>Messages between data plane and scanner's side: a length of four bytes, a kind of one, then what the kind says. Little endian.</summary>
/// <remarks>Both ends are ours and of one version; a length beyond the limit or a message that is cut off ends the stream all the same.</remarks>
internal static class FileMessage
{
    /// <summary>Of a file in one message, which with its head fits the pool's arrays of 64 KiB.</summary>
    public const int MaxChunkBytes = (64 << 10) - HeadBytes - 16;

    /// <summary>A print is the longest message.</summary>
    public const int MaxBytes = 256 << 10;

    /// <summary>What follows the kind in a <see cref="FileMessageKind.Checkpoint"/>.</summary>
    public const int CheckpointBytes = 8 + 8 + Sha256.SizeBytes;

    /// <summary>Behind a "clean": of the beginning of an upload, for the packet that waits; no verdict about a file.</summary>
    public const byte SoFar = 1;

    private const int HeadBytes = 5;
    private const int KeyBytes = Sha256.SizeBytes + 8;

    public static OutgoingMessage Open(ulong handle, in FileOrigin origin)
    {
        ReadOnlySpan<byte> protocol = Cut(origin.Protocol, 32);
        ReadOnlySpan<byte> name = Cut(origin.Name, 512);
        ReadOnlySpan<byte> location = Cut(origin.Location, 2048);
        int length = HeadBytes + 8 + 8 + 8 + 4 + 4 + 8 + 8 + 2 + 17 + 17 + 1 + 2 + 2 + protocol.Length + name.Length + location.Length;
        OutgoingMessage message = OutgoingMessage.Rent(length, FileMessageKind.Open, out Writer writer);
        writer.Long(handle);
        writer.Long((ulong)origin.TimestampUs);
        writer.Long(origin.FlowId);
        writer.Number(origin.ReceiverGuestId);
        writer.Number(origin.SenderGuestId);
        writer.Long(origin.Place);
        writer.Long((ulong)origin.AnnouncedSize);
        writer.Short(0);
        writer.Address(origin.ReceiverAddress);
        writer.Address(origin.SenderAddress);
        writer.Byte((byte)protocol.Length);
        writer.Short((ushort)name.Length);
        writer.Short((ushort)location.Length);
        writer.Bytes(protocol);
        writer.Bytes(name);
        writer.Bytes(location);
        return message;
    }

    /// <summary>Bytes at the end of a file, or with an offset instead of others that were there.</summary>
    public static OutgoingMessage Bytes(ulong handle, long? offset, ReadOnlySpan<byte> bytes)
    {
        int length = HeadBytes + 8 + (offset is null ? 0 : 8) + bytes.Length;
        OutgoingMessage message = OutgoingMessage.Rent(length, offset is null ? FileMessageKind.Append : FileMessageKind.Overwrite, out Writer writer);
        writer.Long(handle);
        if (offset is { } place)
        {
            writer.Long((ulong)place);
        }

        writer.Bytes(bytes);
        return message;
    }

    public static OutgoingMessage Close(ulong handle, bool isComplete, ReadOnlySpan<byte> sha256, long size)
    {
        OutgoingMessage message = OutgoingMessage.Rent(HeadBytes + 8 + 1 + 8 + sha256.Length, FileMessageKind.Close, out Writer writer);
        writer.Long(handle);
        writer.Byte(isComplete ? (byte)1 : (byte)0);
        writer.Long((ulong)size);
        writer.Bytes(sha256);
        return message;
    }

    public static OutgoingMessage Checkpoint(ulong handle, ReadOnlySpan<byte> sha256, long size)
    {
        OutgoingMessage message = OutgoingMessage.Rent(HeadBytes + CheckpointBytes, FileMessageKind.Checkpoint, out Writer writer);
        writer.Long(handle);
        writer.Long((ulong)size);
        writer.Bytes(sha256);
        return message;
    }

    public static byte[] OfKey(FileMessageKind kind, in FileKey key, ReadOnlySpan<byte> rest)
    {
        byte[] message = new byte[HeadBytes + KeyBytes + rest.Length];
        var writer = new Writer(message, kind);
        writer.Bytes(key.Hash.ToArray());
        writer.Long((ulong)key.Size);
        writer.Bytes(rest);
        return message;
    }

    /// <summary>The next message into <paramref name="buffer"/> (kind first); its length, or null at the stream's end.</summary>
    /// <exception cref="IOException">The stream holds something else.</exception>
    public static async Task<int?> ReadAsync(Stream stream, byte[] buffer, CancellationToken cancellationToken)
    {
        int read = await stream.ReadAtLeastAsync(buffer.AsMemory(0, 4), 4, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
        if (read < 4)
        {
            return null;
        }

        int length = BinaryPrimitives.ReadInt32LittleEndian(buffer);
        if (length < 1 || length > buffer.Length)
        {
            throw new IOException($"A message of {length} bytes is none of ours.");
        }

        await stream.ReadExactlyAsync(buffer.AsMemory(0, length), cancellationToken).ConfigureAwait(false);
        return length;
    }

    public static bool TryReadKey(ReadOnlySpan<byte> message, out FileMessageKind kind, out FileKey key, out ReadOnlySpan<byte> rest)
    {
        kind = (FileMessageKind)message[0];
        key = default;
        rest = default;
        if (message.Length < 1 + KeyBytes)
        {
            return false;
        }

        long size = BinaryPrimitives.ReadInt64LittleEndian(message[(1 + Sha256.SizeBytes)..]);
        key = new FileKey(new Sha256(message.Slice(1, Sha256.SizeBytes)), size);
        rest = message[(1 + KeyBytes)..];
        return true;
    }

    /// <summary>An opening; false when it is cut off.</summary>
    public static bool TryReadOpen(ReadOnlySpan<byte> message, out ulong handle, out FileOrigin origin)
    {
        const int Fixed = 1 + 8 + 8 + 8 + 4 + 4 + 8 + 8 + 2 + 17 + 17 + 1 + 2 + 2;
        handle = 0;
        origin = default;
        if (message.Length < Fixed)
        {
            return false;
        }

        int protocol = message[Fixed - 5];
        int name = BinaryPrimitives.ReadUInt16LittleEndian(message[(Fixed - 4)..]);
        int location = BinaryPrimitives.ReadUInt16LittleEndian(message[(Fixed - 2)..]);
        ReadOnlySpan<byte> receiver = message.Slice(51, 17);
        ReadOnlySpan<byte> sender = message.Slice(68, 17);
        if (message.Length != Fixed + protocol + name + location || receiver[0] > 16 || sender[0] > 16)
        {
            return false;
        }

        handle = BinaryPrimitives.ReadUInt64LittleEndian(message[1..]);
        origin = new FileOrigin
        {
            TimestampUs = BinaryPrimitives.ReadInt64LittleEndian(message[9..]),
            FlowId = BinaryPrimitives.ReadUInt64LittleEndian(message[17..]),
            ReceiverGuestId = BinaryPrimitives.ReadUInt32LittleEndian(message[25..]),
            SenderGuestId = BinaryPrimitives.ReadUInt32LittleEndian(message[29..]),
            Place = BinaryPrimitives.ReadUInt64LittleEndian(message[33..]),
            AnnouncedSize = BinaryPrimitives.ReadInt64LittleEndian(message[41..]),
            ReceiverAddress = receiver.Slice(1, receiver[0]),
            SenderAddress = sender.Slice(1, sender[0]),
            Protocol = message.Slice(Fixed, protocol),
            Name = message.Slice(Fixed + protocol, name),
            Location = message.Slice(Fixed + protocol + name, location),
        };
        return true;
    }

    private static ReadOnlySpan<byte> Cut(ReadOnlySpan<byte> text, int most) => text[..Math.Min(text.Length, most)];

    /// <summary>Fills a message behind its head.</summary>
    public ref struct Writer
    {
        private readonly Span<byte> _message;
        private int _at;

        public Writer(Span<byte> message, FileMessageKind kind)
        {
            _message = message;
            BinaryPrimitives.WriteInt32LittleEndian(_message, message.Length - 4);
            _message[4] = (byte)kind;
            _at = HeadBytes;
        }

        public void Byte(byte value) => _message[_at++] = value;

        public void Short(ushort value)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(_message[_at..], value);
            _at += 2;
        }

        public void Number(uint value)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(_message[_at..], value);
            _at += 4;
        }

        public void Long(ulong value)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(_message[_at..], value);
            _at += 8;
        }

        public void Bytes(ReadOnlySpan<byte> bytes)
        {
            bytes.CopyTo(_message[_at..]);
            _at += bytes.Length;
        }

        public void Address(ReadOnlySpan<byte> address)
        {
            _message[_at] = (byte)address.Length;
            address.CopyTo(_message[(_at + 1)..]);
            _at += 17;
        }
    }
}

/// <summary>A message on its way to the other process, in an array of the shared pool: workers fill it, whoever has written it out gives it back.</summary>
internal readonly record struct OutgoingMessage(byte[] Buffer, int Length)
{
    public ReadOnlyMemory<byte> Memory => Buffer.AsMemory(0, Length);

    public static OutgoingMessage Rent(int length, FileMessageKind kind, out FileMessage.Writer writer)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(length);
        writer = new FileMessage.Writer(buffer.AsSpan(0, length), kind);
        return new OutgoingMessage(buffer, length);
    }

    public void Return() => ArrayPool<byte>.Shared.Return(Buffer);
}
