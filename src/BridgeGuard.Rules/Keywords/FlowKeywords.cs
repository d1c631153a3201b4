using System.Globalization;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Detection.Matchers;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Semantics;

namespace BridgeGuard.Rules.Keywords;

/// <summary>Direction and state of the flow, and the variables kept on it.</summary>
internal static class FlowKeywords
{
    public static readonly Keyword Flow = new()
    {
        Name = "flow",
        Argument = ArgumentRule.Required,
        Help = "established, not_established, stateless; to_server, to_client; only_stream, no_stream",
        Apply = ApplyFlow,
    };

    public static readonly Keyword FlowBits = new()
    {
        Name = "flowbits",
        Argument = ArgumentRule.Required,
        Help = "set, unset, toggle, isset or isnotset a name on the flow; noalert",
        Apply = ApplyFlowBits,
    };

    public static readonly Keyword FlowInt = new()
    {
        Name = "flowint",
        Argument = ArgumentRule.Required,
        Help = "name,operation,value: an integer on the flow",
        Apply = ApplyFlowInt,
    };

    public static readonly Keyword XBits = HostBit("xbits", isHostBit: false);

    public static readonly Keyword HostBits = HostBit("hostbits", isHostBit: true);

    public static readonly Keyword StreamSize = new()
    {
        Name = "stream_size",
        Argument = ArgumentRule.Required,
        Help = "side,operator,bytes: how much of the stream was seen",
        Apply = ApplyStreamSize,
    };

    public static readonly Keyword[] Counters =
    [
        Counter("flow.age", ConditionKind.FlowAge, 0, IntegerRange.MaxU32, "seconds between the flow's first and newest packet"),
        Sides("flow.pkts", ConditionKind.FlowPackets, IntegerRange.MaxU32, "packets of the flow"),
        Counter("flow.pkts_toserver", ConditionKind.FlowPackets, 1, IntegerRange.MaxU32, "packets to the server"),
        Counter("flow.pkts_toclient", ConditionKind.FlowPackets, 2, IntegerRange.MaxU32, "packets to the client"),
        Sides("flow.bytes", ConditionKind.FlowBytes, IntegerRange.MaxU64, "bytes of the flow"),
        Counter("flow.bytes_toserver", ConditionKind.FlowBytes, 1, IntegerRange.MaxU64, "bytes to the server"),
        Counter("flow.bytes_toclient", ConditionKind.FlowBytes, 2, IntegerRange.MaxU64, "bytes to the client"),
    ];

    private static Keyword Counter(string name, ConditionKind kind, byte mode, ulong max, string help) => new()
    {
        Name = name,
        Argument = ArgumentRule.Required,
        Help = help,
        Apply = context =>
        {
            if (!IntegerRange.TryParse(context.Argument, max, out IntegerRange range, out ArgumentError error))
            {
                context.Fail(error);
                return;
            }

            context.Rule.Conditions.Add(new ConditionModel(new PacketCondition { Kind = kind, Mode = mode, Test = range }) { NeedsPacket = true });
        },
    };

    private static Keyword Sides(string name, ConditionKind kind, ulong max, string help) => new()
    {
        Name = name,
        Argument = ArgumentRule.Required,
        Help = help,
        Apply = context =>
        {
            int comma = context.Argument.IndexOf(',');
            string side = comma < 0 ? "" : context.Argument[..comma].Trim();
            byte mode = side switch
            {
                "toserver" => 1,
                "toclient" => 2,
                "either" => 3,
                "both" => 4,
                _ => 0,
            };
            if (mode == 0)
            {
                context.FailArgument("toserver, toclient, both or either, a comma, a number");
                return;
            }

            if (!IntegerRange.TryParse(context.Argument.AsSpan(comma + 1), max, out IntegerRange range, out ArgumentError error))
            {
                context.Fail(error);
                return;
            }

            context.Rule.Conditions.Add(new ConditionModel(new PacketCondition { Kind = kind, Mode = mode, Test = range }) { NeedsPacket = true });
        },
    };

