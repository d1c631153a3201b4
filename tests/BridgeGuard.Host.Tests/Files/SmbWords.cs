using System.Buffers.Binary;
using System.Text;

namespace BridgeGuard.Host.Tests.Files;

/// <summary>Messages of SMB 2 (MS-SMB2) as far as opening, reading, writing and closing one file needs.</summary>
internal static class SmbWords
{
    private const int HeaderBytes = 64;

    public static void Open(Conversation talk, string name, int size)
    {
        byte[] share = Encoding.Unicode.GetBytes("\\\\server\\files");
        byte[] connect = [9, 0, 0, 0, 72, 0, (byte)share.Length, 0, .. share];
        talk.ToServer(Message(3, 1, false, connect));
        byte[] connected = new byte[16];
        connected[0] = 16;
        connected[2] = 1;
        talk.ToClient(Message(3, 1, true, connected));
        byte[] path = Encoding.Unicode.GetBytes(name);
        byte[] create = new byte[56 + path.Length];
        create[0] = 57;
        BinaryPrimitives.WriteUInt16LittleEndian(create.AsSpan(44), HeaderBytes + 56);
        BinaryPrimitives.WriteUInt16LittleEndian(create.AsSpan(46), (ushort)path.Length);
        path.CopyTo(create, 56);
        talk.ToServer(Message(5, 2, false, create));
        byte[] created = new byte[88];
        created[0] = 89;
        BinaryPrimitives.WriteInt64LittleEndian(created.AsSpan(40), size);
        BinaryPrimitives.WriteInt64LittleEndian(created.AsSpan(48), size);
        FileId(created.AsSpan(64));
        talk.ToClient(Message(5, 2, true, created));
    }

    public static byte[] ReadRequest(ulong id, long offset, int length)
    {
        byte[] body = new byte[49];
        body[0] = 49;
        BinaryPrimitives.WriteInt32LittleEndian(body.AsSpan(4), length);
        BinaryPrimitives.WriteInt64LittleEndian(body.AsSpan(8), offset);
        FileId(body.AsSpan(16));
        return Message(8, id, false, body);
    }

    public static byte[] ReadAnswer(ulong id, ReadOnlySpan<byte> data, out int dataAt)
    {
        byte[] body = new byte[16 + data.Length];
        body[0] = 17;
        body[2] = HeaderBytes + 16;
        BinaryPrimitives.WriteInt32LittleEndian(body.AsSpan(4), data.Length);
        data.CopyTo(body.AsSpan(16));
        dataAt = 4 + HeaderBytes + 16;
        return Message(8, id, true, body);
    }

    public static byte[] WriteRequest(ulong id, long offset, ReadOnlySpan<byte> data, out int dataAt)
    {
        byte[] body = new byte[48 + data.Length];
        body[0] = 49;
        body[2] = HeaderBytes + 48;
        BinaryPrimitives.WriteInt32LittleEndian(body.AsSpan(4), data.Length);
        BinaryPrimitives.WriteInt64LittleEndian(body.AsSpan(8), offset);
        FileId(body.AsSpan(16));
        data.CopyTo(body.AsSpan(48));
        dataAt = 4 + HeaderBytes + 48;
        return Message(9, id, false, body);
    }

    public static byte[] Written(ulong id, int count)
    {
        byte[] body = new byte[16];
        body[0] = 17;
        BinaryPrimitives.WriteInt32LittleEndian(body.AsSpan(4), count);
        return Message(9, id, true, body);
    }

    /// <summary>Sets the file's length (MS-FSCC §2.4.14).</summary>
    public static byte[] Resize(ulong id, long size)
    {
        byte[] body = new byte[40];
        body[0] = 33;
        body[2] = 1;
        body[3] = 20;
        body[4] = 8;
        body[8] = HeaderBytes + 32;
        FileId(body.AsSpan(16));
        BinaryPrimitives.WriteInt64LittleEndian(body.AsSpan(32), size);
        return Message(17, id, false, body);
    }

    public static byte[] Resized(ulong id) => Message(17, id, true, [2, 0]);

    public static byte[] Close(ulong id)
    {
        byte[] body = new byte[24];
        body[0] = 24;
        FileId(body.AsSpan(8));
        return Message(6, id, false, body);
    }

    public static byte[] Closed(ulong id)
    {
        byte[] body = new byte[60];
        body[0] = 60;
        return Message(6, id, true, body);
    }

    private static void FileId(Span<byte> bytes)
    {
        bytes[0] = 7;
        bytes[8] = 9;
    }

    private static byte[] Message(ushort command, ulong id, bool isAnswer, byte[] body)
    {
        byte[] message = new byte[4 + HeaderBytes + body.Length];
        BinaryPrimitives.WriteInt32BigEndian(message, HeaderBytes + body.Length);
        Span<byte> header = message.AsSpan(4);
        header[0] = 0xfe;
        header[1] = (byte)'S';
        header[2] = (byte)'M';
        header[3] = (byte)'B';
        header[4] = 64;
        BinaryPrimitives.WriteUInt16LittleEndian(header[12..], command);
        header[16] = isAnswer ? (byte)1 : (byte)0;
        BinaryPrimitives.WriteUInt64LittleEndian(header[24..], id);
        header[36] = 5; // Tree.
        header[40] = 6; // Session.
        body.CopyTo(header[HeaderBytes..]);
        return message;
    }
}
