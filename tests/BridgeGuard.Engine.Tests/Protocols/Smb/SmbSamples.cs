using System.Buffers.Binary;
using System.Text;

namespace BridgeGuard.Engine.Tests.Protocols.Smb;

/// <summary>Builds framed messages of both versions.</summary>
internal static class SmbSamples
{
    public static readonly byte[] FileId = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];

    public static byte[] U16(int value)
    {
        byte[] bytes = new byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, (ushort)value);
        return bytes;
    }

    public static byte[] U32(long value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, (uint)value);
        return bytes;
    }

    public static byte[] U64(ulong value)
    {
        byte[] bytes = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        return bytes;
    }

    public static byte[] Utf16(string text) => Encoding.Unicode.GetBytes(text);

    public static byte[] Frame(params byte[] message) => [0, (byte)(message.Length >> 16), (byte)(message.Length >> 8), (byte)message.Length, .. message];

    public static byte[] Header2(ushort command, ulong id, bool isResponse, uint status = 0, uint tree = 1, uint next = 0) =>
    [
        0xfe, .. "SMB"u8, 64, 0, 0, 0, .. U32(status), .. U16(command), 1, 0, .. U32(isResponse ? 1 : 0), .. U32(next), .. U64(id), 0, 0, 0, 0, .. U32(tree),
        .. U64(0x1111), .. new byte[16],
    ];

    public static byte[] Request2(ushort command, ulong id, byte[] body, uint tree = 1) => Frame([.. Header2(command, id, false, 0, tree), .. body]);

    public static byte[] Response2(ushort command, ulong id, byte[] body, uint status = 0, uint tree = 1) =>
        Frame([.. Header2(command, id, true, status, tree), .. body]);

    public static byte[] Negotiate2() => Request2(0, 0, [36, 0, .. U16(2), 1, 0, 0, 0, 0, 0, 0, 0, .. new byte[16], .. new byte[8], .. U16(0x0202), .. U16(0x0311)]);

    public static byte[] NegotiateAnswer2(uint maxRead = 1 << 20) =>
        Response2(0, 0, [65, 0, 1, 0, .. U16(0x0311), 0, 0, .. FileId, 0, 0, 0, 0, .. U32(1 << 20), .. U32(maxRead), .. U32(1 << 20), .. new byte[24]]);

    public static byte[] TreeConnect2(ulong id, string path) => Request2(3, id, [9, 0, 0, 0, .. U16(72), .. U16(2 * path.Length), .. Utf16(path)], tree: 0);

    public static byte[] TreeConnectAnswer2(ulong id, byte type, uint tree) => Response2(3, id, [16, 0, type, 0, .. new byte[12]], tree: tree);

    public static byte[] Create2(ulong id, string name, uint tree = 1) => Request2(
        5,
        id,
        [57, 0, 0, 0, .. U32(2), .. new byte[16], .. U32(1), .. U32(0), .. U32(7), .. U32(1), .. U32(0), .. U16(120), .. U16(2 * name.Length), .. new byte[8], .. Utf16(name)],
        tree);

    public static byte[] CreateAnswer2(ulong id, uint tree = 1) => Response2(
        5, id, [89, 0, 0, 0, .. U32(1), .. U64(132_000_000_000_000_000), .. new byte[24], .. U64(0), .. U64(77), .. new byte[8], .. FileId, .. new byte[8]], tree: tree);

    public static byte[] Close2(ulong id) => Request2(6, id, [24, 0, 0, 0, 0, 0, 0, 0, .. FileId]);

    public static byte[] CloseAnswer2(ulong id) => Response2(6, id, [60, 0, .. new byte[58]]);

    public static byte[] Write2(ulong id, ulong offset, ReadOnlySpan<byte> data, uint tree = 1) =>
        Request2(9, id, [49, 0, .. U16(112), .. U32(data.Length), .. U64(offset), .. FileId, .. new byte[16], .. data], tree);

    public static byte[] WriteAnswer2(ulong id) => Response2(9, id, [17, 0, 0, 0, .. new byte[13]]);

    public static byte[] Read2(ulong id, ulong offset, uint length, uint tree = 1) =>
        Request2(8, id, [49, 0, 0x50, 0, .. U32(length), .. U64(offset), .. FileId, .. new byte[17]], tree);

    public static byte[] ReadAnswer2(ulong id, ReadOnlySpan<byte> data, uint tree = 1) =>
        Response2(8, id, [17, 0, 0x50, 0, .. U32(data.Length), .. new byte[8], .. data], tree: tree);

    public static byte[] Transceive2(ulong id, ReadOnlySpan<byte> data) => Request2(
        11, id, [57, 0, 0, 0, .. U32(0x11c017), .. FileId, .. U32(120), .. U32(data.Length), .. new byte[12], .. U32(1024), .. U32(1), 0, 0, 0, 0, .. data]);

    public static byte[] TransceiveAnswer2(ulong id, ReadOnlySpan<byte> data) => Response2(
        11, id, [49, 0, 0, 0, .. U32(0x11c017), .. FileId, .. U32(112), .. U32(0), .. U32(112), .. U32(data.Length), .. new byte[8], .. data]);

    public static byte[] Rename2(ulong id, string name)
    {
        byte[] data = [0, .. new byte[15], .. U32(2 * name.Length), .. Utf16(name)];
        return Request2(17, id, [33, 0, 1, 10, .. U32(data.Length), .. U16(96), 0, 0, 0, 0, 0, 0, .. FileId, .. data]);
    }

    public static byte[] SessionSetup2(ulong id, byte[] token) => Request2(1, id, [25, 0, 0, 1, .. new byte[8], .. U16(88), .. U16(token.Length), .. new byte[8], .. token], tree: 0);

    public static byte[] SessionSetupAnswer2(ulong id) => Response2(1, id, [9, 0, 0, 0, 72, 0, 0, 0], tree: 0);

    /// <summary>NTLMSSP AUTHENTICATE with domain DOM, user alice and host PC.</summary>
    public static byte[] Ntlm()
    {
        byte[] domain = Utf16("DOM");
        byte[] user = Utf16("alice");
        byte[] host = Utf16("PC");
        byte[] key = new byte[16];
        const int start = 72;
        int keyAt = start + domain.Length + user.Length + host.Length;
        return
        [
            .. "NTLMSSP\0"u8, .. U32(3), .. Field(0, start), .. Field(0, start), .. Field(domain.Length, start), .. Field(user.Length, start + domain.Length),
            .. Field(host.Length, start + domain.Length + user.Length), .. Field(key.Length, keyAt), .. U32(0x0200_0001), 10, 0, .. U16(17763), 0, 0, 0, 15, .. domain, .. user, .. host, .. key,
        ];

        static byte[] Field(int length, int offset) => [.. U16(length), .. U16(length), .. U32(offset)];
    }

    public static byte[] Message1(byte command, bool isResponse, byte[] words, byte[] bytes, ushort tree = 5, ushort id = 1, uint status = 0) => Frame(
    [
        0xff, .. "SMB"u8, command, .. U32(status), (byte)(isResponse ? 0x80 : 0), .. U16(0xc001), .. new byte[12], .. U16(tree), .. U16(7), .. U16(9), .. U16(id),
        (byte)(words.Length / 2), .. words, .. U16(bytes.Length), .. bytes,
    ]);

    public static byte[] Negotiate1() => Message1(0x72, false, [], [2, .. "PC NETWORK PROGRAM 1.0\0"u8, 2, .. "NT LM 0.12\0"u8]);

    public static byte[] NegotiateAnswer1() => Message1(0x72, true, [.. U16(1), .. new byte[17], .. U32(0x8000_0000), .. new byte[11]], FileId);

    public static byte[] TreeConnect1(string path) =>
        Message1(0x75, false, [0xff, 0, 0, 0, 0, 0, .. U16(1)], [0, .. Utf16(path), 0, 0, .. "?????\0"u8], tree: 0, id: 2);

    public static byte[] TreeConnectAnswer1() => Message1(0x75, true, [0xff, 0, 0, 0, 0, 0], "A:\0"u8.ToArray(), id: 2);

    public static byte[] Create1(string name) => Message1(
        0xa2, false, [0xff, 0, 0, 0, 0, .. U16(2 * name.Length), .. new byte[28], .. U32(5), .. U32(0), .. new byte[5]], [0, .. Utf16(name), 0, 0], id: 3);

    public static byte[] CreateAnswer1() => Message1(0xa2, true, [0xff, 0, 0, 0, 0, .. U16(0x4001), .. new byte[61]], [], id: 3);

    public static byte[] Write1(ReadOnlySpan<byte> data, uint offset = 0) => Message1(
        0x2f,
        false,
        [0xff, 0, 0, 0, .. U16(0x4001), .. U32(offset), .. new byte[8], 0, 0, .. U16(data.Length), .. U16(64), .. U32(0)],
        [0, .. data],
        id: 4);

    public static byte[] Close1() => Message1(0x04, false, [.. U16(0x4001), 0, 0, 0, 0], [], id: 5);

    public static byte[] CloseAnswer1() => Message1(0x04, true, [], [], id: 5);
}
