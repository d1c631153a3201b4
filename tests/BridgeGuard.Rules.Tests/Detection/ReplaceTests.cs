using System.Buffers.Binary;
using System.Text;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Loading;
using BridgeGuard.Testing.Packets;
using Xunit;

namespace BridgeGuard.Rules.Tests.Detection;

/// <summary><c>replace</c> rewrites what its content matched in the packet on its way, inline only.</summary>
public sealed class ReplaceTests
{
    private const string Rule = "alert ip any any -> any any (content:\"evil\"; replace:\"good\"; sid:1;)";

    [Theory]
    [InlineData("an evil word", "an good word")]
    [InlineData("odd evil", "odd good")]
    [InlineData("no such word", "no such word")]
    [InlineData("evil evil", "good evil")]
    public void TheMatchIsRewrittenAndTheChecksumRight(string payload, string expected)
    {
        foreach (bool tcp in (bool[])[true, false])
        {
            var harness = new DetectorHarness(Rule, inline: true);
            uint[] sids = tcp ? harness.Tcp(payload) : harness.Udp(payload);
            Packet packet = Leave(harness);
            Assert.Equal(expected, Text(packet));
            Assert.True(Checksums.IsTransportSumRight(packet));
            Assert.Equal(payload != expected, packet.Has(PacketFlags.Modified));
            Assert.Equal(payload != expected ? [1U] : [], sids);
        }
    }

    [Fact]
    public void APartialChecksumStaysTheSumOfThePseudoHeader()
    {
        var harness = new DetectorHarness(Rule, inline: true);
        byte[] frame = FrameBuilder.Tcp(DetectorHarness.Client, 4000, DetectorHarness.Server, 80, 1, 1, "AP", "an evil word"u8);
        harness.Inspect(frame, Direction.ToServer, true, ChecksumState.Partial);
        byte[] before = frame[50..52];
        Packet packet = Leave(harness);
        Assert.Equal("an good word", Text(packet));
        Assert.Equal(before, frame[50..52]);
    }

    [Fact]
    public void ADatagramWithoutChecksumStaysWithout()
    {
        var harness = new DetectorHarness(Rule, inline: true);
        byte[] frame = FrameBuilder.Udp(DetectorHarness.Client, 4000, DetectorHarness.Server, 53, "evil"u8);
        frame[40] = frame[41] = 0;
        harness.Inspect(frame, Direction.ToServer, true);
        Assert.Equal("good", Text(Leave(harness)));
        Assert.Equal(0, BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(40)));
    }

    [Theory]
    [InlineData("content:\"a\"; replace:\"A\"; content:\"b\"; distance:0; within:1; replace:\"B\";", "a-ab-ab", "a-AB-ab")]
    [InlineData("content:\"ab\"; nocase; replace:\"xY\"; content:!\"zz\";", "--aB--", "--xY--")]
    [InlineData("content:\"ab\"; replace:\"xy\"; content:\"zz\";", "--ab--", "--ab--")]
    [InlineData("content:\"ab\"; offset:3; replace:\"xy\"; pcre:\"/^d$/R\";", "ab-ab-abd", "ab-ab-xyd")]
    public void OnlyWhatBelongsToTheMatchIsRewritten(string options, string payload, string expected)
    {
        var harness = new DetectorHarness($"alert tcp any any -> any any ({options} sid:1;)", inline: true);
        harness.Tcp(payload);
        Assert.Equal(expected, Text(Leave(harness)));
    }

    [Fact]
    public void AllRulesSeeThePacketAsItCame()
    {
        var harness = new DetectorHarness(
            $"{Rule}\nalert ip any any -> any any (content:\"evil\"; sid:2;)\nalert ip any any -> any any (content:\"good\"; sid:3;)", inline: true);
        Assert.Equal([1U, 2U], harness.Udp("evil"));
    }

    [Fact]
    public void AMatchThatAThresholdTakesBackRewritesNothing()
    {
        var harness = new DetectorHarness(
            "alert ip any any -> any any (content:\"evil\"; replace:\"good\"; detection_filter:track by_src, count 1, seconds 60; sid:1;)", inline: true);
        harness.Udp("evil");
        Assert.Equal("evil", Text(Leave(harness)));
        harness.Udp("evil");
        Assert.Equal("good", Text(Leave(harness)));
    }

    [Fact]
    public void ASilentRuleRewritesToo()
    {
        var harness = new DetectorHarness("alert ip any any -> any any (content:\"evil\"; replace:\"good\"; noalert; sid:1;)", inline: true);
        Assert.Empty(harness.Udp("evil"));
        Assert.Equal("good", Text(Leave(harness)));
    }

    [Fact]
    public void WhatIsDroppedIsNotRewritten()
    {
        var harness = new DetectorHarness($"{Rule}\ndrop ip any any -> any any (content:\"evil\"; sid:2;)", inline: true);
        harness.Udp("evil");
        Packet packet = Leave(harness);
        Assert.Equal(VerdictAction.Drop, packet.Action);
        Assert.False(packet.Has(PacketFlags.Modified));
    }

    [Fact]
    public void PassivelyItDoesNothingAndSaysSo()
    {
        var harness = new DetectorHarness(Rule);
        Assert.Equal([1U], harness.Udp("evil"));
        Assert.Equal("evil", Text(Leave(harness)));
        RuleDiagnostic said = Assert.Single(harness.Result.Diagnostics);
        Assert.Equal(DiagnosticSeverity.Warning, said.Severity);
    }

    [Theory]
    [InlineData("content:\"evil\"; replace:\"tooLong\";")]
    [InlineData("content:!\"evil\"; replace:\"good\";")]
    [InlineData("replace:\"good\"; content:\"evil\";")]
    public void AReplacementThatCannotBeIsAnError(string options)
    {
        RuleLoadResult result = RuleLoader.Load(new RuleLoadOptions
        {
            Texts = [("test.rules", $"alert tcp any any -> any any ({options} sid:1;)")],
            IsInline = true,
        });
        Assert.Contains(result.Diagnostics, diagnostic => diagnostic.Severity == DiagnosticSeverity.Error);
    }

    private static Packet Leave(DetectorHarness harness)
    {
        Packet packet = harness.LastPacket!;
        harness.Detector.Rewrite(packet);
        return packet;
    }

    private static string Text(Packet packet) => Encoding.Latin1.GetString(packet.Payload);
}
