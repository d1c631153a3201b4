using BridgeGuard.Attachments;
using BridgeGuard.Attachments.Tap;
using BridgeGuard.Host.Tests.Attachments.Bridge;

namespace BridgeGuard.Host.Tests.Attachments.Tap;

/// <summary>Listening beside the sender's port.</summary>
public sealed class TapContractTests : WireContractTests
{
    private protected override bool IsPassive => true;

    private protected override IAttachment CreateInner() => new TapAttachment(new TapOptions { Devices = ["pa"] });
}
