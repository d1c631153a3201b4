using System.Globalization;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Detection.Matchers;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Semantics;

namespace BridgeGuard.Rules.Keywords;

/// <summary>Keywords that stand alone.</summary>
internal static class OtherKeywords
{
    public static readonly Keyword[] All =
    [
        new()
        {
            Name = "bypass",
            Argument = ArgumentRule.None,
            Help = "a match ends the inspection of the flow",
            Apply = context => context.Rule.Effects.Add(new RuleEffect { Kind = EffectKind.Bypass }),
        },
        new()
        {
            Name = "prefilter",
            Argument = ArgumentRule.None,
            Help = "accepted; which element is looked for first is chosen by the compiler",
            Apply = ApplyPrefilter,
        },
        new()
        {
            Name = "replace",
            TakesQuotes = true,
            Argument = ArgumentRule.Required,
            Help = "inline: overwrite the content before it in the packet with bytes of the same length",
            Apply = ApplyReplace,
        },
        new()
        {
            Name = "tag",
            Argument = ArgumentRule.Required,
            Help = "session|host,count,packets|bytes|seconds[,src|dst]: log what follows",
            Apply = ApplyTag,
        },
        new()
        {
            Name = "config",
            Argument = ArgumentRule.Required,
            Help = "logging disable, type tx, scope tx",
            Apply = ApplyConfig,
        },
        new()
        {
            Name = "iprep",
            Argument = ArgumentRule.Required,
            Help = "any|src|dst|both,category,operator,score or isset or isnotset",
            Apply = ApplyReputation,
        },
        new()
        {
            Name = "geoip",
            Argument = ArgumentRule.Required,
            Help = "[any|src|dst|both,][!]country[,country]: where addresses are",
            Apply = ApplyGeoIp,
        },
        new()
        {
            Name = "rpc",
            Argument = ArgumentRule.Required,
            Help = "program,version|*,procedure|*: a call of ONC RPC",
            Apply = ApplyRpc,
        },
        new()
        {
            Name = "flow.elephant",
            Argument = ArgumentRule.Required,
            Help = "toserver, toclient, both or either: the flow is one of the large ones, in that direction",
            Apply = context =>
            {
                byte mode = context.Argument switch
                {
                    "toserver" => 1,
                    "toclient" => 2,
                    "either" => 3,
                    "both" => 4,
                    _ => 0,
                };
                if (mode == 0)
                {
                    context.FailArgument("toserver, toclient, both or either");
                    return;
                }

                context.Rule.Conditions.Add(
                    new ConditionModel(new PacketCondition { Kind = ConditionKind.FlowElephant, Mode = mode }) { NeedsPacket = true });
            },
        },
        new()
        {
            Name = "nfq_set_mark",
            Argument = ArgumentRule.Required,
            Help = "MARK/MASK: these bits of the packet's mark (skb->mark) are set so when it goes on",
            Apply = context =>
            {
                if (context.Argument.Split('/', StringSplitOptions.None) is not [var mark, var mask] || !TryReadNumber(mark, out uint bits) || !TryReadNumber(mask, out uint which))
                {
                    context.FailArgument("mark/mask, numbers of 32 bits");
                    return;
                }

                context.Rule.Effects.Add(new RuleEffect { Kind = EffectKind.Mark, A = (int)bits, B = (int)which });
            },
        },
        Checksum("ipv4-csum", 4, 0),
        Checksum("tcpv4-csum", 4, IpProtocols.Tcp),
        Checksum("tcpv6-csum", 6, IpProtocols.Tcp),
        Checksum("udpv4-csum", 4, IpProtocols.Udp),
        Checksum("udpv6-csum", 6, IpProtocols.Udp),
        Checksum("icmpv4-csum", 4, IpProtocols.Icmp),
        Checksum("icmpv6-csum", 6, IpProtocols.IcmpV6),
    ];

    private static Keyword Checksum(string name, byte version, byte protocol) => new()
    {
        Name = name,
        Argument = ArgumentRule.Required,
        Help = "valid or invalid",
        Apply = context =>
        {
            string value = context.Argument.ToLowerInvariant();
            if (value is not ("valid" or "invalid"))
            {
                context.FailArgument("valid or invalid");
                return;
            }

            context.Rule.Conditions.Add(new ConditionModel(new PacketCondition
            {
                Kind = ConditionKind.Checksum,
                Mode = version,
                A = protocol,
                Negated = value == "invalid",
            }));
        },
    };

