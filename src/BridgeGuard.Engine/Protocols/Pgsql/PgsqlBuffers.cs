using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Pgsql;

/// <summary>What rules may look at.</summary>
internal static class PgsqlBuffers
{
    public static readonly BufferDescriptor[] All =
    [
        new() { Name = "pgsql.query", LocalId = 0, Directions = DirectionMask.ToServer, Help = "the text of a simple query" },
    ];
}

/// <summary>The value of the buffer.</summary>
internal sealed partial class PgsqlTransaction
{
    public override bool TryGetBuffer(int buffer, Direction direction, int index, out BufferView view)
    {
        bool exists = Request == PgsqlRequest.Query && index == 0 && direction == Direction.ToServer;
        view = exists ? new BufferView(Bytes[Text]) : default;
        return exists;
    }
}
