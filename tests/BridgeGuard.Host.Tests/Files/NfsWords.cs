using System.Buffers.Binary;
using System.Text;

namespace BridgeGuard.Host.Tests.Files;

/// <summary>Messages of NFS 3 (RFC 1813) and 4.1 (RFC 8881) over RPC (RFC 5531) with record marks, as far as reading and writing one file needs.</summary>
internal static class NfsWords
{
    public static byte[] Lookup(uint xid, string name)
    {
        var call = new Xdr();
        Call(call, xid, 3);
        call.Opaque([1, 2, 3, 4]);
        call.Opaque(Encoding.ASCII.GetBytes(name));
        return call.Record();
    }

    public static byte[] Found(uint xid, string name, long size)
    {
        var reply = new Xdr();
        Reply(reply, xid);
        reply.Number(0);
        reply.Opaque(Handle(name));
        Attributes(reply, size);
        reply.Number(0);
        return reply.Record();
    }

    public static byte[] Read(uint xid, string name, long offset, int count)
    {
        var call = new Xdr();
        Call(call, xid, 6);
        call.Opaque(Handle(name));
        call.Long(offset);
        call.Number((uint)count);
        return call.Record();
    }

    public static byte[] Data(uint xid, ReadOnlySpan<byte> data, long size, bool isEnd, out int dataAt)
    {
        var reply = new Xdr();
        Reply(reply, xid);
        reply.Number(0);
        Attributes(reply, size);
        reply.Number((uint)data.Length);
        reply.Number(isEnd ? 1u : 0u);
        dataAt = 4 + reply.Length + 4;
        reply.Opaque(data);
        return reply.Record();
    }

    /// <summary>Version 4.1, as a kernel's client asks: sequence, handle, read, attributes.</summary>
    public static byte[] Read4(uint xid, string name, long offset, int count)
    {
        var call = new Xdr();
        BeginCompound(call, xid, 4, name);
        call.Number(25);
        call.Zeros(16);
        call.Long(offset);
        call.Number((uint)count);
        AskAttributes(call);
        return call.Record();
    }

    public static byte[] Data4(uint xid, ReadOnlySpan<byte> data, bool isEnd, out int dataAt)
    {
        var reply = new Xdr();
        BeginAnswer(reply, xid, 4);
        reply.Number(25);
        reply.Number(0);
        reply.Number(isEnd ? 1u : 0u);
        dataAt = 4 + reply.Length + 4;
        reply.Opaque(data);
        reply.Number(9);
        reply.Number(0);
        reply.Number(1);
        reply.Number(0x18);
        reply.Opaque(new byte[16]);
        return reply.Record();
    }

    public static byte[] Write4(uint xid, string name, long offset, ReadOnlySpan<byte> data, out int dataAt, bool isStable = false)
    {
        var call = new Xdr();
        BeginCompound(call, xid, 4, name);
        call.Number(38);
        call.Zeros(16);
        call.Long(offset);
        call.Number(isStable ? 2u : 0u);
        dataAt = 4 + call.Length + 4;
        call.Opaque(data);
        AskAttributes(call);
        return call.Record();
    }

    public static byte[] Written4(uint xid, int count)
    {
        var reply = new Xdr();
        BeginAnswer(reply, xid, 4);
        foreach (uint word in (uint[])[38, 0, (uint)count, 0, 1, 2, 9, 0, 0, 0])
        {
            reply.Number(word);
        }

        return reply.Record();
    }

    public static byte[] Close4(uint xid, string name)
    {
        var call = new Xdr();
        BeginCompound(call, xid, 3, name);
        call.Number(4);
        call.Zeros(20);
        return call.Record();
    }

    /// <summary>Unstable, unless it is to be on the disk with the answer: what makes it lasting then is the commit.</summary>
    public static byte[] Write(uint xid, string name, long offset, ReadOnlySpan<byte> data, out int dataAt, bool isStable = false)
    {
        var call = new Xdr();
        Call(call, xid, 7);
        call.Opaque(Handle(name));
        call.Long(offset);
        call.Number((uint)data.Length);
        call.Number(isStable ? 2u : 0u);
        dataAt = 4 + call.Length + 4;
        call.Opaque(data);
        return call.Record();
    }

