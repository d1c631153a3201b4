using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols;

/// <summary>Which flow is expected: who connects to whom, on which port.</summary>
internal readonly record struct ExpectationKey(IpAddress Initiator, IpAddress Listener, ushort Port, byte Transport, ushort Vlan);

/// <summary>A flow that a parser has seen being arranged (FTP's data connection), with what its parser is to know.</summary>
/// <remarks>Pooled by <see cref="Expectations"/>; owned by it until a flow takes it, then by that flow until its end.</remarks>
public sealed class Expectation
{
    internal ExpectationKey Key { get; set; }

    /// <summary>The protocol the flow will speak.</summary>
    public ProtocolId Protocol { get; internal set; }

    /// <summary>The flow on which it was arranged.</summary>
    public ulong ParentId { get; internal set; }

    public long ExpiresUs { get; internal set; }

    /// <summary>What the arranging protocol wants to say to the expected one: a number of its own.</summary>
    public int Purpose { get; internal set; }

    /// <summary>The same as text (a file name).</summary>
    public ByteBuffer Text { get; } = new();
}

/// <summary>The flows that parsers expect. One per worker; bounded; no allocation once its pool has grown.</summary>
/// <remarks>
/// A flow is recognised only on the worker that arranged it: both connections have the same two addresses, so a distribution by addresses
/// (<c>cluster_flow</c> by IP pair) keeps them together, one by ports may not.
/// </remarks>
public sealed class Expectations
{
    /// <summary>Flows expected at once; at the bound further ones are not noted and counted in <see cref="Refused"/>.</summary>
    public const int MaxEntries = 4096;

    /// <summary>How long a flow is waited for. RFC 959 names no time; servers give up after one minute.</summary>
    public const long LifetimeUs = 60_000_000;

    private readonly Dictionary<ExpectationKey, Expectation> _byKey = new(MaxEntries);
    private readonly Queue<Expectation> _byAge = new(MaxEntries);
    private readonly Stack<Expectation> _pool = new();

    public int Count => _byKey.Count;

    /// <summary>Expectations that found no room.</summary>
    public ulong Refused { get; private set; }

    /// <summary>Notes a flow; a second one of the same key takes the first one's place.</summary>
    internal void Add(in ExpectationKey key, ProtocolId protocol, ulong parentId, long nowUs, int purpose, ReadOnlySpan<byte> text)
    {
        RemoveExpired(nowUs);
        if (_byKey.TryGetValue(key, out Expectation? entry))
        {
            entry.Text.Reset();
        }
        else if (_byAge.Count >= MaxEntries)
        {
            Refused++;
            return;
        }
        else
        {
            entry = _pool.TryPop(out Expectation? pooled) ? pooled : new Expectation();
            entry.Text.Reset();
            entry.Key = key;
            _byKey.Add(key, entry);
            entry.ExpiresUs = nowUs + LifetimeUs;
            _byAge.Enqueue(entry);
        }

        entry.Protocol = protocol;
        entry.ParentId = parentId;
        entry.Purpose = purpose;
        entry.Text.Append(text);
    }

    /// <summary>Takes the expectation of a flow, seen from its client.</summary>
    internal Expectation? Take(in ExpectationKey key, long nowUs)
    {
        RemoveExpired(nowUs);
        if (!_byKey.Remove(key, out Expectation? entry))
        {
            return null;
        }

        // Its place in the queue is found when it comes to the front: marked as gone until then.
        Expectation taken = _pool.TryPop(out Expectation? pooled) ? pooled : new Expectation();
        taken.Text.Reset();
        taken.Text.Append(entry.Text.Span);
        taken.Protocol = entry.Protocol;
        taken.ParentId = entry.ParentId;
        taken.Purpose = entry.Purpose;
        taken.Key = key;
        entry.Protocol = ProtocolId.Unknown;
        return taken;
    }

    /// <summary>A flow gives back what it took.</summary>
    internal void Return(Expectation taken) => _pool.Push(taken);

    private void RemoveExpired(long nowUs)
    {
        while (_byAge.TryPeek(out Expectation? oldest) && (oldest.Protocol == ProtocolId.Unknown || oldest.ExpiresUs <= nowUs))
        {
            _byAge.Dequeue();
            if (oldest.Protocol != ProtocolId.Unknown)
            {
                _byKey.Remove(oldest.Key);
            }

            _pool.Push(oldest);
        }
    }
}
