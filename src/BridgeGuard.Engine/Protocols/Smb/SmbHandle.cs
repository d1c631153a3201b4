using BridgeGuard.Engine.Pools;
using BridgeGuard.Engine.Protocols.DceRpc;

namespace BridgeGuard.Engine.Protocols.Smb;

/// <summary>An open file or pipe: its name, and what is going on with it.</summary>
internal sealed class SmbHandle : IReusable
{
    public DceRpcUuid Id { get; set; }

    public ByteBuffer Name { get; } = new();

    /// <summary>Length of the file when it was opened, -1 when that was not seen.</summary>
    public long Size { get; set; } = -1;

    /// <summary>Its opening was seen.</summary>
    public bool IsOpened { get; set; }

    public bool IsPipe { get; set; }

    /// <summary>DCE/RPC is spoken in it: its name is that of a service, or its opening was not seen and a client's PDU told.</summary>
    public bool IsDceRpc { get; set; }

    /// <summary>The transfers that go on; null when none does.</summary>
    public SmbTransaction? Reading { get; set; }

    public SmbTransaction? Writing { get; set; }

    /// <summary>Half a PDU in each direction of a pipe.</summary>
    public ByteBuffer PendingToServer { get; } = new();

    public ByteBuffer PendingToClient { get; } = new();

    /// <summary>The contexts of the association in this pipe.</summary>
    public DceRpcInterfaces Interfaces { get; } = new();

    public ByteBuffer Pending(bool toServer) => toServer ? PendingToServer : PendingToClient;

    public void Reset()
    {
        Id = default;
        Name.Reset();
        Size = -1;
        IsOpened = false;
        IsPipe = false;
        IsDceRpc = false;
        Reading = null;
        Writing = null;
        PendingToServer.Reset();
        PendingToClient.Reset();
        Interfaces.Reset();
    }
}

/// <summary>A connected share.</summary>
internal sealed class SmbTree : IReusable
{
    public ByteBuffer Name { get; } = new();

    public SmbShareType Type { get; set; }

    public void Reset()
    {
        Name.Reset();
        Type = SmbShareType.Unknown;
    }
}

/// <summary>A read whose data is awaited.</summary>
internal sealed class SmbPendingRead : IReusable
{
    public DceRpcUuid FileId { get; set; }

    public ulong Offset { get; set; }

    /// <summary>Where the request's tree leads, for servers whose answers do not name it.</summary>
    public bool IsPipe { get; set; }

    public void Reset()
    {
        FileId = default;
        Offset = 0;
        IsPipe = false;
    }
}
