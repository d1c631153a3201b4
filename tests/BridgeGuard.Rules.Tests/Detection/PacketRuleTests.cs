using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using Xunit;

namespace BridgeGuard.Rules.Tests.Detection;

public sealed class PacketRuleTests
{
    [Theory]
    [InlineData("content:\"abc\";", "xxabcxx", true)]
    [InlineData("content:\"abc\";", "xxABCxx", false)]
    [InlineData("content:\"aBc\"; nocase;", "xxAbCxx", true)]
    [InlineData("content:!\"abc\"; content:\"x\";", "xxabcxx", false)]
    [InlineData("content:!\"abc\"; content:\"x\";", "xxabxx", true)]
    [InlineData("content:\"|61 62 63|\";", "xxabcxx", true)]
    [InlineData("content:\"a|3a|b\\;c\";", "a:b;c", true)]
    [InlineData("content:\"abc\"; offset:2;", "xxabc", true)]
    [InlineData("content:\"abc\"; offset:3;", "xxabc", false)]
    [InlineData("content:\"abc\"; depth:5;", "xxabc", true)]
    [InlineData("content:\"abc\"; depth:4;", "xxabc", false)]
    [InlineData("content:\"abc\"; offset:1; depth:4;", "xxabc", true)]
    [InlineData("content:\"abc\"; startswith;", "abcx", true)]
    [InlineData("content:\"abc\"; startswith;", "xabc", false)]
    [InlineData("content:\"abc\"; endswith;", "abcabc", true)]
    [InlineData("content:\"abc\"; endswith;", "abcx", false)]
    [InlineData("content:\"ab\"; content:\"cd\"; distance:0;", "cdabcd", true)]
    [InlineData("content:\"ab\"; content:\"cd\"; distance:0;", "cdab", false)]
    [InlineData("content:\"ab\"; content:\"cd\"; distance:1; within:3;", "abxcd", true)]
    [InlineData("content:\"ab\"; content:\"cd\"; within:2;", "abxcd", false)]
    [InlineData("content:\"ab\"; content:\"cd\"; within:2;", "abxabcd", true)]
    [InlineData("content:\"ab\"; content:\"cd\"; distance:-4;", "cdab", true)]
    [InlineData("content:\"a\"; content:\"b\"; distance:0; content:\"c\"; within:1;", "a b a bc", true)]
    [InlineData("content:\"a\"; content:!\"b\"; within:1;", "abac", true)]
    [InlineData("content:\"a\"; content:!\"b\"; within:1;", "abab", false)]
    [InlineData("pcre:\"/a[0-9]+c/\";", "xa123c", true)]
    [InlineData("pcre:\"/A[0-9]+C/i\";", "xa123c", true)]
    [InlineData("pcre:!\"/abc/\"; content:\"x\";", "xabc", false)]
    [InlineData("content:\"ab\"; pcre:\"/^c/R\";", "abdabc", true)]
    [InlineData("content:\"ab\"; pcre:\"/^c/R\";", "abdab", false)]
    [InlineData("pcre:\"/a./s\"; content:\"z\"; distance:0; within:1;", "axaz zabz", true)]
    [InlineData("content:\"a\"; isdataat:!1,relative;", "bba", true)]
    [InlineData("content:\"a\"; isdataat:!1,relative;", "bab", false)]
    [InlineData("isdataat:4;", "12345", true)]
    [InlineData("isdataat:5;", "12345", false)]
    [InlineData("byte_test:1,>,48,0;", "1", true)]
    [InlineData("byte_test:2,=,12,0,string,dec;", "12", true)]
    [InlineData("content:\"L\"; byte_jump:1,0,relative; content:\"end\"; within:3;", "L\x02xxend", true)]
    [InlineData("content:\"L\"; byte_jump:1,0,relative; content:\"end\"; within:3;", "L\x03xxend", false)]
    [InlineData("byte_extract:1,0,len; content:\"ab\"; offset:len;", "\x03xxab", true)]
    [InlineData("byte_extract:1,0,len; content:\"ab\"; offset:len;", "\x04xxab", false)]
    [InlineData("byte_math:bytes 1, offset 0, oper +, rvalue 1, result sum; byte_test:1,=,sum,1;", "\x03\x04", true)]
    [InlineData("base64_decode:bytes 8, offset 2; base64_data; content:\"hello\";", "x aGVsbG8=", true)]
    [InlineData("base64_decode:bytes 8, offset 2; base64_data; content:\"hullo\";", "x aGVsbG8=", false)]
    [InlineData("dsize:3;", "abc", true)]
    [InlineData("dsize:>3;", "abc", false)]
    [InlineData("flow.pkts:either,=1;", "abc", true)]
    [InlineData("flow.pkts:both,=1;", "abc", false)]
    public void PayloadOptionsMatchAsWritten(string options, string payload, bool expected)
    {
        foreach (bool prefilter in new[] { true, false })
        {
            var harness = new DetectorHarness($"alert udp any any -> any any (msg:\"t\"; {options} sid:1;)", prefilter);
            Assert.Equal(expected ? new uint[] { 1 } : [], harness.Udp(payload));
        }
    }