    /// <summary>Options of one <c>flow</c> that Suricata reads.</summary>
    private const int MaxFlowItems = 3;

    private static void ApplyFlow(BindContext context)
    {
        RuleModel rule = context.Rule;
        // Given again it adds to what was said before, as long as the two agree.
        rule.HasFlowKeyword = true;
        bool hasState = rule.FlowHasState;
        bool hasFragments = false;
        DirectionMask before = rule.Directions == DirectionMask.Both ? DirectionMask.None : rule.Directions;
        DirectionMask direction = DirectionMask.None;
        string[] items = context.Argument.Split(',', StringSplitOptions.TrimEntries);
        if (items.Length > MaxFlowItems)
        {
            context.FailArgument($"{MaxFlowItems} options at most");
            return;
        }

        foreach (string item in items)
        {
            rule.FlowIsOfStreamOnly &= item.EndsWith("_stream", StringComparison.OrdinalIgnoreCase);
            switch (item.ToLowerInvariant())
            {
                case "to_server" or "from_client" when direction == DirectionMask.None && before != DirectionMask.ToClient:
                    direction = DirectionMask.ToServer;
                    break;
                case "to_client" or "from_server" when direction == DirectionMask.None && before != DirectionMask.ToServer:
                    direction = DirectionMask.ToClient;
                    break;
                case "established" when !hasState:
                    hasState = true;
                    rule.Conditions.Add(new ConditionModel(new PacketCondition { Kind = ConditionKind.Established }));
                    break;
                case "not_established" when !hasState:
                    hasState = rule.FlowIsNotEstablished = true;
                    rule.Conditions.Add(new ConditionModel(new PacketCondition { Kind = ConditionKind.NotEstablished }));
                    break;
                case "stateless" when !hasState || rule.FlowIsNotEstablished:
                    hasState = true;
                    break;
                case "only_stream" when !rule.NoStream && !rule.OnlyStream:
                    rule.OnlyStream = true;
                    break;
                case "no_stream" when !rule.NoStream && !rule.OnlyStream:
                    rule.NoStream = true;
                    break;
                case "only_frag" or "no_frag" when !hasFragments:
                    hasFragments = true;
                    rule.Conditions.Add(new ConditionModel(new PacketCondition
                    {
                        Kind = ConditionKind.Defragmented,
                        Negated = item.StartsWith("no", StringComparison.OrdinalIgnoreCase),
                    }));
                    break;
                default:
                    context.FailArgument("each of: one of established, not_established, stateless; one of to_server, to_client, from_server, from_client; one of only_stream, no_stream");
                    return;
            }
        }

        if (direction != DirectionMask.None)
        {
            rule.Directions = direction;
        }

        rule.FlowHasState = hasState;
    }

