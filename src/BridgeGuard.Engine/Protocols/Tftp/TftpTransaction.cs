using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Tftp;

/// <summary>A request to read or write a file.</summary>
internal sealed class TftpTransaction : Transaction
{
    /// <summary>A message is complete when it is there.</summary>
    public const byte Complete = 1;

    public bool IsWrite { get; set; }

    public ByteBuffer Text { get; } = new();

    public Slice Name { get; set; } = Slice.None;

    /// <summary>In small letters.</summary>
    public Slice Mode { get; set; } = Slice.None;

    public override bool TryGetBuffer(int buffer, Direction direction, int index, out BufferView view)
    {
        view = default;
        return false;
    }

    public override void Reset()
    {
        base.Reset();
        IsWrite = false;
        Text.Reset();
        Name = Slice.None;
        Mode = Slice.None;
    }
}