    [Theory]
    [InlineData("any any -> any any", true)]
    [InlineData("192.168.1.0/24 any -> any 53", true)]
    [InlineData("!192.168.1.0/24 any -> any 53", false)]
    [InlineData("[10.0.0.0/8,192.168.0.0/16] any -> any any", true)]
    [InlineData("[192.168.0.0/16,!192.168.1.0/24] any -> any any", false)]
    [InlineData("$HOME_NET any -> $EXTERNAL_NET any", true)]
    [InlineData("$EXTERNAL_NET any -> $HOME_NET any", false)]
    [InlineData("$EXTERNAL_NET any <> $HOME_NET any", true)]
    [InlineData("any 4000 -> any [50:60]", true)]
    [InlineData("any 4000 -> any [50:60,!53]", false)]
    [InlineData("any !4000 -> any any", false)]
    [InlineData("any 1024: -> any :1023", true)]
    [InlineData("192.168.1.5-192.168.1.15 any -> any any", true)]
    [InlineData("2001:db8::/32 any -> any any", false)]
    [InlineData("!2001:db8::/32 any -> any any", true)]
    public void HeadersSelectPackets(string header, bool expected)
    {
        var harness = new DetectorHarness($"alert udp {header} (msg:\"t\"; content:\"a\"; sid:1;)");
        Assert.Equal(expected ? new uint[] { 1 } : [], harness.Udp("a"));
    }

    [Fact]
    public void AddressOnlyRulesAlertOncePerDirection()
    {
        var harness = new DetectorHarness("alert ip any any -> any any (msg:\"t\"; sid:1;)");
        Assert.Equal([1u], harness.Tcp("a"));
        Assert.Empty(harness.Tcp("a"));
        Assert.Equal([1u], harness.Tcp("a", direction: Direction.ToClient));
        Assert.Empty(harness.Tcp("a", direction: Direction.ToClient));
    }

    /// <summary>With a negated address in it the rule is no longer one on addresses alone: it is asked of each packet, as in Suricata.</summary>
    [Fact]
    public void NegatedAddressesAreAskedOfEachPacket()
    {
        var harness = new DetectorHarness("alert ip any any -> !10.0.0.0/8 any (msg:\"t\"; sid:1;)");
        Assert.Equal([1u], harness.Tcp("a"));
        Assert.Equal([1u], harness.Tcp("a"));
    }

