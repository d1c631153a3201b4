using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace BridgeGuard.Attachments.Interop;

/// <summary>The bpf() system call, by the attribute layouts of <c>linux/bpf.h</c>. Each call returns a descriptor or 0, or -1 with the last error.</summary>
internal static unsafe class Bpf
{
    public const int ProgramSocketFilter = 1;
    public const int ProgramSchedCls = 3;
    public const int AttachTcxIngress = 46;
    public const int AttachTcxEgress = 47;
    public const ulong UpdateAny = 0;
    public const ulong UpdateIfNew = 1;

    private const int CommandMapCreate = 0;
    private const int CommandMapLookup = 1;
    private const int CommandMapUpdate = 2;
    private const int CommandMapDelete = 3;
    private const int CommandMapNextKey = 4;
    private const int CommandProgramLoad = 5;
    private const int CommandPin = 6;
    private const int CommandObjectGet = 7;
    private const int CommandObjectInfo = 15;
    private const int CommandLinkCreate = 28;
    private const int CommandLinkUpdate = 29;
    private const int AttributeBytes = 128;
    private const int NameBytes = 15;

    private static readonly nint CallNumber = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 280 : 321;

    public static int CreateMap(string name, uint type, uint keySize, uint valueSize, uint maxEntries, uint flags)
    {
        Span<byte> attributes = stackalloc byte[AttributeBytes];
        attributes.Clear();
        Put(attributes, 0, type);
        Put(attributes, 4, keySize);
        Put(attributes, 8, valueSize);
        Put(attributes, 12, maxEntries);
        Put(attributes, 16, flags);
        PutName(attributes[28..], name);
        return Call(CommandMapCreate, attributes);
    }

    /// <summary>Loads a program; when the verifier refuses it and <paramref name="log"/> is not empty, the log holds its words.</summary>
    public static int LoadProgram(string name, int type, ReadOnlySpan<byte> instructions, string license, Span<byte> log)
    {
        Span<byte> attributes = stackalloc byte[AttributeBytes];
        attributes.Clear();
        byte[] licenseBytes = Encoding.ASCII.GetBytes(license + "\0");
        fixed (byte* code = instructions)
        fixed (byte* words = licenseBytes)
        fixed (byte* text = log)
        {
            Put(attributes, 0, (uint)type);
            Put(attributes, 4, (uint)instructions.Length / 8);
            Put(attributes, 8, (nint)code);
            Put(attributes, 16, (nint)words);
            if (!log.IsEmpty)
            {
                Put(attributes, 24, 1u);
                Put(attributes, 28, (uint)log.Length);
                Put(attributes, 32, (nint)text);
            }

            PutName(attributes[48..], name);
            return Call(CommandProgramLoad, attributes);
        }
    }

    public static int CreateTcxLink(int program, int ifIndex, int attachType)
    {
        Span<byte> attributes = stackalloc byte[AttributeBytes];
        attributes.Clear();
        Put(attributes, 0, (uint)program);
        Put(attributes, 4, (uint)ifIndex);
        Put(attributes, 8, (uint)attachType);
        return Call(CommandLinkCreate, attributes);
    }

    public static int Pin(int fd, string path)
    {
        Span<byte> attributes = stackalloc byte[AttributeBytes];
        attributes.Clear();
        byte[] pathBytes = Encoding.UTF8.GetBytes(path + "\0");
        fixed (byte* text = pathBytes)
        {
            Put(attributes, 0, (nint)text);
            Put(attributes, 8, (uint)fd);
            return Call(CommandPin, attributes);
        }
    }

    /// <summary>Opens what is pinned at a path.</summary>
    public static int OpenPinned(string path)
    {
        Span<byte> attributes = stackalloc byte[AttributeBytes];
        attributes.Clear();
        byte[] pathBytes = Encoding.UTF8.GetBytes(path + "\0");
        fixed (byte* text = pathBytes)
        {
            Put(attributes, 0, (nint)text);
            return Call(CommandObjectGet, attributes);
        }
    }