    public static byte[] Written(uint xid, int count)
    {
        var reply = new Xdr();
        Reply(reply, xid);
        foreach (uint word in (uint[])[0, 0, 0, (uint)count, 0, 1, 2])
        {
            reply.Number(word);
        }

        return reply.Record();
    }

    /// <summary>Sets the file's length.</summary>
    public static byte[] Resize(uint xid, string name, long size)
    {
        var call = new Xdr();
        Call(call, xid, 2);
        call.Opaque(Handle(name));
        call.Zeros(12); // Neither mode, owner nor group.
        call.Number(1);
        call.Long(size);
        call.Zeros(12); // No times, no guard.
        return call.Record();
    }

    public static byte[] Resize4(uint xid, string name, long size)
    {
        var call = new Xdr();
        BeginCompound(call, xid, 3, name);
        call.Number(34);
        call.Zeros(16);
        call.Number(1);
        call.Number(1 << 4);
        call.Number(8);
        call.Long(size);
        return call.Record();
    }

    public static byte[] Commit(uint xid, string name)
    {
        var call = new Xdr();
        Call(call, xid, 21);
        call.Opaque(Handle(name));
        call.Long(0);
        call.Number(0);
        return call.Record();
    }

    private static void BeginCompound(Xdr call, uint xid, uint operations, string name)
    {
        Call(call, xid, 1, 4);
        foreach (uint word in (uint[])[0, 1, operations, 53])
        {
            call.Number(word);
        }

        call.Zeros(32);
        call.Number(22);
        call.Opaque(Handle(name));
    }

    private static void AskAttributes(Xdr call)
    {
        foreach (uint word in (uint[])[9, 1, 0x18])
        {
            call.Number(word);
        }
    }

    private static void BeginAnswer(Xdr reply, uint xid, uint operations)
    {
        Reply(reply, xid);
        foreach (uint word in (uint[])[0, 0, operations, 53, 0])
        {
            reply.Number(word);
        }

        reply.Zeros(36);
        reply.Number(22);
        reply.Number(0);
    }

    private static byte[] Handle(string name) => [9, 9, .. Encoding.ASCII.GetBytes(name.PadRight(14)[..14])];

    private static void Call(Xdr call, uint xid, uint procedure, uint version = 3)
    {
        foreach (uint word in (uint[])[xid, 0, 2, 100003, version, procedure, 0, 0, 0, 0])
        {
            call.Number(word);
        }
    }

    private static void Reply(Xdr reply, uint xid)
    {
        foreach (uint word in (uint[])[xid, 1, 0, 0, 0, 0])
        {
            reply.Number(word);
        }
    }

    private static void Attributes(Xdr reply, long size)
    {
        reply.Number(1);
        foreach (uint word in (uint[])[1, 0x1a4, 1, 0, 0])
        {
            reply.Number(word);
        }

        reply.Long(size);
        for (int i = 0; i < 14; i++)
        {
            reply.Number(0);
        }
    }

    private sealed class Xdr
    {
        private readonly List<byte> _bytes = [];

        public int Length => _bytes.Count;

        public void Number(uint value)
        {
            Span<byte> four = stackalloc byte[4];
            BinaryPrimitives.WriteUInt32BigEndian(four, value);
            _bytes.AddRange(four.ToArray());
        }

        public void Long(long value)
        {
            Number((uint)(value >> 32));
            Number((uint)value);
        }

        public void Zeros(int count) => _bytes.AddRange(new byte[count]);

        public void Opaque(ReadOnlySpan<byte> bytes)
        {
            Number((uint)bytes.Length);
            _bytes.AddRange(bytes.ToArray());
            while (_bytes.Count % 4 != 0)
            {
                _bytes.Add(0);
            }
        }

        public byte[] Record()
        {
            byte[] record = new byte[4 + _bytes.Count];
            BinaryPrimitives.WriteUInt32BigEndian(record, 0x8000_0000u | (uint)_bytes.Count);
            _bytes.CopyTo(record, 4);
            return record;
        }
    }
}
