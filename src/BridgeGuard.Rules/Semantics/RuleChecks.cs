using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Detection.Matchers;
using BridgeGuard.Engine.Detection.Transforms;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Keywords;
using BridgeGuard.Rules.Syntax;

namespace BridgeGuard.Rules.Semantics;

/// <summary>What a rule's options have to satisfy together, once all of them are known.</summary>
internal static class RuleChecks
{
    public static void Run(BindContext context)
    {
        RuleModel rule = context.Rule;
        if (rule.Sid == 0)
        {
            context.FailAt(rule.Syntax.Action, DiagnosticCode.MissingSid, "the rule has no sid", "sid:NUMBER;");
            return;
        }

        rule.NoAlert |= rule.Action == RuleAction.Pass && !rule.HasAlertKeyword;
        CheckSections(context);
        if (!context.HasFailed)
        {
            CheckFrames(context);
        }

        if (!context.HasFailed)
        {
            ResolveProtocol(context);
        }

        if (!context.HasFailed)
        {
            FileChecks.Run(context);
        }

        if (!context.HasFailed)
        {
            CheckPacketKeywords(context);
        }

        if (!context.HasFailed)
        {
            CheckLengths(context);
        }

        if (!context.HasFailed)
        {
            ResolveDirections(context);
        }

        if (!context.HasFailed)
        {
            HookChecks.Run(context);
        }
    }

    private static bool UsesAny(FrameTarget frame, ulong[] transports) =>
        (frame.Protocol.UsesTcp && (transports[0] & (1UL << IpProtocols.Tcp)) != 0) || (frame.Protocol.UsesUdp && (transports[0] & (1UL << IpProtocols.Udp)) != 0);

    private static void CheckSections(BindContext context)
    {
        RuleModel rule = context.Rule;
        foreach (SectionModel section in rule.Sections)
        {
            if (section.Ops.Count == 0 && !section.Absent)
            {
                if (section == rule.Active && section.Transforms.Count > 0
                    && rule.Sections.Exists(other => other != section && other.Buffer == section.Buffer && other.Ops.Count > 0))
                {
                    // A transform behind the last content of its buffer changes nothing that is looked at.
                    rule.Sections.Remove(section);
                    break;
                }

                context.FailAt(
                    new Token(section.Keyword, section.Column),
                    DiagnosticCode.BufferWithoutContent,
                    $"nothing looks at the buffer {section.Keyword}",
                    "a content or another match after it");
                return;
            }

            if (section.Absent && section.Ops.Count > 0)
            {
                context.FailAt(new Token(section.Keyword, section.Column), DiagnosticCode.Conflict, $"{section.Keyword} cannot be absent and be looked at", "absent: or_else");
                return;
            }

            CheckTransforms(context, section);
            CheckValidators(context, section);
        }

        if (rule.Active is { HeaderBytes: { } header, Ops.Count: 0, Absent: false, Transforms.Count: > 0 } last
            && rule.Conditions.Exists(condition => condition.Section is { Ops.Count: > 0 } other && other.HeaderBytes == header))
        {
            rule.Conditions.RemoveAll(condition => condition.Section == last);
        }

        foreach (ConditionModel condition in rule.Conditions)
        {
            if (condition.Section is { Absent: true, Ops.Count: > 0 } absent)
            {
                context.FailAt(new Token(absent.Keyword, absent.Column), DiagnosticCode.Conflict, $"{absent.Keyword} cannot be absent and be looked at", "absent: or_else");
                return;
            }

            if (condition.Section is { Ops.Count: 0, Absent: false } empty)
            {
                context.FailAt(new Token(empty.Keyword, empty.Column), DiagnosticCode.BufferWithoutContent, $"nothing looks at the buffer {empty.Keyword}", "a content or another match after it");
                return;
            }
        }

    }