    /// <summary>What Suricata 8.0.8 says of the same packets: a flag of a connection's begin or end is looked for in packets that have one of these only.</summary>
    [Theory]
    [InlineData("!S", "A", false)]
    [InlineData("!S", "FA", true)]
    [InlineData("!F", "S", true)]
    [InlineData("!U", "A", false)]
    [InlineData("!A", "S", true)]
    [InlineData("!A", "A", false)]
    [InlineData("!AP", "A", true)]
    [InlineData("*AF", "A", false)]
    [InlineData("*AF", "SA", true)]
    [InlineData("*UA", "A", false)]
    [InlineData("!0", "A", true)]
    [InlineData("+0", "A", false)]
    [InlineData("+A", "FA", true)]
    [InlineData("S,CE", "S", true)]
    public void TcpFlagsAreThoseOfSuricata(string flags, string packet, bool expected)
    {
        var harness = new DetectorHarness($"alert tcp any any -> any any (msg:\"t\"; flags:{flags}; sid:1;)");
        Assert.Equal(expected ? new uint[] { 1 } : [], harness.Tcp("", packet));
    }

    [Theory]
    [InlineData("established", "A", true)]
    [InlineData("closing", "A", false)]
    [InlineData("closing", "FA", true)]
    [InlineData("setup", "FA", false)]
    [InlineData("setup,closing", "FA", true)]
    public void ASessionClosesWithItsFin(string phase, string packet, bool expected)
    {
        var harness = new DetectorHarness($"alert tcp any any -> any any (msg:\"t\"; tcp.session:{phase}; sid:1;)");
        Assert.Equal(expected ? new uint[] { 1 } : [], harness.Tcp("", packet));
    }

    [Fact]
    public void SettersOfFlowBitsRunBeforeReaders()
    {
        var harness = new DetectorHarness(
            """
            alert udp any any -> any any (msg:"reads"; content:"a"; flowbits:isset,b; sid:1;)
            alert udp any any -> any any (msg:"sets"; content:"a"; flowbits:set,b; sid:2;)
            alert udp any any -> any any (msg:"neither"; content:"a"; sid:3;)
            """);
        Assert.Equal([2u, 1u, 3u], harness.Udp("a"));
    }

    [Fact]
    public void AnyOfSeveralFlowBitsIsEnough()
    {
        var harness = new DetectorHarness(
            """
            alert udp any any -> any any (msg:"t"; content:"set"; flowbits:set,two; flowbits:noalert; sid:1;)
            alert udp any any -> any any (msg:"t"; content:"get"; flowbits:isset,one|two; sid:2;)
            alert udp any any -> any any (msg:"t"; content:"not"; flowbits:isnotset,two; sid:3;)
            """);
        Assert.Equal([3u], harness.Udp("not"));
        Assert.Empty(harness.Udp("get"));
        Assert.Empty(harness.Udp("set"));
        Assert.Equal([2u], harness.Udp("get"));
        Assert.Empty(harness.Udp("not"));
    }

    [Fact]
    public void FlowIntsCount()
    {
        var harness = new DetectorHarness(
            """
            alert udp any any -> any any (msg:"t"; content:"a"; flowint:nn,notset; flowint:nn,=,1; noalert; sid:1;)
            alert udp any any -> any any (msg:"t"; content:"b"; flowint:nn,+,1; noalert; sid:2;)
            alert udp any any -> any any (msg:"t"; content:"c"; flowint:nn,>,2; sid:3;)
            """);
        harness.Udp("a");
        harness.Udp("b");
        Assert.Empty(harness.Udp("c"));
        harness.Udp("b");
        Assert.Equal([3u], harness.Udp("c"));
    }

    [Fact]
    public void PassRulesSilenceWhatComesAfter()
    {
        var harness = new DetectorHarness(
            """
            alert udp any any -> any any (msg:"t"; content:"a"; sid:1;)
            pass udp any any -> any any (msg:"t"; content:"ab"; sid:2;)
            """);
        Assert.Equal([1u], harness.Udp("a"));
        Assert.DoesNotContain(1u, harness.Udp("ab"));
    }

    [Fact]
    public void DropsInlineActOnPacketAndFlow()
    {
        var harness = new DetectorHarness("drop ip any any -> any any (msg:\"t\"; sid:1;)", inline: true);
        Assert.Equal([1u], harness.Tcp("a"));
        Assert.Equal(Engine.Worker.VerdictAction.Drop, harness.LastPacket!.Action);
        Assert.True(harness.Flow.Has(FlowFlags.Dropped));
    }

