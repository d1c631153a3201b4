namespace BridgeGuard.Engine.Streams;

/// <summary>A SYN or SYN/ACK that differs from others of the same handshake.</summary>
internal struct HandshakeVariant
{
    public uint Sequence;
    public uint Acknowledgement;
    public uint TimestampValue;
    public uint Window;
    public byte WindowScale;
    public bool HasTimestamp;
    public bool HasWindowScale;
    public bool SackPermitted;
}

/// <summary>The different SYNs and SYN/ACKs of one unfinished handshake, oldest first; which of them the ends took shows later.</summary>
/// <remarks>Bounded by <c>stream.max-syn-queued</c> and <c>stream.max-synack-queued</c>. Pooled; owned by a session until the handshake is over.</remarks>
internal sealed class HandshakeQueue(int synLimit, int synAckLimit)
{
    private readonly HandshakeVariant[] _syns = new HandshakeVariant[synLimit];
    private readonly HandshakeVariant[] _synAcks = new HandshakeVariant[synAckLimit];

    public int SynCount { get; private set; }

    public int SynAckCount { get; private set; }

    public ReadOnlySpan<HandshakeVariant> Syns => _syns.AsSpan(0, SynCount);

    public ReadOnlySpan<HandshakeVariant> SynAcks => _synAcks.AsSpan(0, SynAckCount);

    /// <summary>False when the limit is reached.</summary>
    public bool TryAddSyn(in HandshakeVariant variant)
    {
        if (Contains(Syns, in variant))
        {
            return true;
        }

        if (SynCount == _syns.Length)
        {
            return false;
        }

        _syns[SynCount++] = variant;
        return true;
    }

    /// <summary>False when the limit is reached.</summary>
    public bool TryAddSynAck(in HandshakeVariant variant)
    {
        if (Contains(SynAcks, in variant))
        {
            return true;
        }

        if (SynAckCount == _synAcks.Length)
        {
            return false;
        }

        _synAcks[SynAckCount++] = variant;
        return true;
    }

    public void Clear() => SynCount = SynAckCount = 0;

    private static bool Contains(ReadOnlySpan<HandshakeVariant> variants, in HandshakeVariant variant)
    {
        foreach (ref readonly HandshakeVariant known in variants)
        {
            if (known.Sequence == variant.Sequence && known.Acknowledgement == variant.Acknowledgement && known.Window == variant.Window
                && known.TimestampValue == variant.TimestampValue)
            {
                return true;
            }
        }

        return false;
    }
}
