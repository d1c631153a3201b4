using BridgeGuard.Attachments;
using BridgeGuard.Attachments.Nfqueue;
using BridgeGuard.Host.Tests.Attachments.Bridge;

namespace BridgeGuard.Host.Tests.Attachments.Nfqueue;

/// <summary>The contract through netfilter queues, with frames that iptables sees: IPv4.</summary>
public sealed class NfqueueContractTests : WireContractTests
{
    /// <summary>iptables tells the sender's Ethernet address; the receiver's is learned from what it sends itself.</summary>
    private protected override int UntoldBytes => 6;

    /// <summary>There is no port for the host: A's is the first.</summary>
    private protected override ushort InjectPort => 1;

    private protected override byte[] Frame(byte mark) =>
        FrameBuilder.Udp(BridgeLab.AddressA, BridgeLab.AddressB, 4000, 4001, new string('x', 17) + (char)mark);

    private protected override void SkipUnlessPossible(BridgeLab lab) => RunningQueue.SkipUnlessPossible(lab);

    private protected override IAttachment CreateInner() => new NfqueueAttachment(RunningQueue.Options());
}