    /// <summary>A rule looks into frames or at something else, not at both.</summary>
    private static void CheckFrames(BindContext context)
    {
        RuleModel rule = context.Rule;
        foreach (SectionModel section in rule.Frames)
        {
            var token = new Token(section.Keyword, section.Column);
            if (section.Ops.Count == 0)
            {
                context.FailAt(token, DiagnosticCode.BufferWithoutContent, "nothing looks into the frame", "a content or another match after it");
            }
            else if (rule.Sections.Count > 0 || rule.Engines.Count > 0)
            {
                context.FailAt(token, DiagnosticCode.Conflict, "buffers of a protocol cannot stand beside a frame", "a rule for each");
            }
            else if (rule.Payload.Ops.Count > 0)
            {
                context.FailAt(token, DiagnosticCode.Conflict, "contents on the payload cannot stand beside a frame", "a rule for each");
            }
            else if (rule.Protocols is { } transports && !UsesAny(section.Frame!, transports))
            {
                context.FailAt(token, DiagnosticCode.ConflictingProtocol, $"the protocol of {section.Frame!.Protocol.Name} frames does not go over the rule's transport");
            }
            else if (rule.IsPacketOnly || rule.NoStream)
            {
                context.FailAt(token, DiagnosticCode.Conflict, "a rule on packets only cannot look into frames");
            }

            if (context.HasFailed)
            {
                return;
            }
        }
    }

    /// <summary>Values of one packet's headers and the state of a protocol are looked at at different times.</summary>
    private static void CheckPacketKeywords(BindContext context)
    {
        RuleModel rule = context.Rule;
        bool isPacket = rule.IsPacketOnly || rule.NoStream || rule.Conditions.Exists(condition => condition.NeedsPacket) || rule.Payload.Ops.Exists(op => op.Kind == BufferOpKind.Asn1);

        if (isPacket)
        {
            rule.Engines.RemoveAll(engine => engine.OnlyActs);
        }

        // A hook alone says when the rule is looked at, not at what.
        if (isPacket && (rule.Sections.Count > 0 || rule.Engines.Exists(engine => engine.Kind != EngineKind.Progress) || rule.Frames.Count > 0))
        {
            context.FailAt(
                rule.Syntax.Protocol,
                DiagnosticCode.Conflict,
                "a keyword about one packet's headers stands beside one about a protocol's transactions",
                "either dsize, flags, ttl and the like or buffers of a protocol");
            return;
        }

        if (isPacket && (rule.IsStreamOnly || rule.OnlyStream))
        {
            context.FailAt(rule.Syntax.Protocol, DiagnosticCode.Conflict, "a keyword about one packet's headers stands in a rule on the stream alone", "tcp instead of tcp-stream, and no flow:only_stream");
            return;
        }

        foreach (ConditionModel condition in rule.Conditions)
        {
            if (condition.Section?.HeaderBytes is { } kind && rule.Protocols is { } protocols && !Fits(kind, protocols))
            {
                context.FailAt(new Token(condition.Section.Keyword, condition.Section.Column), DiagnosticCode.ConflictingProtocol, $"{condition.Section.Keyword} does not belong to the rule's protocol");
            }
        }
    }

    private static bool Fits(PacketBufferKind kind, ulong[] protocols)
    {
        int protocol = kind switch
        {
            PacketBufferKind.TcpHeader => IpProtocols.Tcp,
            PacketBufferKind.UdpHeader => IpProtocols.Udp,
            PacketBufferKind.IcmpV4Header => IpProtocols.Icmp,
            PacketBufferKind.IcmpV6Header => IpProtocols.IcmpV6,
            _ => -1,
        };
        return protocol < 0 || (protocols[protocol >> 6] & (1UL << (protocol & 63))) != 0;
    }

    /// <summary>Contents that cannot fit into the length that the rule itself demands.</summary>
    private static void CheckLengths(BindContext context)
    {
        RuleModel rule = context.Rule;
        foreach (ConditionModel condition in rule.Conditions)
        {
            if (condition.Condition.Kind == ConditionKind.PayloadSize)
            {
                CheckLength(context, rule.Payload, condition.Condition.Test, "dsize");
            }
        }

        foreach (SectionModel section in SectionsWithLengths(rule))
        {
            foreach (OpModel op in section.Ops)
            {
                if (op.Kind == BufferOpKind.Length && op.IsUriLength)
                {
                    CheckUriLength(context, section, op);
                }
                else if (op.Kind == BufferOpKind.Length)
                {
                    // Of several lengths the first is compared with the contents.
                    CheckLength(context, section, op.Test, "bsize");
                    break;
                }
            }
        }
    }

    private static IReadOnlyList<SectionModel> SectionsWithLengths(RuleModel rule) =>
        rule.Frames.Count == 0 && !rule.Conditions.Exists(condition => condition.Section is not null)
            ? rule.Sections
            : [.. rule.Sections, .. rule.Frames, .. rule.Conditions.Select(condition => condition.Section).OfType<SectionModel>()];

