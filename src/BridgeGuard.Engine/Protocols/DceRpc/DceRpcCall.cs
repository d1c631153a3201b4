using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.DceRpc;

/// <summary>An interface that a client offered to speak in a presentation context, and what the server said (C706 §12.6.3.1).</summary>
internal struct DceRpcInterface
{
    public DceRpcUuid Uuid;
    public ushort Major;
    public ushort Minor;
    public ushort ContextId;
    public bool IsAnswered;

    /// <summary>The bind that offered it was marked as a first fragment, as it must be.</summary>
    public bool IsFromFirstFragment;

    /// <summary>0: accepted.</summary>
    public ushort Result;
}

/// <summary>One exchange: a bind with its answer, or a request with its response. Owned and reset by a transaction.</summary>
internal sealed class DceRpcCall
{
    private readonly PooledList<DceRpcInterface> _interfaces = new(2);

    public DceRpcType Request { get; set; } = DceRpcType.None;

    public DceRpcType Response { get; set; } = DceRpcType.None;

    public uint CallId { get; set; }

    public ushort ContextId { get; set; }

    public ushort OperationNumber { get; set; }

    public bool IsLittleEndian { get; set; } = true;

    public int RequestFragments { get; set; }

    public int ResponseFragments { get; set; }

    public bool IsRequestComplete { get; set; }

    public bool IsResponseComplete { get; set; }

    public ByteBuffer RequestStub { get; } = new();

    public ByteBuffer ResponseStub { get; } = new();

    /// <summary>Offered in a bind; of a request the one it is for, when that is known.</summary>
    public Span<DceRpcInterface> Interfaces => _interfaces.Span;

    public int InterfaceCount => _interfaces.Count;

    public ByteBuffer Stub(bool toServer) => toServer ? RequestStub : ResponseStub;

    public bool IsStubComplete(bool toServer) => toServer ? IsRequestComplete : IsResponseComplete;

    /// <summary>Adds an interface; what is above <see cref="DceRpcLimits.MaxInterfaces"/> is left out.</summary>
    public void Add(in DceRpcInterface offered)
    {
        if (InterfaceCount < DceRpcLimits.MaxInterfaces)
        {
            _interfaces.Add(in offered);
        }
    }

    public void Reset()
    {
        Request = DceRpcType.None;
        Response = DceRpcType.None;
        CallId = 0;
        ContextId = 0;
        OperationNumber = 0;
        IsLittleEndian = true;
        RequestFragments = 0;
        ResponseFragments = 0;
        IsRequestComplete = false;
        IsResponseComplete = false;
        RequestStub.Reset();
        ResponseStub.Reset();
        _interfaces.Clear();
    }
}

/// <summary>A transaction that may carry a DCE/RPC call: DCE/RPC's own and SMB's over named pipes.</summary>
internal interface IDceRpcCarrier
{
    /// <summary>Null when this transaction carries none.</summary>
    DceRpcCall? DceRpc { get; }
}
