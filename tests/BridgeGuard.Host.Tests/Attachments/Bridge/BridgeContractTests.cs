using BridgeGuard.Attachments;
using BridgeGuard.Attachments.Bridge;

namespace BridgeGuard.Host.Tests.Attachments.Bridge;

/// <summary>The contract on a real bridge: A sends the frames, what B (or A itself) receives is what left the attachment.</summary>
public abstract class WireContractTests : AttachmentContractTests, IDisposable
{
    private readonly List<BridgeLab> _labs = [];

    /// <summary>br0 is the first port of the table, A's is the second.</summary>
    private protected override ushort InjectPort => 2;

    public void Dispose() => _labs.ForEach(lab => lab.Dispose());

    private protected override IAttachment Create(IReadOnlyList<byte[]> frames, ScratchFolder scratch)
    {
        BridgeLab lab = new(withIp: false);
        _labs.Add(lab);
        SkipUnlessPossible(lab);
        return new OnTheWire(lab, frames, CreateInner(), InjectPort);
    }

    private protected virtual void SkipUnlessPossible(BridgeLab lab)
    {
    }

    /// <summary>The attachment in the host's namespace, before it is opened.</summary>
    private protected abstract IAttachment CreateInner();
}

/// <summary>Inline.</summary>
public sealed class BridgeContractTests : WireContractTests
{
    private protected override IAttachment CreateInner() => new BridgeAttachment(RunningBridge.Options() with { WorkerCount = 1 });
}

/// <summary>Ports in mode tap: the engine sees copies.</summary>
public sealed class BridgeMirrorContractTests : WireContractTests
{
    private protected override bool IsPassive => true;

    private protected override IAttachment CreateInner() =>
        new BridgeAttachment(RunningBridge.Options() with { WorkerCount = 1, DefaultMode = PortMode.Mirror });
}

/// <summary>Ports in mode monitor: frames wait for the engine, and go on whatever it says.</summary>
public sealed class BridgeMonitorContractTests : WireContractTests
{
    private protected override bool IsPassive => true;

    private protected override IAttachment CreateInner() =>
        new BridgeAttachment(RunningBridge.Options() with { WorkerCount = 1, DefaultMode = PortMode.Monitor });
}
