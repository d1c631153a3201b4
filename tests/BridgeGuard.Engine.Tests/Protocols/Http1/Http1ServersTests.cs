using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Http1;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols.Http1;

public sealed class Http1ServersTests
{
    private static readonly Http1Servers Servers = new(new ProtocolSettings(new Dictionary<string, string>
    {
        ["libhtp.default-config.request-body-limit"] = "1000",
        ["libhtp.server-config.0.apache.address.0"] = "192.168.1.0/24",
        ["libhtp.server-config.0.apache.address.1"] = "::1",
        ["libhtp.server-config.0.apache.request-body-limit"] = "4096",
        ["libhtp.server-config.1.one.address"] = "192.168.1.7",
        ["libhtp.server-config.1.one.request-body-limit"] = "7",
    }));

    [Theory]
    [InlineData("192.168.1.9", 4096)]
    [InlineData("::1", 4096)]
    [InlineData("192.168.1.7", 7)]
    [InlineData("192.168.2.7", 1000)]
    [InlineData("::2", 1000)]
    public void TheNarrowestNetworkCounts(string address, long limit)
    {
        Assert.True(IpAddress.TryParse(address, out IpAddress server));
        Assert.Equal(limit, Servers.For(server).RequestBodyBytes);
    }

    [Fact]
    public void ASectionBeginsWithTheDefaults()
    {
        Assert.True(IpAddress.TryParse("192.168.1.9", out IpAddress server));
        Assert.Equal(100 << 10, Servers.For(server).ResponseBodyBytes);
    }
}
