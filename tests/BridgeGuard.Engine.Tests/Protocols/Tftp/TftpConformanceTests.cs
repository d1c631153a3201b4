using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Tftp;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols.Tftp;

public sealed class TftpConformanceTests : ProtocolConformanceTests
{
    protected override Protocol Protocol { get; } = new TftpProtocol();

    protected override IReadOnlyList<Turn[]> Samples { get; } =
    [
        [Turn.Client("\0\x01" + "rfc1350.txt\0octet\0")],
        [Turn.Client("\0\x02" + "a\0NetASCII\0blksize\0" + "1024\0"), Turn.Server("\0\x04\0\0")],
    ];

    [Theory]
    [InlineData("\0\x02" + "a.txt\0NetASCII\0", "{\"tftp\":{\"packet\":\"write\",\"file\":\"a.txt\",\"mode\":\"netascii\"}}")]
    [InlineData("\0\x01\0mail\0", "{\"tftp\":{\"packet\":\"read\",\"file\":\"\",\"mode\":\"mail\"}}")]
    public void RequestsAreRecords(string datagram, string record)
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed([Turn.Client(datagram)]);
        Assert.Equal(record, bench.Eve());
    }

    [Theory]
    [InlineData("\0\x01" + "a\0octet")]
    [InlineData("\0\x01" + "a\0weird\0")]
    [InlineData("\0\x01" + "a")]
    [InlineData("\0\x03\0\x01" + "abc")]
    [InlineData("\0")]
    public void WhatIsNoRequestMakesNoTransaction(string datagram)
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed([Turn.Client(datagram)]);
        Assert.Equal(0, bench.State.Transactions.Count);
    }
}
