using BridgeGuard.Attachments;
using BridgeGuard.Attachments.Nfqueue;
using BridgeGuard.Host.Tests.Attachments.Bridge;
using Xunit;

namespace BridgeGuard.Host.Tests.Attachments.Nfqueue;

/// <summary>The contract through nftables' bridge family, which sees every EtherType. Skipped where the kernel has no <c>queue</c> for it.</summary>
public sealed class NfqueueBridgeFamilyContractTests : WireContractTests
{
    private const string Foreign = "table bridge others { chain forward { type filter hook forward priority -10; policy accept; ether type 0x9999 drop; }; }";

    /// <summary>There is no port for the host: A's is the first.</summary>
    private protected override ushort InjectPort => 1;

    private protected override void SkipUnlessPossible(BridgeLab lab)
    {
        (int code, string text) = BridgeLab.Run(
            "ip", $"netns exec {lab.Host} nft add table bridge bgprobe; add chain bridge bgprobe c; add rule bridge bgprobe c queue to 9; delete table bridge bgprobe");
        Assert.SkipUnless(code == 0, $"this kernel has no nftables bridge queue (CONFIG_NFT_QUEUE): {text}");
    }

    private protected override IAttachment CreateInner() => new NfqueueAttachment(RunningQueue.Options() with { Rules = NfqueueRules.NftBridge });

    [Fact]
    public void OtherPeoplesTablesStayAsTheyAre()
    {
        using BridgeLab lab = new();
        SkipUnlessPossible(lab);
        Assert.Equal(0, BridgeLab.Run("ip", $"netns exec {lab.Host} nft {Foreign}").Code);
        string before = Tables(lab);
        using (RunningQueue queue = RunningQueue.Start(
            lab, static (Span<byte> _, in Engine.Worker.FrameInfo _, Engine.Worker.FrameInjector _) => Engine.Worker.Verdict.Pass,
            RunningQueue.Options() with { Rules = NfqueueRules.NftBridge }))
        {
            Assert.NotEqual(before, Tables(lab));
            Assert.True(BridgeLab.Ping(lab.A, BridgeLab.AddressB));
        }

        Assert.Equal(before, Tables(lab));
    }

    private static string Tables(BridgeLab lab) => BridgeLab.Run("ip", $"netns exec {lab.Host} nft list ruleset").Output;
}
