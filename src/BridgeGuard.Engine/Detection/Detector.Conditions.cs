using System.Buffers.Binary;
using BridgeGuard.Engine.Detection.Matchers;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;

namespace BridgeGuard.Engine.Detection;

/// <content>Conditions on the packet and its flow.</content>
public sealed partial class Detector
{
    private bool MatchConditions(int rule)
    {
        Span32 span = _rules.Entries[rule].Conditions;
        for (int i = 0; i < span.Count; i++)
        {
            ref readonly PacketCondition condition = ref _rules.Conditions[span.Start + i];
            if (!Test(condition))
            {
                return false;
            }
        }

        return true;
    }

    private bool Test(in PacketCondition condition) => condition.Kind switch
    {
        ConditionKind.Established => IsEstablished(),
        ConditionKind.NotEstablished => _flow is not null && !IsEstablished(),
        ConditionKind.FlowBitSet or ConditionKind.FlowBitNotSet => TestFlowBits(condition),
        ConditionKind.FlowIntTest or ConditionKind.FlowIntIsSet or ConditionKind.FlowIntNotSet => TestFlowInteger(condition),
        ConditionKind.XBitSet or ConditionKind.XBitNotSet or ConditionKind.HostBitSet or ConditionKind.HostBitNotSet => TestHostBit(condition),
        ConditionKind.PayloadSize => TestPayloadSize(condition.Test),
        ConditionKind.TcpFlags => _packet.IsTcp && TestTcpFlags(condition),
        ConditionKind.TcpSequence => _packet.IsTcp && condition.Test.Matches(_packet.Tcp.Sequence),
        ConditionKind.TcpAcknowledgement => _packet.IsTcp && condition.Test.Matches(_packet.Tcp.Acknowledgement),
        ConditionKind.TcpWindow => _packet.IsTcp && condition.Test.Matches(_packet.Tcp.Window) != condition.Negated,
        ConditionKind.TcpMss => _packet.IsTcp && _packet.Tcp.Mss != 0 && condition.Test.Matches(_packet.Tcp.Mss),
        ConditionKind.TcpWindowScale => _packet.IsTcp && _packet.Tcp.WindowScale >= 0 && condition.Test.Matches((ulong)_packet.Tcp.WindowScale),
        ConditionKind.Ttl => _packet.IpVersion != 0 && condition.Test.Matches(_packet.Ttl),
        ConditionKind.IpId => _packet.IpVersion == 4 && condition.Test.Matches(ReadNetwork16(4)) != condition.Negated,
        ConditionKind.Tos => _packet.IpVersion == 4 && condition.Test.Matches(_packet.NetworkBytes[1]) != condition.Negated,
        ConditionKind.IpProtocol => _packet.IpVersion != 0 && condition.Test.Matches(_packet.Protocol),
        ConditionKind.IpOption => _packet.IpVersion == 4 && HasIpOption(condition.A) != condition.Negated,
        ConditionKind.FragmentBits => _packet.IpVersion == 4 && TestFragmentBits((uint)(ReadNetwork16(6) >> 13), condition),
        ConditionKind.FragmentOffset => _packet.IpVersion == 4 && condition.Test.Matches((ulong)(ReadNetwork16(6) & 0x1fff)) != condition.Negated,
        ConditionKind.SameIp => _packet.IpVersion != 0 && _packet.SourceAddress == _packet.DestinationAddress,
        ConditionKind.IcmpType => IsIcmp() && condition.Test.Matches(_packet.IcmpType),
        ConditionKind.IcmpCode => IsIcmp() && condition.Test.Matches(_packet.IcmpCode),
        ConditionKind.IcmpId => TryGetIcmpWord(4, out ushort id) && condition.Test.Matches(id),
        ConditionKind.IcmpSequence => TryGetIcmpWord(6, out ushort sequence) && condition.Test.Matches(sequence),
        ConditionKind.IcmpV6Mtu => TestMtu(condition),
        ConditionKind.PacketEvent => _packet.Events.Contains((PacketEvent)condition.A),
        ConditionKind.AppEvent => (_packet.AppEvents & (AppLayerEvents)condition.A) != 0,
        ConditionKind.AppProtocol => TestAppProtocol(condition),
        ConditionKind.Vlan => TestVlan(condition),
        ConditionKind.VlanLayers => condition.Test.Matches(_packet.VlanCount),
        ConditionKind.NetworkProtocol => (_packet.IpVersion == condition.A) != condition.Negated,
        ConditionKind.PacketBuffer => TestPacketBuffer(condition),
        ConditionKind.Defragmented => _packet.Has(PacketFlags.Defragmented) != condition.Negated,
        ConditionKind.Reputation => _packet.IpVersion != 0 && TestReputation(condition),
        ConditionKind.Checksum => TestChecksum(condition),
        ConditionKind.Rpc => TestRpc(_rules.RpcTests[condition.A]),
        ConditionKind.GeoIp => _packet.IpVersion != 0 && TestAddresses(condition),
        ConditionKind.TcpSession => TestSession(condition.A),
        ConditionKind.FlowVariable => _flow is not null && TestVariable(_flow.Variables, condition),
        ConditionKind.PacketVariable => TestVariable(_inspector.PacketVariables, condition),
        _ => TestFlow(condition),
    };

