namespace BridgeGuard.Engine.Protocols.DceRpc;

/// <summary>A bind, an alter-context or a request with its answer; over UDP a whole call of many fragments.</summary>
internal sealed partial class DceRpcTransaction : Transaction, IDceRpcCarrier
{
    public DceRpcCall Call { get; } = new();

    public DceRpcCall? DceRpc => Call;

    /// <summary>Over UDP: what tells calls apart, with <see cref="SequenceNumber"/>.</summary>
    public DceRpcUuid Activity { get; set; }

    public uint SequenceNumber { get; set; }

    public bool IsDatagram { get; set; }

    /// <summary>As <c>5.0</c>: the header's two bytes.</summary>
    public byte MajorVersion { get; set; }

    public byte MinorVersion { get; set; }

    public override void Reset()
    {
        base.Reset();
        Call.Reset();
        Activity = default;
        SequenceNumber = 0;
        IsDatagram = false;
        MajorVersion = 0;
        MinorVersion = 0;
    }
}
