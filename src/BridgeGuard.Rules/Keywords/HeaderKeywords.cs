using System.Globalization;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Detection.Matchers;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Semantics;

namespace BridgeGuard.Rules.Keywords;

/// <summary>Values of the packet's own headers.</summary>
internal static class HeaderKeywords
{
    public static readonly Keyword[] All =
    [
        Integer("dsize", ConditionKind.PayloadSize, IntegerRange.MaxU16, "bytes of the packet's payload"),
        Integer("ttl", ConditionKind.Ttl, IntegerRange.MaxU8, "IPv4 time to live or IPv6 hop limit"),
        Plain("tos", ConditionKind.Tos, IntegerRange.MaxU8, "IPv4 type of service", "!"),
        Plain("id", ConditionKind.IpId, IntegerRange.MaxU16, "IPv4 identification", ""),
        Plain("fragoffset", ConditionKind.FragmentOffset, IntegerRange.MaxU16, "IPv4 fragment offset", "<>"),
        Plain("tcp.seq", ConditionKind.TcpSequence, IntegerRange.MaxU32, "TCP sequence number", "", "seq"),
        Plain("tcp.ack", ConditionKind.TcpAcknowledgement, IntegerRange.MaxU32, "TCP acknowledgement number", "", "ack"),
        Plain("tcp.window", ConditionKind.TcpWindow, IntegerRange.MaxU16, "TCP window", "!", "window"),
        Integer("tcp.mss", ConditionKind.TcpMss, IntegerRange.MaxU16, "TCP maximum segment size option"),
        Integer("tcp.wscale", ConditionKind.TcpWindowScale, IntegerRange.MaxU8, "TCP window scale option"),
        Integer("itype", ConditionKind.IcmpType, IntegerRange.MaxU8, "ICMP type"),
        Integer("icode", ConditionKind.IcmpCode, IntegerRange.MaxU8, "ICMP code"),
        Plain("icmp_id", ConditionKind.IcmpId, IntegerRange.MaxU16, "ICMP identifier", ""),
        Plain("icmp_seq", ConditionKind.IcmpSequence, IntegerRange.MaxU16, "ICMP sequence number", ""),
        Integer("icmpv6.mtu", ConditionKind.IcmpV6Mtu, IntegerRange.MaxU32, "MTU of an ICMPv6 packet too big message"),
        Integer("vlan.layers", ConditionKind.VlanLayers, IntegerRange.MaxU8, "how many VLAN tags the packet has"),
        new()
        {
            Name = "vlan.id",
            Argument = ArgumentRule.Required,
            Help = "a VLAN id: number, layer (0 outermost), any or all",
            Apply = ApplyVlan,
        },
        new()
        {
            Name = "tcp.flags",
            Aliases = ["flags"],
            Argument = ArgumentRule.Required,
            Help = "TCP flags FSRPAUCE, with + * or !, and flags to ignore after a comma",
            Apply = ApplyTcpFlags,
        },
        new()
        {
            Name = "fragbits",
            Argument = ArgumentRule.Required,
            Help = "IPv4 flags M, D, R, with + * or !",
            Apply = ApplyFragmentBits,
        },
        new()
        {
            Name = "ipopts",
            Argument = ArgumentRule.Required,
            Help = "an IPv4 option is present",
            Apply = ApplyIpOption,
        },
        new()
        {
            Name = "ip_proto",
            TakesQuotes = true,
            Argument = ArgumentRule.Required,
            Help = "IP protocol by number or name, with ! < >",
            Apply = ApplyIpProtocol,
        },
        new()
        {
            Name = "sameip",
            Argument = ArgumentRule.None,
            Help = "source and destination address are the same",
            Apply = context => Add(context, new PacketCondition { Kind = ConditionKind.SameIp }),
        },
        new()
        {
            Name = "l3_proto",
            Argument = ArgumentRule.Required,
            Help = "ipv4 or ipv6",
            Apply = context =>
            {
                int version = context.Argument.ToLowerInvariant() switch
                {
                    "ipv4" or "ip4" => 4,
                    "ipv6" or "ip6" => 6,
                    _ => 0,
                };
                if (version == 0)
                {
                    context.FailArgument("ipv4 or ipv6");
                    return;
                }

                context.Rule.Conditions.Add(new ConditionModel(new PacketCondition { Kind = ConditionKind.NetworkProtocol, A = version }));
            },
        },
    ];