    /// <summary>A: phases asked for: 1 not established, 2 established, 4 this packet closes its direction. Several may hold at once.</summary>
    private bool TestSession(int phases)
    {
        if (!_packet.IsTcp || _flow is null)
        {
            return false;
        }

        int phase = (_packet.Has(PacketFlags.Established) ? 2 : 1) | (_packet.Has(PacketFlags.Closing) ? 4 : 0);
        return (phases & phase) != 0;
    }

    /// <summary>A: the variable's name, B: the content that has to be in it.</summary>
    private bool TestVariable(FlowVariables variables, in PacketCondition condition)
    {
        for (int i = 0; i < variables.CaptureCount; i++)
        {
            ReadOnlySpan<byte> value = variables.GetCapture(i, out int name);
            if (name == condition.A)
            {
                return (_rules.Contents[condition.B].IndexIn(value) >= 0) != condition.Negated;
            }
        }

        return false;
    }

    /// <summary>Mode 0: source, 1: destination, 2: any, 3: both. A: category; B: 0 compares, 1 is set, 2 is not set.</summary>
    private bool TestReputation(in PacketCondition condition)
    {
        bool source = TestReputation(condition, _packet.SourceAddress);
        bool destination = TestReputation(condition, _packet.DestinationAddress);
        return Combine(condition.Mode, source, destination);
    }

    private bool TestReputation(in PacketCondition condition, IpAddress address)
    {
        bool has = _rules.Reputation.TryGet(address, condition.A, out byte score);
        return condition.B switch
        {
            1 => has,
            // Where one address is asked for, a score of 0 counts as none, too (as for Suricata).
            2 => !has || (score == 0 && condition.Mode < 2),
            _ => has && condition.Test.Matches(score),
        };
    }

    private static bool Combine(byte mode, bool source, bool destination) => mode switch
    {
        0 => source,
        1 => destination,
        2 => source || destination,
        _ => source && destination,
    };

    /// <summary>A: an expression of the address classifier. Mode as for reputation.</summary>
    private bool TestAddresses(in PacketCondition condition)
    {
        bool source = Contains(_packet.SourceAddress, condition.A) != condition.Negated;
        bool destination = Contains(_packet.DestinationAddress, condition.A) != condition.Negated;
        return Combine(condition.Mode, source, destination);
    }

    private bool Contains(IpAddress address, int expression) =>
        _rules.Addresses.Contains(_rules.Addresses.Classify(address, _packet.IpVersion), expression);

    /// <summary>A: 0 the IPv4 header's, else the transport protocol's; Mode: IP version wanted, 0 any. Negated: invalid is wanted.</summary>
    private bool TestChecksum(in PacketCondition condition)
    {
        // A packet of our own has no header to sum up.
        if (_packet.IpVersion == 0 || _packet.Has(PacketFlags.Pseudo) || (condition.Mode != 0 && condition.Mode != _packet.IpVersion))
        {
            return false;
        }

        bool isValid;
        if (condition.A == 0)
        {
            isValid = InternetChecksum.Fold(InternetChecksum.Sum(_packet.NetworkBytes[.._packet.NetworkHeaderLength])) == 0xffff;
        }
        else
        {
            if (_packet.Protocol != condition.A || _packet.TransportOffset < 0)
            {
                return false;
            }

            // RFC 768: 0 says that there is none, which is neither right nor wrong.
            if (condition.A == IpProtocols.Udp && _packet.IpVersion == 4 && BinaryPrimitives.ReadUInt16BigEndian(_packet.Buffer.AsSpan(_packet.TransportOffset + 6)) == 0)
            {
                return false;
            }

            isValid = InternetChecksum.IsTransportValid(_packet);
        }

        return isValid != condition.Negated;
    }