    private static void CheckUriLength(BindContext context, SectionModel section, OpModel length)
    {
        ulong most = length.Test.Comparison switch
        {
            IntegerComparison.Equal => length.Test.First,
            IntegerComparison.Less => length.Test.First - 1,
            IntegerComparison.LessOrEqual => length.Test.First,
            IntegerComparison.Between => length.Test.Second,
            _ => ulong.MaxValue,
        };
        OpModel? tooLong = section.Ops.Find(op => op.Kind == BufferOpKind.Content && !op.IsNegated && (ulong)op.Pattern.Length > most);
        if (tooLong is not null && !context.HasFailed)
        {
            context.FailAt(new Token(section.Keyword, section.Column), DiagnosticCode.CannotMatch, $"the content has {tooLong.Pattern.Length} bytes, urilen allows {most}");
        }
    }

    /// <summary>What Suricata finds that the contents need is more than the rule's own length allows.</summary>
    /// <remarks>
    /// Counted are the first content with its offset, and of the others those that are relative to one before: their distance and length, or, where they must not
    /// be there, the room in which they must not be. Upper ends are taken as they are written: <c>&lt;4</c> stands for 4, and so does <c>dsize:!4</c>.
    /// </remarks>
    private static void CheckLength(BindContext context, SectionModel section, IntegerRange length, string name)
    {
        ulong most = length.Comparison switch
        {
            IntegerComparison.Equal or IntegerComparison.Less => length.First,
            IntegerComparison.NotEqual when name == "dsize" => length.First,
            IntegerComparison.Between => length.Second,
            _ => ulong.MaxValue,
        };
        long needed = 0;
        long end = 0;
        bool isFirst = true;
        foreach (OpModel op in section.Ops)
        {
            if (op.Kind != BufferOpKind.Content || (!isFirst && !op.Has(OpFlags.Relative)))
            {
                continue;
            }

            int distance = op.Has(OpFlags.DistanceIsVariable) ? 0 : op.Distance;
            int within = op.Has(OpFlags.WithinIsVariable) ? 0 : op.Within;
            if (op.IsNegated && !isFirst)
            {
                needed = Math.Max(needed, end + distance + within);
                continue;
            }

            end = isFirst && !op.Has(OpFlags.Relative) ? op.Pattern.Length + (op.Has(OpFlags.OffsetIsVariable) ? 0 : op.Offset) : end + distance + op.Pattern.Length;
            needed = Math.Max(needed, end);
            isFirst = false;
        }

        if (needed > 0 && (ulong)needed > most && !context.HasFailed)
        {
            context.FailAt(new Token(section.Keyword, section.Column), DiagnosticCode.CannotMatch, $"the contents need {needed} bytes, {name} allows {most}");
        }
    }

    /// <summary>A content with bytes that a transform removes can never match.</summary>
    private static void CheckTransforms(BindContext context, SectionModel section)
    {
        foreach (Transform transform in section.Transforms)
        {
            string name = transform.Name;
            if (section.Ops.Find(op => op.Kind == BufferOpKind.Content && !op.IsNegated && IsImpossible(name, op.Pattern)) is { } content)
            {
                context.FailAt(new Token(name, content.Column), DiagnosticCode.CannotMatch, $"the content has bytes that {name} removes");
                return;
            }
        }
    }

    private static bool IsImpossible(string transform, byte[] pattern)
    {
        switch (transform)
        {
            case "to_lowercase":
                return Array.Exists(pattern, value => char.IsAsciiLetterUpper((char)value));
            case "to_uppercase":
                return Array.Exists(pattern, value => char.IsAsciiLetterLower((char)value));
            case "strip_whitespace":
                return Array.Exists(pattern, IsBlank);
            case "compress_whitespace":
                for (int i = 1; i < pattern.Length; i++)
                {
                    if (IsBlank(pattern[i]) && IsBlank(pattern[i - 1]))
                    {
                        return true;
                    }
                }

                return false;
            default:
                return false;
        }

        static bool IsBlank(byte value) => value is (byte)' ' or >= 9 and <= 13;
    }

