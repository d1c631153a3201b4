using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Pop3;

/// <summary>How far a direction got.</summary>
internal static class Pop3Progress
{
    public const byte Started = 0;
    public const byte Complete = 1;
}

/// <summary>A command with its response; the greeting is a response without a command.</summary>
internal sealed class Pop3Transaction : Transaction
{
    public ByteBuffer Text { get; } = new();

    public Pop3Command Command { get; set; }

    /// <summary>The command's word as it was sent.</summary>
    public Slice Word { get; set; } = Slice.None;

    public List<Slice> Arguments { get; } = [];

    /// <summary>A response is there and shown.</summary>
    public bool HasResponse { get; set; }

    public bool IsSuccess { get; set; }

    /// <summary>The text of the response's first line.</summary>
    public Slice Header { get; set; } = Slice.None;

    public List<Slice> Data { get; } = [];

    /// <summary>Lines of the response are still to come.</summary>
    public bool IsWithinData { get; set; }

    public bool IsAnswered { get; set; }

    public void Raise(Pop3Anomaly anomaly) => Note((int)anomaly);

    public void Complete()
    {
        IsAnswered = true;
        ProgressToServer = Pop3Progress.Complete;
        ProgressToClient = Pop3Progress.Complete;
    }

    public override bool TryGetBuffer(int buffer, Direction direction, int index, out BufferView view)
    {
        view = default;
        return false;
    }

    public override void Reset()
    {
        base.Reset();
        Text.Reset();
        Command = Pop3Command.Unknown;
        Word = Slice.None;
        Arguments.Clear();
        HasResponse = false;
        IsSuccess = false;
        Header = Slice.None;
        Data.Clear();
        IsWithinData = false;
        IsAnswered = false;
    }
}