    /// <summary>A call message of ONC RPC (RFC 5531 §9): over TCP behind the 4-byte record mark.</summary>
    private bool TestRpc(RpcTest test)
    {
        ReadOnlySpan<byte> payload = _packet.Payload;
        if (_packet.IsTcp)
        {
            payload = payload.Length > 4 ? payload[4..] : [];
        }

        return payload.Length >= 24
            && BinaryPrimitives.ReadUInt32BigEndian(payload[4..]) == 0
            && BinaryPrimitives.ReadUInt32BigEndian(payload[8..]) == 2
            && BinaryPrimitives.ReadUInt32BigEndian(payload[12..]) == test.Program
            && (test.Version is not { } version || BinaryPrimitives.ReadUInt32BigEndian(payload[16..]) == version)
            && (test.Procedure is not { } procedure || BinaryPrimitives.ReadUInt32BigEndian(payload[20..]) == procedure);
    }

    /// <summary>
    /// «Not that many» is said of payloads: a packet without one does not match, as in Suricata. Nor does a size that only a payload can have
    /// match one that is not to be looked at, as behind the handshake of an encrypted flow; and none at all is no packet's that shows the stream.
    /// </summary>
    private bool TestPayloadSize(in IntegerRange test)
    {
        if (_packet.Has(PacketFlags.Pseudo) || !test.Matches((ulong)_packet.PayloadLength))
        {
            return false;
        }

        bool needsPayload = test.Comparison == IntegerComparison.NotEqual || !test.Matches(0);
        bool needsNone = test is { Comparison: IntegerComparison.Equal, First: 0 };
        return needsPayload ? _hasPayload : !needsNone || !_hasPayload;
    }

    private bool TestFlow(in PacketCondition condition)
    {
        if (_flow is not { } flow)
        {
            return false;
        }

        switch (condition.Kind)
        {
            case ConditionKind.FlowAge:
                return condition.Test.Matches((ulong)Math.Max(0, (flow.LastUs / 1_000_000) - (flow.StartUs / 1_000_000)));
            case ConditionKind.FlowPackets:
                return TestSides(condition, flow.PacketsToServer, flow.PacketsToClient);
            case ConditionKind.FlowBytes:
                return TestSides(condition, flow.BytesToServer, flow.BytesToClient);
            case ConditionKind.FlowStart:
                return (_packet.Direction == Direction.ToServer ? flow.PacketsToServer : flow.PacketsToClient) == 1;
            case ConditionKind.FlowElephant:
                return condition.Mode switch
                {
                    1 => flow.Has(FlowFlags.Elephant),
                    2 => flow.Has(FlowFlags.ElephantToClient),
                    3 => flow.Has(FlowFlags.Elephant | FlowFlags.ElephantToClient),
                    _ => flow.Has(FlowFlags.Elephant) && flow.Has(FlowFlags.ElephantToClient),
                };
            case ConditionKind.StreamSize:
                return TestStreamSize(flow, condition);
            case ConditionKind.GuestRole or ConditionKind.GuestTag:
                return TestGuest(flow, condition);
            default:
                return false;
        }
    }

    /// <summary>An end that is no guest has neither role nor tags, so a negation needs a guest too.</summary>
    private bool TestGuest(Flow flow, in PacketCondition condition)
    {
        ushort index = condition.Mode == 0 ? (flow.ClientGuest != 0 ? flow.ClientGuest : flow.ServerGuest)
            : flow.ClientGuest != 0 ? flow.ServerGuest : (ushort)0;
        if (Guests.Get(index) is not { } guest)
        {
            return false;
        }

        string wanted = _rules.Names[condition.A];
        if (condition.Kind == ConditionKind.GuestRole)
        {
            return wanted.Equals(Policy.Model.Roles[guest.Role].Name, StringComparison.OrdinalIgnoreCase) != condition.Negated;
        }

        foreach (string tag in guest.Tags)
        {
            if (wanted.Equals(tag, StringComparison.OrdinalIgnoreCase))
            {
                return !condition.Negated;
            }
        }

        return condition.Negated;
    }

