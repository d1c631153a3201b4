using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Irc;

/// <summary>One message.</summary>
internal sealed class IrcTransaction : Transaction
{
    private readonly Slice[] _parameters = new Slice[IrcLimits.MaxParameters];

    public ByteBuffer Text { get; } = new();

    public Slice Prefix { get; set; } = Slice.None;

    public Slice Command { get; set; } = Slice.None;

    public int ParameterCount { get; private set; }

    /// <summary>The parameters are a password.</summary>
    public bool IsSecret { get; set; }

    public ReadOnlySpan<byte> Parameter(int index) => Text[_parameters[index]];

    /// <summary>False when there are too many.</summary>
    public bool TryAdd(ReadOnlySpan<byte> parameter)
    {
        if (ParameterCount == _parameters.Length)
        {
            return false;
        }

        _parameters[ParameterCount++] = Text.Append(parameter);
        return true;
    }

    public void Raise(IrcAnomaly anomaly) => Note((int)anomaly);

    public override bool TryGetBuffer(int buffer, Direction direction, int index, out BufferView view) => IrcBuffers.TryGet(this, buffer, direction, index, out view);

    public override void Reset()
    {
        base.Reset();
        Text.Reset();
        Prefix = Command = Slice.None;
        ParameterCount = 0;
        IsSecret = false;
    }
}
