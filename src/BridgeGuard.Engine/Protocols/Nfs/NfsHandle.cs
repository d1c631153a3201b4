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

    public uint AuthKind { get; set; }

    public ByteBuffer Credentials { get; } = new();

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
        AuthKind = 0;
        Credentials.Reset();
    }
}