    /// <summary>Mode 0: both added, 1: to server, 2: to client, 3: either, 4: each of both.</summary>
    private static bool TestSides(in PacketCondition condition, ulong toServer, ulong toClient) => condition.Mode switch
    {
        1 => condition.Test.Matches(toServer),
        2 => condition.Test.Matches(toClient),
        3 => condition.Test.Matches(toServer) || condition.Test.Matches(toClient),
        4 => condition.Test.Matches(toServer) && condition.Test.Matches(toClient),
        _ => condition.Test.Matches(toServer + toClient),
    };

    private bool IsEstablished() =>
        _flow is { } flow && (_packet.Protocol == IpProtocols.Tcp ? _packet.Has(PacketFlags.Established) : flow.IsEstablished);

    private bool TestFlowBits(in PacketCondition condition)
    {
        if (_flow is not { } flow)
        {
            return false;
        }

        // Several names: any of them set; or, for isnotset, any of them not set.
        foreach (int bit in _rules.Numbers.AsSpan(condition.A, condition.B))
        {
            if (flow.Variables.IsBitSet(bit) == (condition.Kind == ConditionKind.FlowBitSet))
            {
                return true;
            }
        }

        return false;
    }

    private bool TestFlowInteger(in PacketCondition condition)
    {
        if (_flow is not { } flow)
        {
            return false;
        }

        bool exists = flow.Variables.TryGetInteger(condition.A, out uint value);
        if (condition.Kind != ConditionKind.FlowIntTest)
        {
            return exists == (condition.Kind == ConditionKind.FlowIntIsSet);
        }

        if (!exists)
        {
            return false;
        }

        if (condition.B < 0)
        {
            return condition.Test.Matches(value);
        }

        // Compared with another variable.
        return flow.Variables.TryGetInteger(condition.B, out uint other) && (condition.Test with { First = other }).Matches(value);
    }

    private bool TestHostBit(in PacketCondition condition)
    {
        if (condition.Mode == (byte)TrackBy.Flow)
        {
            return _transaction is not null && _transaction.Bits.IsSet(condition.A) == (condition.Kind == ConditionKind.XBitSet);
        }

        GetHosts((TrackBy)condition.Mode, out IpAddress first, out IpAddress second);
        bool isHostBit = condition.Kind is ConditionKind.HostBitSet or ConditionKind.HostBitNotSet;
        bool isSet = _packet.IpVersion != 0 && _hostVariables.IsSet(condition.A, first, second, isHostBit, _packet.TimeUs);
        return isSet == (condition.Kind is ConditionKind.XBitSet or ConditionKind.HostBitSet);
    }

    private void GetHosts(TrackBy track, out IpAddress first, out IpAddress second)
    {
        first = track == TrackBy.Destination ? _packet.DestinationAddress : _packet.SourceAddress;
        second = default;
        if (track == TrackBy.Both)
        {
            bool ordered = _packet.SourceAddress < _packet.DestinationAddress;
            first = ordered ? _packet.SourceAddress : _packet.DestinationAddress;
            second = ordered ? _packet.DestinationAddress : _packet.SourceAddress;
        }
    }

    /// <summary>A: the bits asked for, B: bits not looked at. Mode 0 exact, 1 all of them and perhaps others, 2 any, 3 not all.</summary>
    /// <remarks>
    /// As in Suricata a rule that names a flag of a connection's begin or end is for packets that have one of these, whatever sign stands before; so is
    /// one that names URG, ECE or CWR. None at all (<c>0</c>) is what it says with every sign but <c>!</c>.
    /// </remarks>
    private bool TestTcpFlags(in PacketCondition condition)
    {
        const TcpFlags session = TcpFlags.Syn | TcpFlags.Fin | TcpFlags.Rst;
        const TcpFlags unusual = TcpFlags.Urg | TcpFlags.Ece | TcpFlags.Cwr;
        var wanted = (TcpFlags)condition.A;
        TcpFlags flags = _packet.Tcp.Flags;
        if (((wanted & session) != 0 && (flags & session) == 0) || ((wanted & unusual) != 0 && (flags & unusual) == 0))
        {
            return false;
        }

        uint bits = (uint)flags & ~(uint)condition.B;
        return wanted == 0 ? (bits == 0) != (condition.Mode == 3) : TestBits(bits, condition);
    }

