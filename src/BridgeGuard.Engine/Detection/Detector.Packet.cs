using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Streams;

namespace BridgeGuard.Engine.Detection;

/// <content>Rules over the packet, its flow and the reassembled stream.</content>
public sealed partial class Detector
{
    private const byte StreamPatterns = 1;
    private const byte PacketPatterns = 2;

    /// <summary>How far the bits of <see cref="FlowVariables.DetectionRulesDone"/> that tell of later datagrams are from those of a direction's first packet.</summary>
    private const int SecondDatagram = 2;
    private const int AnsweredDatagram = 4;

    /// <summary>The packet's payload is nothing that rules look at.</summary>
    private const PacketFlags PayloadHidden = PacketFlags.NoPayloadInspection | PacketFlags.Carrier;

    private ReadOnlySpan<byte> InspectedPayload => _packet.Has(PayloadHidden) ? [] : _packet.Payload;

    private void InspectPacket()
    {
        ClearCandidates();

        // Address-only rules come before all others whatever their action; their pass is weighed at the end.
        _isPassed = false;
        AddCandidates(_group.Always);
        if (!_packet.Events.IsEmpty || _packet.AppEvents != AppLayerEvents.None)
        {
            AddCandidates(_group.Events);
        }

        AddDetectionRules();
        bool hasStream = TryGetStream(out RawWindow stream);
        ReadOnlySpan<byte> payload = InspectedPayload;
        _hasPayload = (hasStream || !payload.IsEmpty) && !_packet.Has(PayloadHidden | PacketFlags.Pseudo);
        if (_group.PayloadPatterns != 0)
        {
            PrefilterPayloads(hasStream, stream, payload);
        }

        int previous = -1;
        foreach (int rule in SortedCandidates())
        {
            if (_isPassed)
            {
                break;
            }

            if (rule != previous)
            {
                LookAtPacketRule(rule, hasStream, stream, payload);
            }

            previous = rule;
        }
    }

    private void LookAtPacketRule(int rule, bool hasStream, RawWindow stream, ReadOnlySpan<byte> payload)
    {
        if (Costs is not { } costs)
        {
            EvaluatePacketRule(rule, hasStream, stream, payload);
            return;
        }

        long matched = RulesMatched;
        long begun = costs.Begin();
        EvaluatePacketRule(rule, hasStream, stream, payload);
        costs.End(rule, begun, RulesMatched != matched);
    }

    private void PrefilterPayloads(bool hasStream, RawWindow stream, ReadOnlySpan<byte> payload)
    {
        bool wantsStream = (_group.PayloadPatterns & StreamPatterns) != 0;
        if (hasStream && wantsStream)
        {
            Prefilter(PayloadKind.TcpStream, stream.Data, BeginOf(stream));
        }

        if (payload.IsEmpty)
        {
            return;
        }

        if (!_packet.IsTcp)
        {
            Prefilter(_packet.IsUdp ? PayloadKind.UdpPacket : PayloadKind.OtherPacket, payload, 0);
            return;
        }

        if ((_group.PayloadPatterns & PacketPatterns) != 0)
        {
            Prefilter(PayloadKind.TcpPacket, payload, 0);
        }

        if (wantsStream && !IsInStream)
        {
            Prefilter(PayloadKind.TcpStream, payload, 0);
        }
    }

    /// <summary>
    /// Rules that ask only for the protocol run once per direction, when its detection has ended; over UDP, as in Suricata, with the next datagram of the direction
    /// too, and with its first one in a conversation that has been answered.
    /// </summary>
    private void AddDetectionRules()
    {
        // The packet that makes a flow change its protocol runs them itself, behind those of our own that end the old one.
        if (_flow is not { } flow || _group.Detection.Length == 0 || !IsDetectionDecided(flow) || (flow.ChangePending && _packet.Has(PacketFlags.Pseudo)))
        {
            return;
        }

        ref byte done = ref flow.Variables.DetectionRulesDone;
        int before = done;
        int first = (int)_directionMask;
        if (_packet.IsUdp)
        {
            done |= (byte)((before & first) == 0 ? first : first << SecondDatagram);
            done |= (byte)(flow.IsEstablished ? first << AnsweredDatagram : 0);
        }
        else
        {
            done |= (byte)first;
        }

        if (done != before)
        {
            AddCandidates(_group.Detection);
        }
    }

