using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Nfs;

/// <summary>What is known of a file handle: its name, and the transfers that go on.</summary>
internal sealed class NfsHandle : IReusable
{
    public ByteBuffer Handle { get; } = new();

    public ByteBuffer Name { get; } = new();

    public NfsTransaction? Reading { get; set; }

    public NfsTransaction? Writing { get; set; }

    public void Reset()
    {
        Handle.Reset();
        Name.Reset();
        Reading = null;
        Writing = null;
    }
}

/// <summary>A call whose reply is needed to be understood.</summary>
internal sealed class NfsPendingCall : IReusable
{
    public byte Version { get; set; }

    public uint Procedure { get; set; }

    public ByteBuffer Handle { get; } = new();

    public ByteBuffer Name { get; } = new();

    public ulong Offset { get; set; }

    /// <summary>Reads of a compound (<see cref="AddRead"/>).</summary>
    public int Reads { get; private set; }

    public uint AuthKind { get; set; }

    public ByteBuffer Credentials { get; } = new();

    private (Slice Handle, ulong Offset)[]? _further;

    /// <summary>Remembers one read of a compound; clients send one, few more.</summary>
    public void AddRead(ReadOnlySpan<byte> handle, ulong offset)
    {
        handle = handle[..Math.Min(handle.Length, NfsLimits.MaxHandleBytes)];
        if (Reads == 0)
        {
            Handle.Reset();
            Handle.Append(handle);
            Offset = offset;
        }
        else if (Reads < NfsLimits.MaxOperations)
        {
            _further ??= new (Slice, ulong)[NfsLimits.MaxOperations];
            _further[Reads] = (Name.Append(handle), offset);
        }

        Reads++;
    }

    /// <summary>What the read at an index is of; of one too many what the first was.</summary>
    public void GetRead(int index, out ReadOnlySpan<byte> handle, out ulong offset)
    {
        bool isFurther = index > 0 && index < Math.Min(Reads, NfsLimits.MaxOperations);
        (Slice slice, offset) = isFurther ? _further![index] : (Slice.None, Offset);
        handle = isFurther ? Name[slice] : Handle.Span;
    }

    public void Begin(byte version, uint procedure)
    {
        Reset();
        Version = version;
        Procedure = procedure;
    }

    public void Reset()
    {
        Version = 0;
        Procedure = 0;
        Handle.Reset();
        Name.Reset();
        Offset = 0;
        Reads = 0;
        AuthKind = 0;
        Credentials.Reset();
    }
}