    /// <summary>The device that a tcx link is attached to; 0 when it has gone, -1 for anything else.</summary>
    public static int DeviceOfLink(int link)
    {
        const int TypeTcx = 11;
        Span<byte> info = stackalloc byte[AttributeBytes]; // struct bpf_link_info: type, id, prog_id, then by type from 16: ifindex, attach_type
        info.Clear();
        Span<byte> attributes = stackalloc byte[AttributeBytes];
        attributes.Clear();
        fixed (byte* at = info)
        {
            Put(attributes, 0, (uint)link);
            Put(attributes, 4, (uint)info.Length);
            Put(attributes, 8, (nint)at);
            bool isTcx = Call(CommandObjectInfo, attributes) == 0 && MemoryMarshal.Read<int>(info) == TypeTcx;
            return isTcx ? MemoryMarshal.Read<int>(info[16..]) : -1;
        }
    }

    /// <summary>Puts another program in the place of a link's, between two frames.</summary>
    public static int UpdateLink(int link, int program)
    {
        Span<byte> attributes = stackalloc byte[AttributeBytes];
        attributes.Clear();
        Put(attributes, 0, (uint)link);
        Put(attributes, 4, (uint)program);
        return Call(CommandLinkUpdate, attributes);
    }

    public static int Lookup<TKey, TValue>(int map, ref readonly TKey key, ref TValue value)
        where TKey : unmanaged
        where TValue : unmanaged
    {
        fixed (TKey* keyAt = &key)
        fixed (TValue* valueAt = &value)
        {
            return MapCall(CommandMapLookup, map, (nint)keyAt, (nint)valueAt, 0);
        }
    }

    /// <summary>Looks up in a per-CPU map; <paramref name="values"/> has room for every possible CPU.</summary>
    public static int LookupAll<TKey, TValue>(int map, ref readonly TKey key, Span<TValue> values)
        where TKey : unmanaged
        where TValue : unmanaged
    {
        fixed (TKey* keyAt = &key)
        fixed (TValue* valueAt = values)
        {
            return MapCall(CommandMapLookup, map, (nint)keyAt, (nint)valueAt, 0);
        }
    }

    public static int Update<TKey, TValue>(int map, ref readonly TKey key, ref readonly TValue value, ulong flags = UpdateAny)
        where TKey : unmanaged
        where TValue : unmanaged
    {
        fixed (TKey* keyAt = &key)
        fixed (TValue* valueAt = &value)
        {
            return MapCall(CommandMapUpdate, map, (nint)keyAt, (nint)valueAt, flags);
        }
    }

    /// <summary>Writes every CPU's value of a per-CPU map.</summary>
    public static int UpdateAll<TKey, TValue>(int map, ref readonly TKey key, ReadOnlySpan<TValue> values)
        where TKey : unmanaged
        where TValue : unmanaged
    {
        fixed (TKey* keyAt = &key)
        fixed (TValue* valueAt = values)
        {
            return MapCall(CommandMapUpdate, map, (nint)keyAt, (nint)valueAt, UpdateAny);
        }
    }

    public static int Delete<TKey>(int map, ref readonly TKey key)
        where TKey : unmanaged
    {
        fixed (TKey* keyAt = &key)
        {
            return MapCall(CommandMapDelete, map, (nint)keyAt, 0, 0);
        }
    }

    /// <summary>The key after <paramref name="key"/>, or the first when <paramref name="isFirst"/>; -1 at the end.</summary>
    public static int NextKey<TKey>(int map, bool isFirst, ref readonly TKey key, ref TKey next)
        where TKey : unmanaged
    {
        fixed (TKey* keyAt = &key)
        fixed (TKey* nextAt = &next)
        {
            return MapCall(CommandMapNextKey, map, isFirst ? 0 : (nint)keyAt, (nint)nextAt, 0);
        }
    }

    private static int MapCall(int command, int map, nint key, nint value, ulong flags)
    {
        Span<byte> attributes = stackalloc byte[32];
        attributes.Clear();
        Put(attributes, 0, (uint)map);
        Put(attributes, 8, key);
        Put(attributes, 16, value);
        Unsafe.WriteUnaligned(ref attributes[24], flags);
        return Call(command, attributes);
    }

    private static int Call(int command, Span<byte> attributes) =>
        (int)Libc.Syscall(CallNumber, command, ref MemoryMarshal.GetReference(attributes), attributes.Length);

    private static void Put(Span<byte> attributes, int offset, uint value) => Unsafe.WriteUnaligned(ref attributes[offset], value);

    private static void Put(Span<byte> attributes, int offset, nint value) => Unsafe.WriteUnaligned(ref attributes[offset], (long)value);

    private static void PutName(Span<byte> to, string name) =>
        Encoding.ASCII.GetBytes(name.AsSpan(0, Math.Min(name.Length, NameBytes)), to);
}