    /// <summary>As flags, but for <c>+</c>: there Suricata wants another bit beside those named.</summary>
    private static bool TestFragmentBits(uint bits, in PacketCondition condition) => TestBits(bits, condition) && (condition.Mode != 1 || bits != (uint)condition.A);

    private static bool TestBits(uint bits, in PacketCondition condition)
    {
        uint wanted = (uint)condition.A;
        return condition.Mode switch
        {
            1 => (bits & wanted) == wanted,
            2 => (bits & wanted) != 0,
            3 => (bits & wanted) != wanted,
            _ => bits == wanted,
        };
    }

    private ushort ReadNetwork16(int offset) => BinaryPrimitives.ReadUInt16BigEndian(_packet.NetworkBytes[offset..]);

    private bool IsIcmp() => _packet.TransportOffset >= 0 && _packet.Protocol is IpProtocols.Icmp or IpProtocols.IcmpV6;

    /// <summary>Identifier and sequence of the messages that have them: echo, and for ICMPv4 timestamp, information and mask.</summary>
    private bool TryGetIcmpWord(int offset, out ushort value)
    {
        value = 0;
        if (!IsIcmp())
        {
            return false;
        }

        bool has = _packet.Protocol == IpProtocols.Icmp ? _packet.IcmpType is 0 or 8 or 13 or 14 or 15 or 16 or 17 or 18 : _packet.IcmpType is 128 or 129;
        ReadOnlySpan<byte> bytes = _packet.TransportBytes;
        if (!has || bytes.Length < offset + 2)
        {
            return false;
        }

        value = BinaryPrimitives.ReadUInt16BigEndian(bytes[offset..]);
        return true;
    }

    private bool TestMtu(in PacketCondition condition)
    {
        ReadOnlySpan<byte> bytes = _packet.TransportBytes;
        return _packet.Protocol == IpProtocols.IcmpV6 && _packet.TransportOffset >= 0 && _packet.IcmpType == 2 && bytes.Length >= 8
            && condition.Test.Matches(BinaryPrimitives.ReadUInt32BigEndian(bytes[4..]));
    }

    /// <summary>RFC 791 §3.1: options are type, length, data; A is the type looked for, -1 any.</summary>
    private bool HasIpOption(int wanted)
    {
        if (_packet.NetworkHeaderLength <= 20)
        {
            return false;
        }

        ReadOnlySpan<byte> options = _packet.NetworkBytes[20..Math.Min(_packet.NetworkHeaderLength, _packet.NetworkBytes.Length)];
        while (options.Length > 0)
        {
            byte type = options[0];
            if (type == wanted || (wanted < 0 && type > 1))
            {
                return true;
            }

            if (type == 0)
            {
                return false;
            }

            int length = type == 1 ? 1 : options.Length > 1 ? options[1] : 0;
            if (length < (type == 1 ? 1 : 2) || length > options.Length)
            {
                return false;
            }

            options = options[length..];
        }

        return false;
    }

    /// <summary>Mode 0: the flow's, 1: to server, 2: to client, 3: either direction's, 4: both, 5: the original before a change.</summary>
    private bool TestAppProtocol(in PacketCondition condition)
    {
        if (_flow is not { } flow)
        {
            return false;
        }

        var wanted = (ProtocolId)condition.A;
        if (condition.Mode is 0 && wanted != ProtocolId.Unknown && !IsDetectionDecided(flow))
        {
            return false;
        }

        bool result = condition.Mode switch
        {
            1 => Is(wanted, flow.AppToServer),
            2 => Is(wanted, flow.AppToClient),
            3 => Is(wanted, flow.AppToServer) || Is(wanted, flow.AppToClient),
            4 => Is(wanted, flow.AppToServer) && Is(wanted, flow.AppToClient),
            5 => Is(wanted, flow.AppOriginal),
            _ => Is(wanted, _packet.Direction == Direction.ToServer ? flow.AppToServer : flow.AppToClient),
        };
        return result != condition.Negated;
    }

    private bool IsDetectionDecided(Flow flow) =>
        (_packet.Direction == Direction.ToServer ? flow.AppToServer : flow.AppToClient) != ProtocolId.Unknown;

    private static bool Is(ProtocolId wanted, ProtocolId actual) => AppMatches(wanted, actual);