    /// <summary>Header bytes that are inspected like buffers.</summary>
    public static readonly (string Name, PacketBufferKind Kind)[] Buffers =
    [
        ("ipv4.hdr", PacketBufferKind.Ipv4Header),
        ("ipv6.hdr", PacketBufferKind.Ipv6Header),
        ("tcp.hdr", PacketBufferKind.TcpHeader),
        ("udp.hdr", PacketBufferKind.UdpHeader),
        ("icmpv4.hdr", PacketBufferKind.IcmpV4Header),
        ("icmpv6.hdr", PacketBufferKind.IcmpV6Header),
        ("ip.src", PacketBufferKind.SourceAddress),
        ("ip.dst", PacketBufferKind.DestinationAddress),
    ];

    private static readonly Dictionary<string, int> IpOptionTypes = new(StringComparer.OrdinalIgnoreCase)
    {
        ["rr"] = 7,
        ["eol"] = 0,
        ["nop"] = 1,
        ["ts"] = 0x44,
        ["sec"] = 0x82,
        ["esec"] = 0x85,
        ["lsrr"] = 0x83,
        ["ssrr"] = 0x89,
        ["satid"] = 0x88,
        ["cipso"] = 0x86,
        ["rtralt"] = 0x94,
        ["qs"] = 0x19,
        ["any"] = -1,
    };

    private static readonly Dictionary<string, byte> IpProtocolNames = new(StringComparer.OrdinalIgnoreCase)
    {
        ["icmp"] = IpProtocols.Icmp,
        ["igmp"] = IpProtocols.Igmp,
        ["ipip"] = IpProtocols.IpInIp,
        ["tcp"] = IpProtocols.Tcp,
        ["egp"] = 8,
        ["pup"] = 12,
        ["udp"] = IpProtocols.Udp,
        ["idp"] = 22,
        ["tp"] = 29,
        ["ipv6"] = IpProtocols.Ipv6,
        ["routing"] = IpProtocols.Routing,
        ["fragment"] = IpProtocols.Fragment,
        ["rsvp"] = 46,
        ["gre"] = IpProtocols.Gre,
        ["esp"] = IpProtocols.Esp,
        ["ah"] = IpProtocols.Ah,
        ["icmpv6"] = IpProtocols.IcmpV6,
        ["ipv6-icmp"] = IpProtocols.IcmpV6,
        ["none"] = IpProtocols.NoNext,
        ["dstopts"] = IpProtocols.DestinationOptions,
        ["ospf"] = 89,
        ["pim"] = 103,
        ["comp"] = 108,
        ["sctp"] = IpProtocols.Sctp,
    };

    private static void Add(BindContext context, PacketCondition condition) =>
        context.Rule.Conditions.Add(new ConditionModel(condition) { NeedsPacket = true });

    private static Keyword Integer(string name, ConditionKind kind, ulong max, string help, params string[] aliases) => new()
    {
        Name = name,
        Aliases = aliases,
        Argument = ArgumentRule.Required,
        Help = help,
        Apply = context =>
        {
            if (!IntegerRange.TryParse(context.Argument, max, out IntegerRange range, out ArgumentError error))
            {
                context.Fail(error);
                return;
            }

            if (kind == ConditionKind.PayloadSize && context.Rule.Conditions.Any(condition => condition.Condition.Kind == kind))
            {
                context.Fail(DiagnosticCode.Duplicate, "dsize is given twice");
                return;
            }

            if (kind == ConditionKind.VlanLayers && (range.First > MaxVlanLayers || range.Second > MaxVlanLayers))
            {
                context.FailArgument($"up to {MaxVlanLayers} layers");
                return;
            }

            Add(context, new PacketCondition { Kind = kind, Test = range });
        },
    };