    private static void ApplyFlowBits(BindContext context)
    {
        int comma = context.Argument.IndexOf(',');
        string command = comma < 0 ? context.Argument.Trim() : context.Argument[..comma].TrimStart();
        string names = comma < 0 ? "" : context.Argument[(comma + 1)..].Trim();
        if (command == "noalert")
        {
            if (names.Length > 0)
            {
                context.FailArgument("noalert without a name");
                return;
            }

            context.Rule.NoAlert = true;
            return;
        }

        string[] parts = names.Split('|', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (parts.Length == 0 || parts.Any(part => part.Contains(' ')))
        {
            context.FailArgument("set, unset, toggle, isset or isnotset, a comma, and a name without blanks; isset and isnotset also name|name");
            return;
        }

        int[] numbers = [.. parts.Select(part => context.Environment.Names.Intern(part))];
        switch (command)
        {
            case "isset" or "isnotset":
                context.Rule.Conditions.Add(new ConditionModel(new PacketCondition
                {
                    Kind = command == "isset" ? ConditionKind.FlowBitSet : ConditionKind.FlowBitNotSet,
                })
                {
                    Numbers = numbers,
                });
                context.Rule.BitsRead.AddRange(parts);
                return;
            case "set" or "unset" or "toggle":
                foreach (int number in numbers)
                {
                    context.Rule.Effects.Add(new RuleEffect
                    {
                        Kind = command switch
                        {
                            "set" => EffectKind.FlowBitSet,
                            "unset" => EffectKind.FlowBitUnset,
                            _ => EffectKind.FlowBitToggle,
                        },
                        A = number,
                    });
                }

                if (command != "unset")
                {
                    context.Rule.BitsWritten.AddRange(parts);
                }

                return;
            default:
                context.FailArgument("set, unset, toggle, isset, isnotset or noalert");
                return;
        }
    }

    private static void ApplyFlowInt(BindContext context)
    {
        string[] parts = context.Argument.Split(',', StringSplitOptions.TrimEntries);
        const string expected = "a name of two characters or more,operation,value with + - = == != < > <= >=, or name,isset or name,notset";
        if (parts is [_, "isset" or "notset" or "isnotset", _])
        {
            // What stands behind is not read.
            parts = parts[..2];
        }

        if (parts.Length is < 2 or > 3 || parts[0].Length < 2 || !char.IsAsciiLetter(parts[0][0]) || parts[0].Contains(' '))
        {
            context.FailArgument(expected);
            return;
        }

        int name = context.Environment.Names.Intern(parts[0]);
        if (parts.Length == 2)
        {
            if (parts[1] is not ("isset" or "notset" or "isnotset"))
            {
                context.FailArgument(expected);
                return;
            }

            context.Rule.Conditions.Add(new ConditionModel(new PacketCondition
            {
                Kind = parts[1] == "isset" ? ConditionKind.FlowIntIsSet : ConditionKind.FlowIntNotSet,
                A = name,
            }));
            return;
        }

        int other = -1;
        if (!uint.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out uint value))
        {
            if (parts[2].Length < 2 || !char.IsAsciiLetter(parts[2][0]))
            {
                context.FailArgument(expected);
                return;
            }

            other = context.Environment.Names.Intern(parts[2]);
        }

        EffectKind? effect = parts[1] switch
        {
            "=" => EffectKind.FlowIntSet,
            "+" => EffectKind.FlowIntAdd,
            "-" => EffectKind.FlowIntSubtract,
            _ => null,
        };
        if (effect is { } kind)
        {
            context.Rule.Effects.Add(new RuleEffect { Kind = kind, A = name, B = other, C = value });
            return;
        }

        IntegerComparison? comparison = parts[1] switch
        {
            "==" => IntegerComparison.Equal,
            "!=" => IntegerComparison.NotEqual,
            "<" => IntegerComparison.Less,
            "<=" => IntegerComparison.LessOrEqual,
            ">" => IntegerComparison.Greater,
            ">=" => IntegerComparison.GreaterOrEqual,
            _ => null,
        };
        if (comparison is not { } test)
        {
            context.FailArgument(expected);
            return;
        }

        context.Rule.Conditions.Add(new ConditionModel(new PacketCondition
        {
            Kind = ConditionKind.FlowIntTest,
            A = name,
            B = other,
            Test = new IntegerRange(test, value, 0),
        }));
    }

    private static Keyword HostBit(string name, bool isHostBit) => new()
    {
        Name = name,
        Argument = ArgumentRule.Required,
        Help = isHostBit ? "a bit on a host: command,name[,direction]" : "a bit on a host or pair: command,name,track ip_src|ip_dst|ip_pair[,expire seconds]",
        Apply = context => ApplyHostBit(context, isHostBit),
    };