    /// <summary>Keywords that Suricata can look for first, besides contents.</summary>
    private static readonly HashSet<string> Prefilters =
    [
        "app-layer-protocol", "tcp.ack", "ack", "tcp.seq", "seq", "tcp.flags", "flags", "fragbits", "fragoffset", "ttl", "itype", "icode", "icmp_id",
        "icmp_seq", "dsize", "flowbits", "id", "stream_size", "decode-event", "flow.age", "flow.pkts", "flow.pkts_toserver",
        "flow.pkts_toclient", "icmpv6.mtu", "tcp.mss", "tcp.wscale", "vlan.id", "vlan.layers", "flow.elephant", "stream-event",
    ];

    private static void ApplyPrefilter(BindContext context)
    {
        RuleModel rule = context.Rule;
        string before = rule.Syntax.Options.Take(context.OptionIndex).Select(option => option.Name.Text)
            .LastOrDefault(name => name is not ("msg" or "sid" or "rev" or "gid" or "classtype" or "priority" or "reference" or "metadata" or "target")) ?? "";
        bool isContent = rule.LastContent is not null && (KeywordCatalog.Find(before) is null || !Prefilters.Contains(before)) && IsContentKeyword(before);
        if (before.Length == 0)
        {
            context.Fail(DiagnosticCode.MissingRequirement, "prefilter needs a keyword before it");
        }
        else if (!isContent && !Prefilters.Contains(before))
        {
            context.Fail(DiagnosticCode.Unsupported, $"prefilter does not go with {before}", "a content or a keyword that can be looked for first");
        }
    }

    private static bool IsContentKeyword(string name) => name is "content" or "nocase" or "offset" or "depth" or "distance" or "within" or "startswith"
        or "endswith" or "fast_pattern" or "rawbytes" or "uricontent" || name.StartsWith("http_", StringComparison.Ordinal);

    /// <summary>Packets logged after a match where the rule names no measure (Suricata's default).</summary>
    private const uint DefaultTagPackets = 256;

    private static void ApplyTag(BindContext context)
    {
        const string expected = "session or host,count,packets|bytes|seconds, and for host src or dst";
        string[] parts = context.Argument.Split(',', StringSplitOptions.TrimEntries);
        bool isHost = parts[0] == "host";
        uint count = DefaultTagPackets;
        TagMetric metric = TagMetric.Packets;
        bool bySource = true;
        bool isGood = parts[0] is "session" or "host" && parts.Length <= 4;
        if (isGood && parts.Length > 1)
        {
            isGood = parts.Length > 2 && uint.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out count);
            switch (isGood ? parts[2] : "")
            {
                case "packets":
                    break;
                case "seconds":
                    metric = TagMetric.Seconds;
                    break;
                case "bytes":
                    metric = TagMetric.Bytes;
                    break;
                default:
                    isGood = false;
                    break;
            }
        }

        if (isGood && parts.Length == 4)
        {
            isGood = parts[3] is "src" or "dst";
            bySource = parts[3] == "src";
        }

        if (!isGood)
        {
            context.FailArgument(expected);
            return;
        }