    [Theory]
    [InlineData("type limit, track by_src, count 1, seconds 60", "1000")]
    [InlineData("type threshold, track by_src, count 2, seconds 60", "0101")]
    [InlineData("type both, track by_src, count 2, seconds 60", "0100")]
    [InlineData("type backoff, track by_flow, count 1, multiplier 2", "1101")]
    public void ThresholdsThinAlertsOut(string threshold, string expected)
    {
        var harness = new DetectorHarness($"alert udp any any -> any any (msg:\"t\"; content:\"a\"; threshold:{threshold}; sid:1;)");
        Assert.Equal(expected, string.Concat(expected.Select(_ => harness.Udp("a").Length)));
    }

    [Fact]
    public void DetectionFilterAlertsBeyondItsCount()
    {
        var harness = new DetectorHarness("alert udp any any -> any any (msg:\"t\"; content:\"a\"; detection_filter:track by_src, count 2, seconds 10; sid:1;)");
        Assert.Equal("0011", string.Concat(Enumerable.Range(0, 4).Select(_ => harness.Udp("a").Length)));
        harness.TimeUs += 60_000_000;
        Assert.Empty(harness.Udp("a"));
    }

    [Theory]
    [InlineData("flags:S;", "S", true)]
    [InlineData("flags:S;", "SA", false)]
    [InlineData("flags:S+;", "SA", true)]
    [InlineData("flags:*SF;", "SA", true)]
    [InlineData("flags:S,A;", "SA", true)]
    [InlineData("ttl:>1;", "S", true)]
    [InlineData("seq:1000;", "S", true)]
    [InlineData("ack:2000;", "S", true)]
    [InlineData("window:65000;", "S", true)]
    [InlineData("sameip;", "S", false)]
    [InlineData("ip_proto:6;", "S", true)]
    [InlineData("ip_proto:!tcp;", "S", false)]
    public void HeaderOptionsMatchAsWritten(string options, string flags, bool expected)
    {
        var harness = new DetectorHarness($"alert ip any any -> any any (msg:\"t\"; {options} sid:1;)");
        Assert.Equal(expected ? new uint[] { 1 } : [], harness.Tcp("", flags));
    }

    [Fact]
    public void IcmpOptionsMatch()
    {
        var harness = new DetectorHarness("alert icmp any any -> any any (msg:\"t\"; itype:8; icode:0; icmp_id:7; icmp_seq:9; sid:1;)");
        Assert.Equal([1u], harness.Ping(8, 7, 9));
        Assert.Empty(harness.Ping(8, 7, 8));
        Assert.Empty(harness.Ping(0, 7, 9));
    }

    [Fact]
    public void DirectionOfTheFlowIsRespected()
    {
        var harness = new DetectorHarness(
            """
            alert udp any any -> any any (msg:"t"; flow:to_server; content:"a"; sid:1;)
            alert udp any any -> any any (msg:"t"; flow:to_client; content:"a"; sid:2;)
            """);
        Assert.Equal([1u], harness.Udp("a"));
        Assert.Equal([2u], harness.Udp("a", Direction.ToClient));
        Assert.Empty(harness.Udp("a", withFlow: false));
    }

    [Fact]
    public void WarmInspectionAllocatesNothing()
    {
        var harness = new DetectorHarness(
            """
            alert udp any any -> any any (msg:"t"; content:"abc"; pcre:"/a.c/"; flowbits:set,x; threshold:type limit,track by_src,count 1,seconds 60; sid:1;)
            alert udp any any -> any any (msg:"t"; content:"abc"; flowbits:isset,x; sid:2;)
            """);
        harness.Udp("xxabcxx");
        Packet packet = harness.LastPacket!;
        for (int i = 0; i < 100; i++)
        {
            harness.Detector.Inspect(harness.Result.Rules, packet, harness.Flow, harness.Alerts);
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
        {
            harness.Detector.Inspect(harness.Result.Rules, packet, harness.Flow, harness.Alerts);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }
}