    private static void ApplyHostBit(BindContext context, bool isHostBit)
    {
        string[] parts = context.Argument.Split(',', StringSplitOptions.TrimEntries);
        if (parts is ["noalert"])
        {
            context.Rule.NoAlert = true;
            return;
        }

        string expected = isHostBit
            ? "set, unset, toggle, isset or isnotset,name[,src|dst]"
            : "set, unset, toggle, isset or isnotset,name,track ip_src|ip_dst|ip_pair[,expire seconds]";
        if (parts.Length < 2 || parts[1].Length == 0 || parts[1].Contains(' '))
        {
            context.FailArgument(expected);
            return;
        }

        // Suricata's defaults: a host bit is on the source for ever, an xbit lasts 30 seconds.
        TrackBy track = TrackBy.Source;
        uint expire = isHostBit ? 300u : 30;
        foreach (string part in parts.AsSpan(2))
        {
            string[] words = part.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            switch (words)
            {
                case ["track", "ip_src"]:
                case ["src"] when isHostBit:
                    track = TrackBy.Source;
                    break;
                case ["track", "ip_dst"]:
                case ["dst"] when isHostBit:
                    track = TrackBy.Destination;
                    break;
                case ["track", "ip_pair"]:
                    track = TrackBy.Both;
                    break;
                case ["track", "tx"] when !isHostBit && parts[0] is "set" || (!isHostBit && parts[0] is "isset" && context.Rule.Hook.Length > 0):
                    track = TrackBy.Flow;
                    break;
                case ["expire", var seconds] when !isHostBit && uint.TryParse(seconds, NumberStyles.None, CultureInfo.InvariantCulture, out expire) && expire > 0:
                    break;
                default:
                    context.FailArgument(expected);
                    return;
            }
        }

        int number = context.Environment.Names.Intern(parts[1]);
        ConditionKind? condition = parts[0] switch
        {
            "isset" => isHostBit ? ConditionKind.HostBitSet : ConditionKind.XBitSet,
            "isnotset" => isHostBit ? ConditionKind.HostBitNotSet : ConditionKind.XBitNotSet,
            _ => null,
        };
        EffectKind? effect = parts[0] switch
        {
            "set" => isHostBit ? EffectKind.HostBitSet : EffectKind.XBitSet,
            "unset" => isHostBit ? EffectKind.HostBitUnset : EffectKind.XBitUnset,
            "toggle" => isHostBit ? EffectKind.HostBitToggle : EffectKind.XBitToggle,
            _ => null,
        };
        if (condition is null && effect is null)
        {
            context.FailArgument(expected);
            return;
        }

        if (condition is { } kind)
        {
            context.Rule.Conditions.Add(new ConditionModel(new PacketCondition { Kind = kind, Mode = (byte)track, A = number }) { IsIpOnlyCompatible = true });
        }
        else
        {
            context.Rule.Effects.Add(new RuleEffect { Kind = effect!.Value, Mode = (byte)track, A = number, C = expire });
        }
    }

    private static void ApplyStreamSize(BindContext context)
    {
        string[] parts = context.Argument.Split(',', StringSplitOptions.TrimEntries);
        int mode = parts.Length == 3 ? parts[0] switch
        {
            "server" => 1,
            "client" => 2,
            "both" => 3,
            "either" => 4,
            _ => 0,
        } : 0;
        IntegerComparison? comparison = parts.Length == 3 ? parts[1] switch
        {
            "<" => IntegerComparison.Less,
            "<=" => IntegerComparison.LessOrEqual,
            ">" => IntegerComparison.Greater,
            ">=" => IntegerComparison.GreaterOrEqual,
            "=" => IntegerComparison.Equal,
            "!=" or "!" => IntegerComparison.NotEqual,
            _ => null,
        } : null;
        if (mode == 0 || comparison is null || !uint.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out uint size))
        {
            context.FailArgument("server, client, both or either; an operator < <= > >= = !=; a number of bytes");
            return;
        }

        // As Suricata has it, contents beside it are looked for in the packet.
        context.Rule.RequiresPacket = true;
        context.Rule.Conditions.Add(new ConditionModel(new PacketCondition
        {
            Kind = ConditionKind.StreamSize,
            Mode = (byte)mode,
            Test = new IntegerRange(comparison.Value, size, 0),
        }));
    }
}
