using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Pools;
using BridgeGuard.Engine.Protocols.DceRpc;

namespace BridgeGuard.Engine.Protocols.Smb;

/// <summary>What a transaction is about; decides what its record shows.</summary>
internal enum SmbKind : byte
{
    Generic,
    Negotiate,
    SessionSetup,
    TreeConnect,
    Create,
    Ioctl,
    Rename,
    SetInfo,

    /// <summary>The reading or writing of one file, over many messages.</summary>
    File,

    /// <summary>A DCE/RPC call in a named pipe.</summary>
    DceRpc,
}

internal enum SmbShareType : byte
{
    Unknown,
    Disk,
    Pipe,
    Printer,
}

/// <summary>A request with its response; or the transfer of a file; or a call in a pipe.</summary>
internal sealed partial class SmbTransaction : Transaction, IDceRpcCarrier
{
    /// <summary>The connection, whose dialect records show.</summary>
    public SmbParser? Connection { get; set; }

    /// <summary>1, or 2 for SMB 2 and 3.</summary>
    public byte Version { get; set; }

    public ushort Command { get; set; }

    public SmbKind Kind { get; set; }

    public ulong SessionId { get; set; }

    public uint TreeId { get; set; }

    /// <summary>SMB 1: multiplex and process numbers.</summary>
    public ulong MessageId { get; set; }

    /// <summary>The response is awaited by its message number; false for transfers.</summary>
    public bool AwaitsResponse { get; set; }

    public bool HasStatus { get; set; }

    public uint Status { get; set; }

    /// <summary>SMB 1: the status is an error class and code instead of an NT status.</summary>
    public bool IsDosStatus { get; set; }

    public ByteBuffer Text { get; } = new();

    /// <summary>File name, share, or the new name of a rename.</summary>
    public Slice Name { get; set; } = Slice.None;

    /// <summary>The share of a transfer; the old name of a rename.</summary>
    public Slice Other { get; set; } = Slice.None;

    public Slice RequestOs { get; set; } = Slice.None;

    public Slice RequestLanManager { get; set; } = Slice.None;

    public Slice ResponseOs { get; set; } = Slice.None;

    public Slice ResponseLanManager { get; set; } = Slice.None;

    public Slice RequestService { get; set; } = Slice.None;

    public Slice ResponseService { get; set; } = Slice.None;

    /// <summary>Of a negotiation: the client's dialects, SMB 1 names in <see cref="Text"/>, or numbers.</summary>
    public PooledList<Slice> DialectNames { get; } = new(8);

    public PooledList<ushort> Dialects { get; } = new(8);

    public bool HasClientGuid { get; set; }

    public DceRpcUuid ClientGuid { get; set; }

    public bool HasServerGuid { get; set; }

    public DceRpcUuid ServerGuid { get; set; }

    public uint MaxReadBytes { get; set; }

    public uint MaxWriteBytes { get; set; }

    public SmbShareType ShareType { get; set; }

    public uint Disposition { get; set; }

    public bool DeletesOnClose { get; set; }

    /// <summary>What is opened must be a directory (FILE_DIRECTORY_FILE).</summary>
    public bool IsDirectory { get; set; }

    /// <summary>Seconds since 1970.</summary>
    public long Created { get; set; }

    public long Accessed { get; set; }

    public long Modified { get; set; }

    public long Changed { get; set; }

    public ulong FileSize { get; set; }

    /// <summary>SMB 2: 16 bytes; SMB 1: two, in the low half.</summary>
    public DceRpcUuid FileId { get; set; }

    public bool HasFileId { get; set; }

    public uint Function { get; set; }

    /// <summary>Of set-info.</summary>
    public ushort InfoLevel { get; set; }

    /// <summary>SMB 1's set-info names the path, not the file's number.</summary>
    public bool IsSetPath { get; set; }

    public SmbAuthentication Authentication { get; } = new();

    public DceRpcCall Call { get; } = new();

    public DceRpcCall? DceRpc => Kind == SmbKind.DceRpc ? Call : null;

    public FileAssembler Assembler { get; } = new();

    public override FileList FilesToServer { get; } = new();

    public override FileList FilesToClient { get; } = new();

    public void Raise(SmbAnomaly anomaly) => Note((int)anomaly);

    public void Complete()
    {
        ProgressToServer = 1;
        ProgressToClient = 1;
        AwaitsResponse = false;
    }

    public override void Reset()
    {
        base.Reset();
        Connection = null;
        Version = 0;
        Command = 0;
        Kind = SmbKind.Generic;
        SessionId = 0;
        TreeId = 0;
        MessageId = 0;
        AwaitsResponse = false;
        HasStatus = false;
        Status = 0;
        IsDosStatus = false;
        Text.Reset();
        Name = Other = RequestOs = RequestLanManager = ResponseOs = ResponseLanManager = RequestService = ResponseService = Slice.None;
        DialectNames.Clear();
        Dialects.Clear();
        HasClientGuid = HasServerGuid = false;
        ClientGuid = ServerGuid = default;
        MaxReadBytes = MaxWriteBytes = 0;
        ResetFile();
        Function = 0;
        InfoLevel = 0;
        IsSetPath = false;
        Authentication.Reset();
        Call.Reset();
        Assembler.Reset();
    }

    private void ResetFile()
    {
        ShareType = SmbShareType.Unknown;
        Disposition = 0;
        DeletesOnClose = false;
        IsDirectory = false;
        Created = Accessed = Modified = Changed = 0;
        FileSize = 0;
        FileId = default;
        HasFileId = false;
    }
}