    private void InspectEvents(bool decoderOnly)
    {
        if (_packet.Events.IsEmpty)
        {
            return;
        }

        foreach (int rule in _group.Events)
        {
            if (!decoderOnly || _rules.Entries[rule].Kind == RuleKind.DecoderEvent)
            {
                EvaluatePacketRule(rule, false, default, []);
            }
        }
    }

    /// <summary>Adds the rules whose fast pattern occurs in the data.</summary>
    private void Prefilter(PayloadKind kind, ReadOnlySpan<byte> data, long offset)
    {
        int slot = ((int)kind * 2) + (int)_packet.Direction;
        PrefilterTable[] tables = _rules.PayloadPrefilters[slot];
        if (!_settings.Detection.Prefilter)
        {
            foreach (PrefilterTable table in tables)
            {
                AddGroupMembers(table.Rules);
            }

            return;
        }

        _matches.Clear();
        for (ulong wanted = _group.PayloadTables(slot); wanted != 0; wanted &= wanted - 1)
        {
            PrefilterTable table = tables[System.Numerics.BitOperations.TrailingZeroCount(wanted)];
            if (table.App == ProtocolId.Unknown || AppMatches(table.App, _app))
            {
                table.Set.ScanChunk(data, offset, isLast: true, _matches);
            }
        }

        AddGroupMembers(_matches.Ids);
    }

    private void AddGroupMembers(ReadOnlySpan<int> rules)
    {
        foreach (int rule in rules)
        {
            if (_group.HasHeader(_rules.HeaderOfRule[rule]))
            {
                AddCandidate(rule);
            }
        }
    }

    /// <summary>Where bytes are missing the stream is shown in several stretches: those after the first are for rules on the stream alone.</summary>
    private void InspectFurtherStretches()
    {
        _hasPayload = false;
        Reassembler!.MarkRawInspected(_flow!, _packet.Direction);
        while (!_isPassed && Reassembler.TryGetRawWindow(_flow!, _packet.Direction, out RawWindow stretch))
        {
            ClearCandidates();
            if ((_group.PayloadPatterns & StreamPatterns) != 0)
            {
                Prefilter(PayloadKind.TcpStream, stretch.Data, BeginOf(stretch));
            }

            int previous = -1;
            foreach (int rule in SortedCandidates())
            {
                if (rule != previous && !_alerts.Holds(_rules.Infos[rule]))
                {
                    LookAtPacketRule(rule, hasStream: true, stretch, []);
                }

                previous = rule;
            }

            Reassembler.MarkRawInspected(_flow!, _packet.Direction);
        }
    }

    private void EvaluatePacketRule(int rule, bool hasStream, RawWindow stream, ReadOnlySpan<byte> payload)
    {
        ref readonly RuleEntry entry = ref _rules.Entries[rule];
        if (!IsVisible(entry))
        {
            return;
        }

        RulesEvaluated++;
        _inspector.BeginRule(_rules, _flow);
        if (!MatchConditions(rule))
        {
            return;
        }

        AlertFlags flags = AlertFlags.None;
        if ((entry.Flags & RuleFlags.HasPayload) != 0
            && !InspectPayload(entry, hasStream, stream, payload, out flags))
        {
            return;
        }

        if ((entry.Flags & RuleFlags.Replaces) != 0 && Enforces)
        {
            KeepReplacements(rule);
        }

        // A datagram that a rule of its protocol found belongs to the exchange it has made; one that answers belongs to it for rules on the protocol alone.
        if (_packet.IsUdp && entry.App != ProtocolId.Unknown && _flow?.AppState is { Transactions.Count: > 0 } state
            && state.Transactions[state.Transactions.Count - 1] is { } newest && (entry.Kind == RuleKind.AppLayer || IsNew(newest)))
        {
            OnMatch(rule, flags, newest);
            return;
        }

        Transaction? guessed = _settings.Detection.GuessTransaction ? GuessTransaction() : null;
        OnMatch(rule, guessed is null ? flags : flags | AlertFlags.TransactionGuessed, guessed);
    }

    /// <summary>Made by the packet at hand: nobody has looked at it with a packet of the other direction.</summary>
    private bool IsNew(Transaction transaction) =>
        !transaction.ExistsIn(_packet.Direction.Opposite())
        || transaction.Detection(_packet.Direction.Opposite()) is { InspectedChanges: 0, IsFinished: false };

