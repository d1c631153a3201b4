using BridgeGuard.Attachments;
using BridgeGuard.Attachments.Offline;

namespace BridgeGuard.Host.Tests.Attachments.Offline;

public sealed class OfflineContractTests : AttachmentContractTests
{
    private protected override IAttachment Create(IReadOnlyList<byte[]> frames, ScratchFolder scratch)
    {
        CaptureBuilder builder = new();
        foreach (byte[] frame in frames)
        {
            builder.Add(frame);
        }

        return new OfflineAttachment(new OfflineOptions { Paths = [builder.Save(scratch.Path)] });
    }
}
