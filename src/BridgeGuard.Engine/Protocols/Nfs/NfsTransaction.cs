using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Nfs;

/// <summary>A call with its reply; or the reading or writing of one file, over many calls.</summary>
internal sealed partial class NfsTransaction : Transaction
{
    public byte Version { get; set; }

    public uint Procedure { get; set; }

    public uint Xid { get; set; }

    /// <summary>Of a transfer: of its last call.</summary>
    public uint LastXid { get; set; }

    /// <summary>The transfer of a file.</summary>
    public bool IsFile { get; set; }

    public bool IsWrite { get; set; }

    /// <summary>A commit ended it.</summary>
    public bool IsCommitted { get; set; }

    /// <summary>Written through to the disk so far: no commit will come, more writes may.</summary>
    public bool IsSynced { get; set; }

    /// <summary>Calls after the first that carried data or ended it.</summary>
    public int Chunks { get; set; }

    public ByteBuffer Text { get; } = new();

    public Slice Handle { get; set; } = Slice.None;

    public Slice Name { get; set; } = Slice.None;

    /// <summary>The new name of a rename.</summary>
    public Slice NewName { get; set; } = Slice.None;

    public uint AuthKind { get; set; }

    public bool HasCredentials { get; set; }

    public Slice Machine { get; set; } = Slice.None;

    public uint UserId { get; set; }

    public uint GroupId { get; set; }

    public bool IsAnswered { get; set; }

    public bool IsDenied { get; set; }

    public uint Status { get; set; }

    public FileAssembler Assembler { get; } = new();

    public override FileList FilesToServer { get; } = new();

    public override FileList FilesToClient { get; } = new();

    public void Raise(NfsAnomaly anomaly) => Note((int)anomaly);

    public override void Reset()
    {
        base.Reset();
        Version = 0;
        Procedure = 0;
        Xid = LastXid = 0;
        IsFile = IsWrite = IsCommitted = IsSynced = false;
        Chunks = 0;
        Text.Reset();
        Handle = Name = NewName = Machine = Slice.None;
        AuthKind = 0;
        HasCredentials = false;
        UserId = GroupId = 0;
        IsAnswered = IsDenied = false;
        Status = 0;
        Assembler.Reset();
    }
}
