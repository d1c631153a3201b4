using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.DceRpc;

/// <summary>The one buffer of DCE/RPC: stub data, the arguments of a call.</summary>
internal static class DceRpcBuffers
{
    public const int StubData = 0;

    public static readonly BufferDescriptor[] All = [Stub(StubData)];

    /// <summary>The same buffer for a protocol that carries DCE/RPC, under that protocol's number.</summary>
    public static BufferDescriptor Stub(int localId) => new()
    {
        Name = "dcerpc.stub_data",
        Aliases = ["dce_stub_data"],
        LocalId = localId,
        Directions = DirectionMask.Both,
        Help = "the arguments of a call: what follows the numbers of a request, and the body of a response",
    };

    /// <summary>The value of the buffer; false while there is none.</summary>
    public static bool TryGetStub(DceRpcCall? call, Direction direction, out BufferView view)
    {
        view = default;
        if (call is null)
        {
            return false;
        }

        bool toServer = direction == Direction.ToServer;
        ReadOnlySpan<byte> stub = call.Stub(toServer).Span;
        view = new BufferView(stub, 0, call.IsStubComplete(toServer));
        return stub.Length > 0;
    }
}

/// <summary>The value of the buffer.</summary>
internal sealed partial class DceRpcTransaction
{
    public override bool TryGetBuffer(int buffer, Direction direction, int index, out BufferView view) =>
        DceRpcBuffers.TryGetStub(Call, direction, out view);
}
