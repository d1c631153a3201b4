using BridgeGuard.Attachments;
using BridgeGuard.Attachments.InMemory;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Host.Tests.Attachments.InMemory;

public sealed class InMemoryContractTests : AttachmentContractTests
{
    private protected override IAttachment Create(IReadOnlyList<byte[]> frames, ScratchFolder scratch) =>
        new InMemoryAttachment([.. frames.Select(frame => new InMemoryFrame(frame, new FrameInfo { LinkType = LinkType.Ethernet }))]);
}