    private static void CheckValidators(BindContext context, SectionModel section)
    {
        if (section.Transforms.Count > 0)
        {
            return;
        }

        foreach ((_, BufferDescriptor descriptor) in section.Buffer!.Variants)
        {
            foreach (OpModel op in section.Ops.Where(op => descriptor.LowersContents && op.Kind == BufferOpKind.Content))
            {
                op.Pattern = Array.ConvertAll(op.Pattern, value => (byte)char.ToLowerInvariant((char)value));
            }

            if (descriptor.ValidateContent is not { } validate)
            {
                continue;
            }

            foreach (OpModel op in section.Ops)
            {
                if (op.Kind == BufferOpKind.Content && validate(op.Pattern, op.Has(OpFlags.IgnoreCase)) is { } message)
                {
                    context.FailAt(new Token(section.Keyword, op.Column), DiagnosticCode.CannotMatch, message);
                    return;
                }
            }
        }
    }

    /// <summary>A rule on tcp or ip that looks at one protocol's buffers belongs to that protocol.</summary>
    private static void ResolveProtocol(BindContext context)
    {
        RuleModel rule = context.Rule;
        foreach ((List<ProtocolId> list, Token token, bool isEvent) in Demands(rule))
        {
            if (isEvent && IsSharedEvent(rule.App, list))
            {
                continue;
            }

            if (token.Text == FileChecks.FreeBuffer)
            {
                continue;
            }

            if (rule.App != ProtocolId.Unknown)
            {
                if (!Goes(rule.App, list))
                {
                    context.FailAt(
                        token,
                        DiagnosticCode.ConflictingProtocol,
                        $"{token.Text} does not belong to the rule's protocol",
                        string.Join(", ", list.Select(id => ProtocolCatalog.Get(id)?.Name ?? id.ToString())));
                    return;
                }

                continue;
            }

            rule.App = Common(list);
        }

        if (rule.NamesOldHttp && rule.App is (ProtocolId.Http2 or ProtocolId.Doh2))
        {
            context.FailAt(rule.Syntax.Protocol, DiagnosticCode.ConflictingProtocol, "old-style modifiers and the buffer letters of pcre are about HTTP/1", "http.uri and the like before the contents");
            return;
        }

        rule.App = rule.NamesOldHttp && rule.App is (ProtocolId.Unknown or ProtocolId.Http) ? ProtocolId.Http1 : rule.App;
        if (rule.NamesDce && rule.App is not (ProtocolId.Unknown or ProtocolId.DceRpc))
        {
            context.FailAt(rule.Syntax.Protocol, DiagnosticCode.ConflictingProtocol, "the byte order dce does not belong to the rule's protocol", "keywords of dcerpc alone");
        }
    }

    /// <summary>Whether some buffer or keyword so far belongs to one protocol alone.</summary>
    public static bool HasProtocol(RuleModel rule) => Demands(rule).Any(demand => Common(demand.Protocols) != ProtocolId.Unknown);

    /// <summary>The protocol that stands for all of these, or none.</summary>
    private static ProtocolId Common(List<ProtocolId> list) => list switch
    {
        [var single] => single,
        _ when list.TrueForAll(id => Detector.AppCarries(ProtocolId.Http2, id)) => ProtocolId.Http2,
        _ when list.TrueForAll(id => Detector.AppCarries(ProtocolId.Http, id)) => ProtocolId.Http,
        _ when list.TrueForAll(id => Detector.AppCarries(ProtocolId.Dns, id)) => ProtocolId.Dns,
        _ when list.TrueForAll(id => Detector.AppCarries(ProtocolId.DceRpc, id)) => ProtocolId.DceRpc,
        _ => ProtocolId.Unknown,
    };

    /// <summary>Whether a keyword of these protocols goes with a rule of one: what HTTP and DNS share over DoH makes neither the other.</summary>
    private static bool Goes(ProtocolId app, List<ProtocolId> list)
    {
        ProtocolId common = Common(list);
        return common == ProtocolId.Unknown
            ? list.Contains(app) || (app is ProtocolId.Http or ProtocolId.DceRpc && list.Exists(id => Detector.AppCarries(app, id)))
            : Detector.AppCarries(common, app) || (app is not (ProtocolId.Dns or ProtocolId.DceRpc) && Detector.AppCarries(app, common));
    }

