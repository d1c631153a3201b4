using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols;

public sealed class ProtocolCatalogTests
{
    [Fact]
    public void NamesAreMadeOnce() => Assert.All(ProtocolCatalog.All, protocol =>
    {
        Assert.Same(protocol.ProgressNames(Direction.ToServer), protocol.ProgressNames(Direction.ToServer));
        Assert.Same(protocol.ProgressNames(Direction.ToClient), protocol.ProgressNames(Direction.ToClient));
        Assert.Same(protocol.Frames, protocol.Frames);
        Assert.Same(protocol.Loggers, protocol.Loggers);
    });

    [Fact]
    public void EveryProtocolIsListedOnce() => Assert.Equal(ProtocolCatalog.All.Length, ProtocolCatalog.All.Select(p => p.Id).Distinct().Count());
}
