using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Protocols;

namespace BridgeGuard.Engine.Detection;

/// <summary>The rules whose header matches a kind of packet: (protocol, direction, address classes, port classes).</summary>
/// <remarks>Made by a worker when the first such packet comes, then reused; owned by that worker's <see cref="RuleGroupCache"/>.</remarks>
internal sealed class RuleGroup
{
    private readonly ulong[] _headers;

    private readonly RuleGroupKey _key;

    private readonly PayloadMasks _payloadTables;

    private RuleGroup(RuleSet rules, in RuleGroupKey key, ulong[] headers)
    {
        RuleSet = rules;
        _key = key;
        _headers = headers;
        for (int slot = 0; slot < rules.PayloadPrefilters.Length; slot++)
        {
            PrefilterTable[] tables = rules.PayloadPrefilters[slot];
            for (int i = 0; i < tables.Length; i++)
            {
                _payloadTables[slot] |= Array.Exists(tables[i].Headers, HasHeader) ? 1UL << i : 0;
            }
        }
    }

    /// <summary>Which of the payload searches of a kind and direction have a rule for the group, one bit each.</summary>
    public ulong PayloadTables(int slot) => _payloadTables[slot];

    public RuleSet RuleSet { get; }

    public int[] Always { get; private init; } = [];

    public int[] Events { get; private init; } = [];

    public int[] IpOnly { get; private init; } = [];

    public int[] Detection { get; private init; } = [];

    /// <summary>By protocol.</summary>
    public int[][] Transactions { get; private init; } = [];

    public int[][] Anomalies { get; private init; } = [];

    /// <summary>By protocol: those of <see cref="Transactions"/> that are hooks alone.</summary>
    public int[][] Hooks { get; private init; } = [];

    /// <summary>Bit 0: stream patterns, bit 1: packet patterns.</summary>
    public byte PayloadPatterns { get; private init; }

    public Direction Direction => _key.Direction;

    /// <summary>The group of the packets that go the other way between the same ends; null until one was met.</summary>
    public RuleGroup? Opposite { get; set; }

    /// <summary>Whether the group, found for an earlier packet of the same flow, or its opposite, is that of this packet too.</summary>
    public bool Suits(RuleSet rules, Packet packet) =>
        ReferenceEquals(RuleSet, rules) && _key.Protocol == packet.Protocol && _key.IpVersion == packet.IpVersion
        && (packet.TransportOffset >= 0 || packet.Has(PacketFlags.Pseudo));

    /// <summary>The packet fits a rule for both directions (<c>&lt;&gt;</c>) as it is written and the other way round: that is two matches, as for Suricata.</summary>
    public bool FitsBothWays(in RuleHeader header) =>
        (header.Flags & RuleFlags.Bidirectional) != 0
        && (header.Source != header.Destination || header.SourcePort != header.DestinationPort)
        && MatchesEnds(RuleSet, header, _key.SourceClass, _key.DestinationClass, _key.SourcePortClass, _key.DestinationPortClass)
        && MatchesEnds(RuleSet, header, _key.DestinationClass, _key.SourceClass, _key.DestinationPortClass, _key.SourcePortClass);

    public bool HasHeader(int header) => (_headers[header >> 6] & (1UL << (header & 63))) != 0;

    public static RuleGroup Build(RuleSet rules, in RuleGroupKey key)
    {
        var headers = new ulong[(rules.Headers.Length + 63) >> 6];
        var always = new List<int>();
        var events = new List<int>();
        var ipOnly = new List<int>();
        var detection = new List<int>();
        var transactions = new List<int>();
        var anomalies = new List<int>();
        byte payload = 0;
        for (int i = 0; i < rules.Headers.Length; i++)
        {
            if (!Matches(rules, rules.Headers[i], key))
            {
                continue;
            }

            headers[i >> 6] |= 1UL << (i & 63);
            HeaderRules lists = rules.HeaderRules[i];
            always.AddRange(lists.Always);
            events.AddRange(lists.Events);
            ipOnly.AddRange(lists.IpOnly);
            detection.AddRange(lists.Detection);
            transactions.AddRange(lists.Transactions);
            anomalies.AddRange(lists.Anomalies);
            payload |= lists.PayloadPatterns;
        }

        return new RuleGroup(rules, key, headers)
        {
            Always = Sorted(always),
            Events = Sorted(events),
            IpOnly = Sorted(ipOnly),
            Detection = Sorted(detection),
            Transactions = ByProtocol(rules, transactions),
            Anomalies = ByProtocol(rules, anomalies),
            Hooks = ByProtocol(rules, transactions.FindAll(rule => (rules.Entries[rule].Flags & RuleFlags.HookOnly) != 0)),
            PayloadPatterns = payload,
        };
    }

    [System.Runtime.CompilerServices.InlineArray((int)PayloadKind.Count * 2)]
    private struct PayloadMasks
    {
        private ulong _first;
    }

    private static int[] Sorted(List<int> rules)
    {
        rules.Sort();
        return [.. rules];
    }

    private static int[][] ByProtocol(RuleSet rules, List<int> members)
    {
        var lists = new List<int>?[(int)ProtocolId.Count];
        foreach (int rule in members)
        {
            RuleEntry entry = rules.Entries[rule];
            for (int i = 0; i < entry.Engines.Count; i++)
            {
                List<int> list = lists[(int)rules.Engines[entry.Engines.Start + i].Protocol] ??= [];
                if (list.Count == 0 || list[^1] != rule)
                {
                    list.Add(rule);
                }
            }
        }

        var result = new int[(int)ProtocolId.Count][];
        for (int i = 0; i < result.Length; i++)
        {
            result[i] = lists[i] is { } list ? Sorted(list) : [];
        }

        return result;
    }

