using BridgeGuard.Engine.Detection;
using BridgeGuard.Rules.Semantics;

namespace BridgeGuard.Rules.Compilation;

/// <summary>Distinct headers, addresses, ports and protocol sets, numbered; and the rules behind each header.</summary>
internal sealed class HeaderTable(AddressMeanings meanings)
{
    private readonly Dictionary<string, int> _addressNumbers = [];
    private readonly List<(string? Text, AddressRanges Ranges)> _addresses = [];
    private readonly Dictionary<string, int> _portNumbers = [];
    private readonly List<IReadOnlyList<(ushort First, ushort Last)>> _ports = [];
    private readonly Dictionary<(ulong, ulong, ulong, ulong), short> _protocolNumbers = [];
    private readonly List<ulong[]> _protocols = [];
    private readonly Dictionary<RuleHeader, int> _headerNumbers = [];
    private readonly List<RuleHeader> _headers = [];
    private readonly List<Lists> _lists = [];
    private static readonly AddressRanges Everybody = new([(0, uint.MaxValue)], [(0, UInt128.MaxValue)]);

    private int _extraAddresses;

    public int Intern(RuleModel rule, RuleFlags directions)
    {
        var header = new RuleHeader
        {
            ProtocolSet = InternProtocols(rule.Protocols),
            IpVersion = rule.IpVersion,
            Flags = directions | (rule.IsBidirectional ? RuleFlags.Bidirectional : 0) | (rule.IsTwoWay ? RuleFlags.TwoWay : 0),
            Source = InternAddresses(rule.SourceText, rule.Source),
            Destination = InternAddresses(rule.DestinationText, rule.Destination),
            SourcePort = InternPorts(rule.SourcePortText, rule.SourcePorts),
            DestinationPort = InternPorts(rule.DestinationPortText, rule.DestinationPorts),
        };
        if (!_headerNumbers.TryGetValue(header, out int number))
        {
            number = _headers.Count;
            _headerNumbers.Add(header, number);
            _headers.Add(header);
            _lists.Add(new Lists());
        }

        return number;
    }

    public Lists ListsOf(int header) => _lists[header];

    /// <summary>Addresses that no rule header writes (suppressions).</summary>
    public int InternAddresses(AddressRanges ranges) => Intern($"suppress {_extraAddresses++}", null, ranges);

    public RuleHeader[] Headers() => [.. _headers];

    public HeaderRules[] Rules() =>
    [
        .. _lists.Select(lists => new HeaderRules
        {
            Always = [.. lists.Always],
            Events = [.. lists.Events],
            IpOnly = [.. lists.IpOnly],
            Detection = [.. lists.Detection],
            Transactions = [.. lists.Transactions],
            Anomalies = [.. lists.Anomalies],
            PayloadPatterns = lists.PayloadPatterns,
        }),
    ];

    public AddressViews BuildAddresses() => new([AddressClassifier.Build([.. _addresses.Select(a => a.Ranges)]), .. meanings.Build(_addresses)]);

    public PortClassifier BuildPorts() => PortClassifier.Build(_ports);

    public ulong[][] ProtocolSets() => [.. _protocols];

    private short InternProtocols(ulong[]? bits)
    {
        if (bits is null)
        {
            return -1;
        }

        var key = (bits[0], bits[1], bits[2], bits[3]);
        if (!_protocolNumbers.TryGetValue(key, out short number))
        {
            number = (short)_protocols.Count;
            _protocolNumbers.Add(key, number);
            _protocols.Add(bits);
        }

        return number;
    }

    private int InternAddresses(string text, AddressRanges? ranges)
    {
        // A variable that means everybody may mean less to a guest that is its own home.
        if (ranges is null && !(meanings.Any && text.Contains('$')))
        {
            return 0;
        }

        return Intern(text, text, ranges ?? Everybody);
    }

    private int Intern(string key, string? text, AddressRanges ranges)
    {
        if (!_addressNumbers.TryGetValue(key, out int number))
        {
            _addresses.Add((text, ranges));
            number = _addresses.Count;
            _addressNumbers.Add(key, number);
        }

        return number;
    }

    private int InternPorts(string text, IReadOnlyList<(ushort First, ushort Last)>? ranges)
    {
        if (ranges is null)
        {
            return 0;
        }

        if (!_portNumbers.TryGetValue(text, out int number))
        {
            _ports.Add(ranges);
            number = _ports.Count;
            _portNumbers.Add(text, number);
        }

        return number;
    }

    /// <summary>The rules of one header while they are collected.</summary>
    internal sealed class Lists
    {
        public List<int> Always { get; } = [];

        public List<int> Events { get; } = [];

        public List<int> IpOnly { get; } = [];

        public List<int> Detection { get; } = [];

        public List<int> Transactions { get; } = [];

        public List<int> Anomalies { get; } = [];

        public byte PayloadPatterns { get; set; }
    }
}