    /// <summary>Tags that a packet is read through, here and in Suricata.</summary>
    private const ulong MaxVlanLayers = 3;

    /// <summary>A keyword older than the common integer syntax: one number, perhaps with one of a few signs before it.</summary>
    private static Keyword Plain(string name, ConditionKind kind, ulong max, string help, string signs, params string[] aliases) => new()
    {
        Name = name,
        Aliases = aliases,
        TakesQuotes = name == "tos",
        Argument = ArgumentRule.Required,
        Help = help,
        Apply = context =>
        {
            ReadOnlySpan<char> text = context.Argument.AsSpan().Trim();
            text = name == "tos" ? text.Trim('"') : text;
            IntegerComparison comparison = IntegerComparison.Equal;
            if (!text.IsEmpty && signs.Contains(text[0]))
            {
                comparison = text[0] == '!' ? IntegerComparison.NotEqual : text[0] == '<' ? IntegerComparison.Less : IntegerComparison.Greater;
                text = text[1..].Trim();
            }

            if (name == "fragoffset" && text.IndexOfAnyExceptInRange('0', '9') is > 0 and var end)
            {
                // Suricata reads the digits and no further.
                text = text[..end];
            }

            if (!ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong value) || value > max)
            {
                context.FailArgument($"a number up to {max}{(signs.Length > 0 ? $", perhaps with one of {signs} before it" : "")}");
                return;
            }

            Add(context, new PacketCondition { Kind = kind, Test = new IntegerRange(comparison, value, 0) });
        },
    };

    private static void ApplyVlan(BindContext context)
    {
        string[] parts = context.Argument.Split(',', StringSplitOptions.TrimEntries);
        if (parts.Length > 2 || !IntegerRange.TryParse(parts[0], 4095, out IntegerRange range, out _))
        {
            context.FailArgument("a VLAN id from 0 to 4094 or a range, then optionally a layer from -3 to 2, any or all");
            return;
        }

        int layer = int.MaxValue;
        if (parts.Length == 2)
        {
            switch (parts[1])
            {
                case "any":
                    break;
                case "all":
                    layer = int.MinValue;
                    break;
                default:
                    if (!int.TryParse(parts[1], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out layer) || layer is < -3 or > 2)
                    {
                        context.FailArgument("a layer from -3 to 2, any or all");
                        return;
                    }

                    break;
            }
        }

        Add(context, new PacketCondition { Kind = ConditionKind.Vlan, Test = range, B = layer });
    }

    private static void ApplyTcpFlags(BindContext context)
    {
        const string expected = "flags of FSRPAUCE (or 0 for none) with + * or !, then optionally a comma and flags to ignore";
        string[] parts = context.Argument.Split(',', StringSplitOptions.TrimEntries);
        byte mode = 0;
        int ignored = 0;
        if (parts.Length > 2 || !TryReadLetters(parts[0], TcpFlag, ref mode, out int flags))
        {
            context.FailArgument(expected);
            return;
        }

        byte none = 0;
        if (parts.Length == 2 && (parts[1].Contains('0') || !TryReadLetters(parts[1], TcpFlag, ref none, out ignored)))
        {
            context.FailArgument(expected);
            return;
        }

        Add(context, new PacketCondition { Kind = ConditionKind.TcpFlags, Mode = mode, A = flags, B = ignored });

        static int TcpFlag(char letter) => letter switch
        {
            'F' => (int)TcpFlags.Fin,
            'S' => (int)TcpFlags.Syn,
            'R' => (int)TcpFlags.Rst,
            'P' => (int)TcpFlags.Psh,
            'A' => (int)TcpFlags.Ack,
            'U' => (int)TcpFlags.Urg,
            'E' or '2' => (int)TcpFlags.Ece,
            'C' or '1' => (int)TcpFlags.Cwr,
            '0' => 0,
            _ => -1,
        };
    }

    private static void ApplyFragmentBits(BindContext context)
    {
        byte mode = 0;
        if (!TryReadLetters(context.Argument, Bit, ref mode, out int bits))
        {
            context.FailArgument("M, D and R, with + * or !");
            return;
        }

        Add(context, new PacketCondition { Kind = ConditionKind.FragmentBits, Mode = mode, A = bits });

        static int Bit(char letter) => letter switch
        {
            'M' => 1,
            'D' => 2,
            'R' => 4,
            _ => -1,
        };
    }

    /// <summary>Letters with one sign before or after them: 1 for +, 2 for *, 3 for !.</summary>
    private static bool TryReadLetters(string text, Func<char, int> bitOf, ref byte mode, out int bits)
    {
        bits = 0;
        bool hasLetter = false;
        foreach (char letter in text)
        {
            switch (letter)
            {
                case '+' or '*' or '!' when mode == 0:
                    mode = (byte)(letter == '+' ? 1 : letter == '*' ? 2 : 3);
                    break;
                case ' ':
                    break;
                default:
                    int bit = bitOf(letter);
                    if (bit < 0)
                    {
                        return false;
                    }

                    bits |= bit;
                    hasLetter = true;
                    break;
            }
        }

        return hasLetter;
    }

    private static void ApplyIpOption(BindContext context)
    {
        if (!IpOptionTypes.TryGetValue(context.Argument.Trim(), out int type))
        {
            context.FailArgument("rr, eol, nop, ts, sec, esec, lsrr, ssrr, satid, cipso, rtralt, qs or any");
            return;
        }

        Add(context, new PacketCondition { Kind = ConditionKind.IpOption, A = type });
    }

    private static void ApplyIpProtocol(BindContext context)
    {
        string text = context.Argument.Trim('"');
        if (context.Rule.Protocols is not null)
        {
            context.Fail(DiagnosticCode.ConflictingProtocol, "ip_proto is for rules on ip", "alert ip …");
            return;
        }

        IntegerComparison comparison = text.Length == 0 ? IntegerComparison.Equal : text[0] switch
        {
            '!' => IntegerComparison.NotEqual,
            '<' => IntegerComparison.Less,
            '>' => IntegerComparison.Greater,
            _ => IntegerComparison.Equal,
        };
        string value = (comparison == IntegerComparison.Equal ? text : text[1..]).Trim();
        if (!byte.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out byte number) && !IpProtocolNames.TryGetValue(value, out number))
        {
            context.FailArgument("a number from 0 to 255 or a protocol's name, with ! < or > before it");
            return;
        }

        if (Contradicts(context.Rule, comparison, number))
        {
            context.Fail(DiagnosticCode.Duplicate, "ip_proto: one protocol stands alone, and of < and > there is one each, with something between them");
            return;
        }

        context.Rule.Conditions.Add(new ConditionModel(new PacketCondition
        {
            Kind = ConditionKind.IpProtocol,
            Test = new IntegerRange(comparison, number, 0),
        })
        {
            IsIpOnlyCompatible = true,
            NeedsPacket = true,
        });
    }

    /// <summary>Whether another <c>ip_proto</c> of the rule forbids this one.</summary>
    private static bool Contradicts(RuleModel rule, IntegerComparison comparison, byte number)
    {
        foreach (ConditionModel condition in rule.Conditions)
        {
            if (condition.Condition.Kind != ConditionKind.IpProtocol)
            {
                continue;
            }

            IntegerRange other = condition.Condition.Test;
            bool isCrossed = (comparison, other.Comparison) switch
            {
                (IntegerComparison.Greater, IntegerComparison.Less) => number >= other.First,
                (IntegerComparison.Less, IntegerComparison.Greater) => number <= other.First,
                (IntegerComparison.Greater or IntegerComparison.Less, _) => comparison == other.Comparison,
                _ => false,
            };
            if (comparison == IntegerComparison.Equal || other.Comparison == IntegerComparison.Equal || isCrossed)
            {
                return true;
            }
        }

        return false;
    }
}