    private static bool Matches(RuleSet rules, in RuleHeader header, in RuleGroupKey key)
    {
        if (header.IpVersion != 0 && header.IpVersion != key.IpVersion)
        {
            return false;
        }

        if (header.ProtocolSet >= 0)
        {
            ulong[] set = rules.ProtocolSets[header.ProtocolSet];
            if ((set[key.Protocol >> 6] & (1UL << (key.Protocol & 63))) == 0)
            {
                return false;
            }
        }

        if (!key.HasFlow)
        {
            // Without a flow there is no direction; a rule that insists on one cannot match.
            if ((header.Flags & (RuleFlags.ToServer | RuleFlags.ToClient)) != (RuleFlags.ToServer | RuleFlags.ToClient))
            {
                return false;
            }
        }
        else if ((header.Flags & (key.Direction == Direction.ToServer ? RuleFlags.ToServer : RuleFlags.ToClient)) == 0)
        {
            return false;
        }

        // A two-way rule is written from the client's side and looks at the answers as well.
        bool isAnswer = (header.Flags & RuleFlags.TwoWay) != 0 && key.Direction == Direction.ToClient;
        return (!isAnswer && MatchesEnds(rules, header, key.SourceClass, key.DestinationClass, key.SourcePortClass, key.DestinationPortClass))
            || ((isAnswer || (header.Flags & RuleFlags.Bidirectional) != 0)
                && MatchesEnds(rules, header, key.DestinationClass, key.SourceClass, key.DestinationPortClass, key.SourcePortClass));
    }

    private static bool MatchesEnds(RuleSet rules, in RuleHeader header, int source, int destination, int sourcePort, int destinationPort) =>
        rules.Addresses.Contains(source, header.Source)
        && rules.Addresses.Contains(destination, header.Destination)
        && rules.Ports.Contains(sourcePort, header.SourcePort)
        && rules.Ports.Contains(destinationPort, header.DestinationPort);
}

/// <summary>What selects a rule group.</summary>
internal readonly record struct RuleGroupKey(
    byte IpVersion,
    byte Protocol,
    bool HasFlow,
    Direction Direction,
    int SourceClass,
    int DestinationClass,
    int SourcePortClass,
    int DestinationPortClass);

/// <summary>The groups that a worker has met. Bounded: when full it is emptied, as groups are cheap to rebuild.</summary>
internal sealed class RuleGroupCache
{
    /// <summary>Groups kept; a group of a large rule set takes some kilobytes.</summary>
    public const int MaxGroups = 16_384;

    private readonly Dictionary<RuleGroupKey, RuleGroup> _groups = [];
    private RuleSet _rules = RuleSet.Empty;

    public int Count => _groups.Count;

    /// <summary>The group of a packet: the one its flow remembers, or by classes of addresses and ports.</summary>
    public RuleGroup Find(RuleSet rules, Packet packet, Flow? flow)
    {
        if (flow is null)
        {
            return Find(rules, packet, null, hasFlow: false);
        }

        if (flow.Group is not { } known || !known.Suits(rules, packet))
        {
            RuleGroup group = Find(rules, packet, flow, hasFlow: true);
            flow.Group = flow.Key.Protocol == packet.Protocol ? group : flow.Group;
            return group;
        }

        if (known.Direction == packet.Direction)
        {
            return known;
        }

        if (known.Opposite is not { } opposite)
        {
            opposite = Find(rules, packet, flow, hasFlow: true);
            known.Opposite = opposite;
            opposite.Opposite = known;
        }

        return opposite;
    }

    private RuleGroup Find(RuleSet rules, Packet packet, Flow? flow, bool hasFlow)
    {
        if (!ReferenceEquals(_rules, rules))
        {
            _groups.Clear();
            _rules = rules;
        }

        bool hasAddresses = packet.IpVersion != 0;
        bool toServer = packet.Direction == Direction.ToServer;
        FlowJudgement? judgement = flow?.Judgement;
        ushort sourceView = judgement is null ? (ushort)0 : toServer ? judgement.ClientView : judgement.ServerView;
        ushort destinationView = judgement is null ? (ushort)0 : toServer ? judgement.ServerView : judgement.ClientView;
        bool hasPorts = (packet.TransportOffset >= 0 || packet.Has(PacketFlags.Pseudo)) && packet.Protocol is IpProtocols.Tcp or IpProtocols.Udp or IpProtocols.Sctp;
        var key = new RuleGroupKey(
            packet.IpVersion,
            packet.Protocol,
            hasFlow,
            hasFlow ? packet.Direction : Direction.ToServer,
            hasAddresses ? rules.Addresses.Classify(sourceView, packet.SourceAddress, packet.IpVersion) : 0,
            hasAddresses ? rules.Addresses.Classify(destinationView, packet.DestinationAddress, packet.IpVersion) : 0,
            hasPorts ? rules.Ports.Classify(packet.SourcePort) : rules.Ports.NoPorts,
            hasPorts ? rules.Ports.Classify(packet.DestinationPort) : rules.Ports.NoPorts);
        if (_groups.TryGetValue(key, out RuleGroup? group))
        {
            return group;
        }

        if (_groups.Count == MaxGroups)
        {
            _groups.Clear();
        }

        group = RuleGroup.Build(rules, key);
        _groups.Add(key, group);
        return group;
    }
}
