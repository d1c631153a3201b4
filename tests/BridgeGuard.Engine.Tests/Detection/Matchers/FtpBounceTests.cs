using System.Text;
using BridgeGuard.Engine.Detection.Matchers;
using Xunit;

namespace BridgeGuard.Engine.Tests.Detection.Matchers;

public sealed class FtpBounceTests
{
    [Theory]
    [InlineData("10,0,0,1,4,5", false)]
    [InlineData("10,0,0,2,4,5", true)]
    [InlineData(" 10,0,0,2,4,5\r\n", true)]
    [InlineData("10,0,0,256,4,5", false)]
    [InlineData("10,0,0,2", false)]
    [InlineData("10.0.0.2,4,5", false)]
    [InlineData("", false)]
    public void AnotherAddressIsABounce(string argument, bool expected) =>
        Assert.Equal(expected, FtpBounce.Matches(Encoding.ASCII.GetBytes(argument), [10, 0, 0, 1]));

    [Fact]
    public void Ipv6ClientsNeverMatch() => Assert.False(FtpBounce.Matches("10,0,0,2,4,5"u8, new byte[16]));
}
