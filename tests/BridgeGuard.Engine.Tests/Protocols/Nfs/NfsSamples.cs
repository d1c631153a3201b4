using System.Buffers.Binary;
using System.Text;

namespace BridgeGuard.Engine.Tests.Protocols.Nfs;

/// <summary>Builds calls and replies.</summary>
internal static class NfsSamples
{
    public static readonly byte[] Directory = Encoding.ASCII.GetBytes("DIRECTORY_HANDLE_0123456");

    public static readonly byte[] Handle = Encoding.ASCII.GetBytes("FILE_HANDLE_01");

    public static byte[] U32(uint value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return bytes;
    }

    public static byte[] U64(ulong value) => [.. U32((uint)(value >> 32)), .. U32((uint)value)];

    public static byte[] Opaque(ReadOnlySpan<byte> bytes) => [.. U32((uint)bytes.Length), .. bytes, .. new byte[-bytes.Length & 3]];

    public static byte[] Record(byte[] message, bool isLast = true) => [.. U32((uint)message.Length | (isLast ? 0x8000_0000 : 0)), .. message];

    public static byte[] Call(uint xid, uint version, uint procedure, params byte[] arguments)
    {
        byte[] credentials = [.. U32(77), .. Opaque("client1!"u8), .. U32(1000), .. U32(100), .. U32(0)];
        return [.. U32(xid), .. U32(0), .. U32(2), .. U32(100003), .. U32(version), .. U32(procedure), .. U32(1), .. Opaque(credentials), .. U32(0), .. U32(0), .. arguments];
    }

    public static byte[] Reply(uint xid, params byte[] results) => [.. U32(xid), .. U32(1), .. U32(0), .. U32(0), .. U32(0), .. U32(0), .. results];

    public static byte[] Lookup(uint xid, string name) => Call(xid, 3, 3, [.. Opaque(Directory), .. Opaque(Encoding.ASCII.GetBytes(name))]);

    public static byte[] Found(uint xid) => Reply(xid, [.. U32(0), .. Opaque(Handle), .. U32(0), .. U32(0)]);

    public static byte[] Write(uint xid, ulong offset, ReadOnlySpan<byte> data, uint stable) =>
        Call(xid, 3, 7, [.. Opaque(Handle), .. U64(offset), .. U32((uint)data.Length), .. U32(stable), .. Opaque(data)]);

    public static byte[] Commit(uint xid) => Call(xid, 3, 21, [.. Opaque(Handle), .. U64(0), .. U32(0)]);

    public static byte[] Read(uint xid, ulong offset) => Call(xid, 3, 6, [.. Opaque(Handle), .. U64(offset), .. U32(4096)]);

    public static byte[] ReadDone(uint xid, ReadOnlySpan<byte> data, bool isEnd) =>
        Reply(xid, [.. U32(0), .. U32(0), .. U32((uint)data.Length), .. U32(isEnd ? 1u : 0), .. Opaque(data)]);

    public static byte[] Compound(uint xid, uint count, params byte[] operations) => Call(xid, 4, 1, [.. U32(0), .. U32(0), .. U32(count), .. operations]);
}
