using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols;

/// <summary>Which flow is expected: who connects to whom, on which port.</summary>
internal readonly record struct ExpectationKey(IpAddress Initiator, IpAddress Listener, ushort Port, byte Transport, ushort Vlan);

/// <summary>A flow that a parser has seen being arranged (FTP's data connection), with what its parser is to know.</summary>
/// <remarks>Pooled by <see cref="Expectations"/>; owned by the flow that took it until that flow's end.</remarks>
public sealed class Expectation
{
    /// <summary>The protocol the flow will speak.</summary>
    public ProtocolId Protocol { get; internal set; }

    /// <summary>The flow on which it was arranged.</summary>
    public ulong ParentId { get; internal set; }

    /// <summary>What the arranging protocol wants to say to the expected one: a number of its own.</summary>
    public int Purpose { get; internal set; }

    /// <summary>Who of the expected flow is to send.</summary>
    public Direction Sender { get; internal set; }

    /// <summary>Where the file of the flow begins in the whole, and the whole's length (-1: not said).</summary>
    public long Offset { get; internal set; }

    public long Total { get; internal set; } = -1;

    /// <summary>The same as text (a file name).</summary>
    public ByteBuffer Text { get; } = new();
}

/// <summary>The flows that parsers expect, as one worker sees them: what is noted by any worker is found by all that share a table.</summary>
/// <remarks>Owner: one worker. No allocation once its pool has grown.</remarks>
/// <param name="table">Shared by the workers; null: this worker's alone.</param>
/// <param name="hash">Makes the table's keys; the same for all that share it.</param>
public sealed class Expectations(ExpectationTable? table = null, FlowHash hash = default)
{
    private readonly ExpectationTable _table = table ?? new ExpectationTable();
    private readonly Stack<Expectation> _pool = new();

    /// <summary>Flows waited for.</summary>
    public int Count => _table.Count;

    /// <summary>Expectations that found no room.</summary>
    public long Refused => _table.Refused;

    /// <summary>Notes a flow; a second one of the same key takes the first one's place.</summary>
    internal void Add(
        in ExpectationKey key, ProtocolId protocol, ulong parentId, long nowUs, int purpose, ReadOnlySpan<byte> text, Direction sender = Direction.ToServer, long offset = 0, long total = -1) =>
        _table.Add(NameOf(key), key, new ExpectedFlow(protocol, parentId, purpose, sender, offset, total), nowUs, text);

    /// <summary>Takes the expectation of a flow, seen from its client.</summary>
    internal Expectation? Take(in ExpectationKey key, long nowUs)
    {
        Expectation taken = _pool.TryPop(out Expectation? pooled) ? pooled : new Expectation();
        taken.Text.Reset();
        if (!_table.TryTake(NameOf(key), key, nowUs, taken.Text, out ExpectedFlow flow))
        {
            _pool.Push(taken);
            return null;
        }

        taken.Protocol = flow.Protocol;
        taken.ParentId = flow.ParentId;
        taken.Purpose = flow.Purpose;
        taken.Sender = flow.Sender;
        taken.Offset = flow.Offset;
        taken.Total = flow.Total;
        return taken;
    }

    /// <summary>A flow gives back what it took.</summary>
    internal void Return(Expectation taken) => _pool.Push(taken);

    private ulong NameOf(in ExpectationKey key) =>
        hash.Combine(((ulong)key.Port << 32) | ((ulong)key.Transport << 16) | key.Vlan, key.Initiator, key.Listener, 0);
}
