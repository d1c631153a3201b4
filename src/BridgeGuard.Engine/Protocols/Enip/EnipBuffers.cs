using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Enip;

/// <summary>Numbers of the inspection buffers.</summary>
internal enum EnipBuffer
{
    ProductName,
    ServiceName,
}

/// <summary>What rules may look at besides the numbers of <see cref="EnipKeywords"/>.</summary>
internal static class EnipBuffers
{
    public static readonly BufferDescriptor[] All =
    [
        new() { Name = "enip.product_name", LocalId = (int)EnipBuffer.ProductName, Directions = DirectionMask.ToClient, Help = "the product's name in an identity" },
        new() { Name = "enip.service_name", LocalId = (int)EnipBuffer.ServiceName, Directions = DirectionMask.ToClient, Help = "the name of a service" },
    ];
}

/// <summary>The values of the buffers.</summary>
internal sealed partial class EnipTransaction
{
    public override bool TryGetBuffer(int buffer, Direction direction, int index, out BufferView view)
    {
        EnipContent wanted = (EnipBuffer)buffer == EnipBuffer.ProductName ? EnipContent.Identity : EnipContent.Services;
        bool exists = index == 0 && Response.Content == wanted && Response.Name.Exists;
        view = exists ? new BufferView(Response.Bytes[Response.Name]) : default;
        return exists;
    }
}