    /// <summary>B: layer, from 0; negative from the innermost; <see cref="int.MaxValue"/>: any layer; <see cref="int.MinValue"/>: all.</summary>
    private bool TestVlan(in PacketCondition condition)
    {
        int count = _packet.VlanCount;
        if (condition.B is int.MaxValue or int.MinValue)
        {
            int hits = 0;
            for (int i = 0; i < count; i++)
            {
                hits += condition.Test.Matches(VlanAt(i)) ? 1 : 0;
            }

            return condition.B == int.MaxValue ? hits > 0 : count > 0 && hits == count;
        }

        int layer = condition.B < 0 ? count + condition.B : condition.B;
        return layer >= 0 && layer < count && condition.Test.Matches(VlanAt(layer));
    }

    private ushort VlanAt(int layer) => layer switch
    {
        0 => _packet.Vlan0,
        1 => _packet.Vlan1,
        _ => _packet.Vlan2,
    };

    /// <summary>
    /// Instructions over header bytes. A, B: the instructions; Mode: which bytes; Test.First: 1 + the number of transforms, 0 without. Negated: <c>absent</c>,
    /// which as in Suricata never holds of a header; after <c>or_else</c> the instructions may.
    /// </summary>
    private bool TestPacketBuffer(in PacketCondition condition)
    {
        if (!TryGetHeaderBytes((PacketBufferKind)condition.Mode, out ReadOnlySpan<byte> bytes) || condition is { Negated: true, B: 0 })
        {
            return false;
        }

        if (condition.Test.First != 0)
        {
            foreach (Transforms.Transform transform in _rules.BufferTransforms[(int)condition.Test.First - 1])
            {
                bytes = transform.Apply(bytes, _transformScratch);
            }
        }

        return _inspector.Inspect(new Span32(condition.A, condition.B), bytes);
    }

    private bool TryGetHeaderBytes(PacketBufferKind kind, out ReadOnlySpan<byte> bytes)
    {
        bytes = default;
        switch (kind)
        {
            case PacketBufferKind.Ipv4Header when _packet.IpVersion == 4:
            case PacketBufferKind.Ipv6Header when _packet.IpVersion == 6:
                bytes = _packet.NetworkBytes[..Math.Min(_packet.NetworkHeaderLength, _packet.NetworkBytes.Length)];
                return true;
            case PacketBufferKind.TcpHeader when _packet.IsTcp:
            case PacketBufferKind.UdpHeader when _packet.IsUdp:
                bytes = _packet.TransportBytes[..Math.Min(_packet.TransportHeaderLength, _packet.TransportBytes.Length)];
                return true;
            case PacketBufferKind.IcmpV4Header when _packet.Protocol == IpProtocols.Icmp && _packet.TransportOffset >= 0:
            case PacketBufferKind.IcmpV6Header when _packet.Protocol == IpProtocols.IcmpV6 && _packet.TransportOffset >= 0:
                bytes = _packet.TransportBytes[..Math.Min(Math.Max(_packet.TransportHeaderLength, 8), _packet.TransportBytes.Length)];
                return true;
            case PacketBufferKind.SourceAddress when _packet.IpVersion != 0:
                bytes = WriteAddress(_packet.SourceAddress);
                return true;
            case PacketBufferKind.DestinationAddress when _packet.IpVersion != 0:
                bytes = WriteAddress(_packet.DestinationAddress);
                return true;
            default:
                return false;
        }
    }

    private ReadOnlySpan<byte> WriteAddress(IpAddress address)
    {
        bool isV4 = _packet.IpVersion == 4;
        address.Write(_addressBytes, isV4);
        return _addressBytes.AsSpan(0, isV4 ? 4 : 16);
    }

    private readonly byte[] _addressBytes = new byte[16];

    /// <summary>Mode 1: the server's side, 2: the client's, 3: both, 4: either. Bytes sent: from the sequence numbers seen.</summary>
    private static bool TestStreamSize(Flow flow, in PacketCondition condition)
    {
        if (flow.Tcp is not { } session)
        {
            return false;
        }

        bool client = condition.Test.Matches(SentBytes(session.StreamOf(Direction.ToServer)));
        bool server = condition.Test.Matches(SentBytes(session.StreamOf(Direction.ToClient)));
        return condition.Mode switch
        {
            1 => server,
            2 => client,
            3 => client && server,
            _ => client || server,
        };
    }

    private static ulong SentBytes(Streams.TcpStream? stream) => stream is null ? 0 : stream.NextSequence - stream.InitialSequence;
}