    /// <summary>What a rule says before its options: protocol, and whether packets of this sort concern it.</summary>
    private bool IsVisible(in RuleEntry entry)
    {
        if (entry.App != ProtocolId.Unknown && !AppMatches(entry.App, _app))
        {
            return false;
        }

        if (!_packet.Has(PacketFlags.Pseudo))
        {
            return true;
        }

        // A pseudo packet carries stream data and the end of a flow, nothing of its own. One amid the flow shows its state to rules on that; rules on a protocol
        // and a direction hold for it as for any packet.
        return entry.Kind switch
        {
            RuleKind.Packet => (_packet.Source == PacketSource.StreamDetectEnd || (entry.Flags & RuleFlags.OfDirection) != 0) && (entry.Flags & RuleFlags.NeedPacket) == 0,
            RuleKind.DecoderEvent => false,
            RuleKind.LikeIpOnly => (entry.Flags & RuleFlags.NeedPacket) == 0,
            _ => true,
        };
    }

    /// <summary>Where positions in contents say a window begins: passively each window begins anew.</summary>
    private long BeginOf(in RawWindow window) => _settings.IsInline ? window.Offset : 0;

    /// <summary>The segment's bytes are in the reassembled stream: rules on the stream see them there, when they are due.</summary>
    private bool IsInStream => _packet.Has(PacketFlags.StreamAdded);

    private bool InspectPayload(
        in RuleEntry entry, bool hasStream, RawWindow stream, ReadOnlySpan<byte> payload, out AlertFlags flags)
    {
        flags = AlertFlags.None;
        if ((entry.Flags & RuleFlags.NeedStream) != 0)
        {
            if (hasStream && _inspector.Inspect(
                entry.Payload, stream.Data, BeginOf(stream), isComplete: true))
            {
                flags = AlertFlags.Stream;
                return true;
            }

            if (IsInStream && (entry.Flags & RuleFlags.NeedPacket) == 0)
            {
                // The bytes will be seen with the stream; looking at them here as well would tell of them twice.
                return false;
            }
        }

        // As in Suricata, a segment that went into no stream is looked at by rules on streams as well, but for those that say flow:only_stream.
        return _hasPayload && (entry.Flags & RuleFlags.OnlyStream) == 0 && _inspector.Inspect(entry.Payload, payload);
    }

    /// <summary>What a match on bytes most likely belongs to: the only live transaction of the packet's direction; null when there are more.</summary>
    private Transaction? GuessTransaction()
    {
        if (_flow?.AppState is not { } state)
        {
            return null;
        }

        Transaction? only = null;
        for (int i = 0; i < state.Transactions.Count; i++)
        {
            if (!state.Transactions[i].ExistsIn(_packet.Direction))
            {
                continue;
            }

            if (only is not null)
            {
                return null;
            }

            only = state.Transactions[i];
        }

        return only;
    }

    /// <summary>Whether a rule for one protocol concerns a flow of another. As in Suricata, DNS over HTTP/2 is HTTP/2 and DNS, but not the <c>http</c> of rules.</summary>
    internal static bool AppMatches(ProtocolId rule, ProtocolId flow) => rule == flow || rule switch
    {
        ProtocolId.Http => flow is ProtocolId.Http1 or ProtocolId.Http2,
        ProtocolId.Doh2 => flow is ProtocolId.Http2,
        _ => AppCarries(rule, flow),
    };

    /// <summary>Whether flows of one protocol have the keywords of another.</summary>
    internal static bool AppCarries(ProtocolId rule, ProtocolId flow) => rule == flow || rule switch
    {
        ProtocolId.Http => flow is ProtocolId.Http1 or ProtocolId.Http2 or ProtocolId.Doh2,
        ProtocolId.Http2 => flow is ProtocolId.Doh2,
        ProtocolId.Dns => flow is ProtocolId.Doh2,
        ProtocolId.DceRpc => flow is ProtocolId.Smb,
        _ => false,
    };

    private bool TryGetStream(out RawWindow window)
    {
        window = default;
        bool has = _flow is { Tcp: not null } flow
            && _packet.Has(PacketFlags.StreamAdded | PacketFlags.Pseudo | PacketFlags.Established)
            && Reassembler is { } reassembler
            && reassembler.TryGetRawWindow(flow, _packet.Direction, out window);
        _hasShownStream |= has;
        return has;
    }
}