        context.Rule.Effects.Add(new RuleEffect { Kind = EffectKind.Tag, A = context.Rule.Tags.Count });
        context.Rule.Tags.Add(new TagOp { IsHost = isHost, BySource = bySource, Metric = metric, Count = count });
    }

    private static void ApplyConfig(BindContext context)
    {
        string[] parts = context.Argument.Split(',', StringSplitOptions.TrimEntries);
        if (parts.Length != 3 || parts[0] is not ("logging disable" or "tracking disable") || parts[1] is not ("type tx" or "type flow") || parts[2] is not ("scope tx" or "scope flow"))
        {
            context.FailArgument("logging disable, type tx|flow, scope tx|flow");
            return;
        }

        if (parts[0] == "tracking disable")
        {
            // Suricata reads it and does nothing with it.
            context.Warn(DiagnosticCode.Unsupported, "config: tracking is not disabled");
            return;
        }

        context.Rule.Effects.Add(new RuleEffect { Kind = EffectKind.Config, A = context.Rule.Configs.Count });
        context.Rule.Configs.Add(new ConfigOp { DisableLogging = true, WholeFlow = parts[2] == "scope flow" });
    }

    private static void ApplyReplace(BindContext context)
    {
        if (!ContentText.TryRead(context, out byte[] bytes, out bool isNegated))
        {
            return;
        }

        if (isNegated)
        {
            context.Fail(DiagnosticCode.BadArgument, "replace: what replaces a content cannot be negated");
            return;
        }

        if (!context.Environment.IsInline)
        {
            // Without a verdict nothing can be rewritten; the rule alerts as if the keyword were not there.
            context.Warn(DiagnosticCode.Conflict, "replace does nothing where verdicts are not carried out");
            return;
        }

        if (context.Rule.LastContent is not { IsNegated: false } content || context.Rule.LastContentSection != context.Rule.Payload
            || content.Pattern.Length != bytes.Length)
        {
            context.Fail(DiagnosticCode.Conflict, "replace needs a content of the same length in the payload before it");
            return;
        }

        content.Replacement = bytes;
        context.Rule.RequiresPacket = true;
    }

    private static bool TryReadNumber(string text, out uint number) => text.StartsWith("0x", StringComparison.OrdinalIgnoreCase)
        ? uint.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out number)
        : uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);

    private static bool TrySide(string text, out byte mode)
    {
        mode = text switch
        {
            "src" => 0,
            "dst" => 1,
            "any" => 2,
            "both" => 3,
            _ => 255,
        };
        return mode != 255;
    }

    private static void ApplyReputation(BindContext context)
    {
        const string expected = "any, src, dst or both; a category; isset, isnotset or an operator < > = and a score from 0 to 127";
        string[] parts = context.Argument.Split(',', StringSplitOptions.TrimEntries);
        if (parts.Length is < 3 or > 4 || !TrySide(parts[0], out byte mode))
        {
            context.FailArgument(expected);
            return;
        }

        if (!context.Environment.ReputationCategories.TryGetValue(parts[1], out int category))
        {
            context.Fail(DiagnosticCode.BadArgument, $"iprep: the category «{parts[1]}» is not defined", "a short name of the reputation categories file");
            return;
        }

        var condition = new PacketCondition { Kind = ConditionKind.Reputation, Mode = mode, A = category };
        byte score = 0;
        switch (parts[2])
        {
            case "isset" when parts.Length == 3:
                condition.B = 1;
                break;
            case "isnotset" when parts.Length == 3:
                condition.B = 2;
                break;
            case "<" or ">" or "!=" or "=" or "==" or ">=" or "<=" when parts.Length == 4
                && byte.TryParse(parts[3], NumberStyles.None, CultureInfo.InvariantCulture, out score) && score <= 127:
                condition.Test = new IntegerRange(
                    parts[2] switch
                    {
                        "<" => IntegerComparison.Less,
                        ">" => IntegerComparison.Greater,
                        "!=" => IntegerComparison.NotEqual,
                        ">=" => IntegerComparison.GreaterOrEqual,
                        "<=" => IntegerComparison.LessOrEqual,
                        _ => IntegerComparison.Equal,
                    },
                    score,
                    0);
                break;
            default:
                context.FailArgument(expected);
                return;
        }

        context.Rule.Conditions.Add(new ConditionModel(condition) { IsIpOnlyCompatible = true });
    }

    private static void ApplyGeoIp(BindContext context)
    {
        string[] parts = context.Argument.Split(',', StringSplitOptions.TrimEntries);
        int first = TrySide(parts[0], out byte mode) ? 1 : 0;
        mode = first == 0 ? (byte)2 : mode;
        bool isNegated = parts.Length > first && parts[first].StartsWith('!');
        string[] countries = [.. parts.Skip(first).Select(part => part.TrimStart('!'))];
        if (countries.Length == 0 || countries.Any(country => country.Length != 2 || !country.All(char.IsAsciiLetterUpper)))
        {
            context.FailArgument("any, src, dst or both, then two-letter country codes, the first with ! to exclude them");
            return;
        }

        AddressRanges? ranges = context.Environment.Countries?.Invoke(countries);
        if (ranges is null)
        {
            context.Fail(DiagnosticCode.MissingRequirement, "geoip: no country database is configured", "geoip-database: FILE.mmdb");
            return;
        }

        context.Rule.Conditions.Add(new ConditionModel(new PacketCondition { Kind = ConditionKind.GeoIp, Mode = mode, Negated = isNegated })
        {
            Addresses = ranges,
        });
    }

    private static void ApplyRpc(BindContext context)
    {
        string[] parts = context.Argument.Split(',', StringSplitOptions.TrimEntries);
        uint version = 0;
        uint procedure = 0;
        if (parts.Length is < 1 or > 3
            || !uint.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out uint program)
            || (parts.Length > 1 && parts[1] != "*" && !uint.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out version))
            || (parts.Length > 2 && parts[2] != "*" && !uint.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out procedure)))
        {
            context.FailArgument("program,version|*,procedure|*");
            return;
        }

        var test = new RpcTest(program, parts.Length > 1 && parts[1] != "*" ? version : null, parts.Length > 2 && parts[2] != "*" ? procedure : null);
        context.Rule.Conditions.Add(new ConditionModel(new PacketCondition { Kind = ConditionKind.Rpc }) { Rpc = test, NeedsPacket = true });
    }
}
