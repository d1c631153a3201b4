using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Dnp3;

/// <summary>What rules may look at besides the keywords of <see cref="Dnp3Keywords"/>.</summary>
internal static class Dnp3Buffers
{
    public static readonly BufferDescriptor[] All =
    [
        new()
        {
            Name = "dnp3.data",
            Aliases = ["dnp3_data"],
            LocalId = 0,
            Directions = DirectionMask.Both,
            Help = "the application message, put together and without checksums",
        },
    ];
}

/// <summary>The value of the buffer.</summary>
internal sealed partial class Dnp3Transaction
{
    public override bool TryGetBuffer(int buffer, Direction direction, int index, out BufferView view)
    {
        view = new BufferView(Data.Span);
        return Data.Length > 0 && index == 0;
    }
}
