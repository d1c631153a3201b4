using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Policy;

/// <summary>A flow whose last bytes of a file wait for the verdict: its packets in one direction are dropped until then and sent again by their sender.</summary>
/// <remarks>
/// Nothing is stored here: TCP's retransmission is the buffer, so a hold costs no memory and cannot be exhausted. Both ends stay alive because
/// acknowledgements in the other direction pass. One object per flow that ever held, reused.
/// </remarks>
public sealed class FileHold
{
    private readonly byte[] _sha256 = new byte[32];

    public Direction Direction { get; private set; }

    public long Size { get; private set; }

    public long StartedUs { get; private set; }

    public long DeadlineUs { get; private set; }

    public bool IsActive { get; private set; }

    public ReadOnlySpan<byte> Sha256 => _sha256;

    public void Begin(TrackedFile file, long nowUs, int holdMs)
    {
        file.Sha256.CopyTo(_sha256);
        Size = file.Size;
        Direction = file.Direction;
        StartedUs = nowUs;
        DeadlineUs = nowUs + (holdMs * 1000L);
        IsActive = true;
    }

    public void End() => IsActive = false;
}
