using BridgeGuard.Engine.Protocols;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols;

public sealed class ProtocolCatalogTests
{
    [Fact]
    public void EveryProtocolIsListedOnce() => Assert.Equal(ProtocolCatalog.All.Length, ProtocolCatalog.All.Select(p => p.Id).Distinct().Count());
}