    /// <summary>Each buffer and keyword with the protocols that have it, every protocol once.</summary>
    private static IEnumerable<(List<ProtocolId> Protocols, Token Token, bool IsEvent)> Demands(RuleModel rule)
    {
        foreach (SectionModel section in rule.Sections)
        {
            yield return (section.Buffer!.Protocols, new Token(section.Keyword, section.Column), false);
        }

        foreach (EngineModel engine in rule.Engines)
        {
            yield return (engine.Protocols, rule.Syntax.Protocol, engine.Kind == EngineKind.Anomaly);
        }
    }

    /// <summary>Events of a protocol's near relatives may stand in its rules.</summary>
    private static bool IsSharedEvent(ProtocolId app, List<ProtocolId> list) => app switch
    {
        ProtocolId.Doh2 => list.Exists(id => id is ProtocolId.Http2 or ProtocolId.Dns),
        ProtocolId.Dns => list.Contains(ProtocolId.Mdns),
        _ => false,
    };

    /// <summary>Buffers that exist in one direction restrict the rule to it.</summary>
    private static void ResolveDirections(BindContext context)
    {
        RuleModel rule = context.Rule;
        DirectionMask possible = rule.Directions;
        foreach (SectionModel section in rule.Sections)
        {
            DirectionMask directions = DirectionsOf(rule, section);
            if (rule.IsTwoWay || (directions == DirectionMask.None && section.Keyword == FileChecks.FreeBuffer))
            {
                continue;
            }

            if ((possible & directions) == 0)
            {
                context.FailAt(
                    new Token(section.Keyword, section.Column),
                    DiagnosticCode.ConflictingDirection,
                    $"{section.Keyword} exists only {(directions == DirectionMask.ToServer ? "to server" : "to client")}, the rule is for the other direction");
                return;
            }

            possible &= directions;
        }

        foreach (EngineModel engine in rule.Engines)
        {
            DirectionMask directions = DirectionMask.None;
            foreach (EngineVariant variant in engine.Variants)
            {
                if (rule.App == ProtocolId.Unknown || Detector.AppCarries(rule.App, variant.Protocol))
                {
                    directions |= variant.Directions;
                }
            }

            if (rule.IsTwoWay || (directions == DirectionMask.None && engine.Kind == EngineKind.Anomaly))
            {
                continue;
            }

            if ((possible & directions) == 0)
            {
                context.FailAt(rule.Syntax.Protocol, DiagnosticCode.ConflictingDirection, "a keyword exists only in the other direction");
                return;
            }

            possible &= directions;
        }

        if (rule.Sections.Find(section => section.Buffer!.Name == "http.header.raw" && section.Transforms.Count == 0) is { } raw
            && rule.Directions == DirectionMask.Both && !rule.IsTwoWay && !rule.Sections.Exists(section => section.Buffer!.Name == "http.response_body"))
        {
            context.FailAt(
                new Token(raw.Keyword, raw.Column), DiagnosticCode.ConflictingDirection, $"{raw.Keyword} needs to know whose headers are meant", "flow:to_server or flow:to_client");
            return;
        }

        if (rule.IsTwoWay && !UsesBothDirections(rule))
        {
            context.FailAt(rule.Syntax.Direction, DiagnosticCode.ConflictingDirection, "a rule with => has to look at both directions", "buffers of requests and of responses");
            return;
        }

        rule.Directions = possible;
    }

    private static bool UsesBothDirections(RuleModel rule)
    {
        // What exists in both directions says of neither that it is looked at.
        DirectionMask used = rule.Sections.Select(section => DirectionsOf(rule, section)).Where(mask => mask != DirectionMask.Both)
            .Aggregate(DirectionMask.None, (all, mask) => all | mask);
        return rule.Engines.SelectMany(engine => engine.Variants).Where(variant => variant.Directions != DirectionMask.Both)
            .Aggregate(used, (mask, variant) => mask | variant.Directions) == DirectionMask.Both;
    }

    private static DirectionMask DirectionsOf(RuleModel rule, SectionModel section)
    {
        if (section.Keyword == "http.response_body")
        {
            // Suricata has it in both directions, and in requests it never is.
            return DirectionMask.Both;
        }

        DirectionMask mask = DirectionMask.None;
        foreach ((Protocol protocol, BufferDescriptor descriptor) in section.Buffer!.Variants)
        {
            if (rule.App == ProtocolId.Unknown || Detector.AppCarries(rule.App, protocol.Id))
            {
                mask |= descriptor.Directions & section.Only;
            }
        }

        return mask;
    }
}
