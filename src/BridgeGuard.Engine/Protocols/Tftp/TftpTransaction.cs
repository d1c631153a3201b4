using BridgeGuard.Engine.Files;
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

    /// <summary>The transfer's data, followed only where somebody judges files; has no record of its own.</summary>
    public bool IsTransfer { get; set; }

    public FileList Uploads { get; } = new();

    public FileList Downloads { get; } = new();

    public override FileList FilesToServer => Uploads;

    public override FileList FilesToClient => Downloads;

    public override bool TryGetBuffer(int buffer, Direction direction, int index, out BufferView view)
    {
        view = default;
        return false;
    }

    public override void Reset()
    {
        base.Reset();
        IsWrite = false;
        IsTransfer = false;
        Text.Reset();
        Name = Slice.None;
        Mode = Slice.None;
    }
}
