using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Detection.Firewall;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Keywords;
using BridgeGuard.Rules.Syntax;

namespace BridgeGuard.Rules.Semantics;

/// <summary>The part of a rule before its options.</summary>
internal static class HeaderBinder
{
    private static readonly string[] s_actions = ["alert", "pass", "drop", "reject", "rejectsrc", "rejectdst", "rejectboth", "config", "redirect"];
    private static readonly string[] s_packetProtocols =
        ["ip", "ipv4", "ipv6", "tcp", "tcp-pkt", "tcp-stream", "udp", "icmp", "icmpv4", "icmpv6", "sctp", "pkthdr", "http"];

    public static void Bind(BindContext context)
    {
        RuleSyntax syntax = context.Rule.Syntax;
        BindAction(context, syntax.Action);
        if (!context.HasFailed)
        {
            BindProtocol(context, syntax.Protocol);
        }

        if (!context.HasFailed)
        {
            BindDirection(context, syntax.Direction);
        }

        if (!context.HasFailed)
        {
            BindEnds(context, syntax);
        }
    }

    /// <summary>256 bits with these set.</summary>
    public static ulong[] ProtocolBits(params ReadOnlySpan<byte> protocols)
    {
        var bits = new ulong[4];
        foreach (byte protocol in protocols)
        {
            bits[protocol >> 6] |= 1UL << (protocol & 63);
        }

        return bits;
    }

    private static void BindAction(BindContext context, Token token)
    {
        string text = token.Text;
        if (context.Environment.IsFirewall)
        {
            BindFirewallAction(context, token);
            return;
        }

        int colon = text.IndexOf(':');
        string name = colon < 0 ? text : text[..colon];
        RuleAction? action = name.ToLowerInvariant() switch
        {
            "alert" => RuleAction.Alert,
            "pass" => RuleAction.Pass,
            "drop" => RuleAction.Drop,
            "reject" or "rejectsrc" => RuleAction.Reject,
            "rejectdst" => RuleAction.RejectDestination,
            "rejectboth" => RuleAction.RejectBoth,
            "config" => RuleAction.Config,
            "redirect" => RuleAction.Redirect,
            _ => null,
        };
        if (action is null)
        {
            context.FailAt(
                token, DiagnosticCode.UnknownAction, $"«{name}» is not an action{NearMiss.Question(name, s_actions)}", "alert, pass, drop, reject, rejectsrc, rejectdst, rejectboth, config or redirect");
            return;
        }

        context.Rule.Action = action.Value;
        if (colon < 0)
        {
            return;
        }

        string scope = text[(colon + 1)..];
        if (action is RuleAction.Alert or RuleAction.Config)
        {
            context.FailAt(token, DiagnosticCode.UnknownAction, $"{name} takes no scope", "a scope with drop, pass or reject");
            return;
        }

        context.Rule.ActionScope = scope;
        switch (scope)
        {
            case "packet" or "hook" or "tx":
                context.Rule.ActionOnFlow = false;
                break;
            case "flow":
                context.Rule.ActionOnFlow = true;
                break;
            default:
                context.FailAt(token, DiagnosticCode.UnknownAction, $"«{scope}» is not a scope of an action", "packet, flow, tx or hook");
                break;
        }
    }

    private static void BindFirewallAction(BindContext context, Token token)
    {
        if (!FirewallAction.TryParse(token.Text, out FirewallAction? action, out string error))
        {
            context.FailAt(token, DiagnosticCode.UnknownAction, error, "accept:hook, drop:packet and the like");
            return;
        }

        context.Rule.Firewall = action;
        context.Rule.Action = action!.Action;
        context.Rule.ActionOnFlow = action.Scope == FirewallScope.Flow;
    }

    /// <summary>A firewall rule names its hook, and the hook limits the scopes.</summary>
    private static void CheckFirewallHook(BindContext context, Token token)
    {
        RuleModel rule = context.Rule;
        if (rule.Firewall is not { } action)
        {
            return;
        }

        if (rule.Hook.Length == 0)
        {
            context.FailAt(token, DiagnosticCode.UnknownProtocol, "a firewall rule needs a hook", "tcp:all, tls:client_hello_done and the like");
        }
        else if (rule.FirewallTable == FirewallTable.App)
        {
            if (action.Scope == FirewallScope.Packet && rule.Protocols is { } bits && (bits[0] & (1UL << IpProtocols.Udp)) == 0)
            {
                context.FailAt(rule.Syntax.Action, DiagnosticCode.UnknownAction, "a hook of a protocol over TCP cannot act on one packet", "flow, hook or tx");
            }
        }
        else if (rule.FirewallTable != FirewallTable.PacketFilter && action.Scope is not (FirewallScope.Packet or FirewallScope.Hook))
        {
            context.FailAt(rule.Syntax.Action, DiagnosticCode.UnknownAction, $"the scope does not fit the hook {rule.Hook}", "packet or hook");
        }
    }

    private static void BindProtocol(BindContext context, Token token)
    {
        RuleModel rule = context.Rule;
        string text = token.Text;
        int colon = text.IndexOf(':');
        string name = colon < 0 ? text : text[..colon];
        switch (name.ToLowerInvariant())
        {
            case "ip":
                break;
            case "ip4" or "ipv4":
                rule.IpVersion = 4;
                break;
            case "ip6" or "ipv6":
                rule.IpVersion = 6;
                break;
            case "tcp":
                rule.Protocols = ProtocolBits(IpProtocols.Tcp);
                break;
            case "tcp-pkt":
                rule.Protocols = ProtocolBits(IpProtocols.Tcp);
                rule.IsPacketOnly = true;
                break;
            case "tcp-stream":
                rule.Protocols = ProtocolBits(IpProtocols.Tcp);
                rule.IsStreamOnly = true;
                break;
            case "udp":
                rule.Protocols = ProtocolBits(IpProtocols.Udp);
                break;
            case "icmp":
                rule.Protocols = ProtocolBits(IpProtocols.Icmp, IpProtocols.IcmpV6);
                break;
            case "icmpv4":
                rule.Protocols = ProtocolBits(IpProtocols.Icmp);
                break;
            case "icmpv6" or "ipv6-icmp":
                rule.Protocols = ProtocolBits(IpProtocols.IcmpV6);
                break;
            case "sctp":
                rule.Protocols = ProtocolBits(IpProtocols.Sctp);
                break;
            case "pkthdr":
                rule.IsPacketHeader = true;
                break;
            default:
                BindApplication(context, token, name);
                break;
        }

        if (colon >= 0 && !context.HasFailed)
        {
            BindHook(context, token, text[(colon + 1)..]);
        }

        if (!context.HasFailed)
        {
            CheckFirewallHook(context, token);
        }
    }

    private static void BindApplication(BindContext context, Token token, string name)
    {
        RuleModel rule = context.Rule;
        if (!context.Environment.TryFindProtocol(name, out ProtocolId id) || id is ProtocolId.Failed or ProtocolId.Unknown)
        {
            string question = NearMiss.Question(name, context.Environment.Keywords.Protocols.Select(protocol => protocol.Name).Concat(s_packetProtocols));
            context.FailAt(token, DiagnosticCode.UnknownProtocol, $"«{name}» is not a protocol{question}", "ip, tcp, udp, icmp, an application protocol and so on");
            return;
        }

        if (context.Environment.IsOff(id))
        {
            context.FailAt(token, DiagnosticCode.Unsupported, $"the protocol {name} is switched off: the rule could never match", $"app-layer.protocols.{name}.enabled: yes");
            return;
        }

        rule.App = id;
        rule.Protocols = TransportsOf(context.Environment.Keywords, id);
    }

    public static ulong[] TransportsOf(KeywordIndex keywords, ProtocolId id)
    {
        bool tcp = false;
        bool udp = false;
        foreach (Protocol protocol in keywords.Protocols)
        {
            if (Detector.AppCarries(id, protocol.Id))
            {
                tcp |= protocol.UsesTcp;
                udp |= protocol.UsesUdp;
            }
        }

        return (tcp, udp) switch
        {
            (true, true) => ProtocolBits(IpProtocols.Tcp, IpProtocols.Udp),
            (false, true) => ProtocolBits(IpProtocols.Udp),
            _ => ProtocolBits(IpProtocols.Tcp),
        };
    }

    /// <summary><c>tls:client_hello_done</c>: the rule is asked when a transaction reaches a progress.</summary>
    private static void BindHook(BindContext context, Token token, string hook)
    {
        RuleModel rule = context.Rule;
        rule.Hook = hook;
        if (rule.App == ProtocolId.Unknown)
        {
            if (hook is not ("all" or "flow_start" or "pre_flow" or "pre_stream" or "filter"))
            {
                context.FailAt(token, DiagnosticCode.UnknownProtocol, $"«{hook}» is not a hook of packets", "all or flow_start");
                return;
            }

            rule.FirewallTable = hook switch
            {
                "pre_flow" => FirewallTable.PreFlow,
                "pre_stream" => FirewallTable.PreStream,
                _ => FirewallTable.PacketFilter,
            };
            if (hook == "flow_start")
            {
                rule.Conditions.Add(new ConditionModel(new PacketCondition { Kind = ConditionKind.FlowStart }) { NeedsPacket = true });
            }

            return;
        }

        if (hook.Length == 0 && rule.Firewall is null)
        {
            return;
        }

        if (rule.App == ProtocolId.Http)
        {
            context.FailAt(token, DiagnosticCode.UnknownProtocol, $"http has no hook «{hook}»: its versions have them", "http1:request_line, http2:request_complete and the like");
            return;
        }

        rule.FirewallTable = FirewallTable.App;
        rule.IsUpToHook = rule.Firewall is not null && hook.StartsWith('<');
        hook = rule.IsUpToHook ? hook[1..] : hook;
        var variants = new List<EngineVariant>();
        foreach (Protocol protocol in context.Environment.Keywords.Protocols)
        {
            // A firewall rule stands at the hooks of the protocol it names, not of those that carry it; nor are SMB's transactions those of dcerpc.
            if (rule.Firewall is null && rule.App != ProtocolId.DceRpc ? !Detector.AppCarries(rule.App, protocol.Id) : rule.App != protocol.Id)
            {
                continue;
            }

            AddHook(variants, protocol, hook, Direction.ToServer, DirectionMask.ToServer);
            AddHook(variants, protocol, hook, Direction.ToClient, DirectionMask.ToClient);
        }

        if (variants.Count == 0)
        {
            context.FailAt(token, DiagnosticCode.UnknownProtocol, $"«{hook}» is not a hook of {token.Text[..token.Text.IndexOf(':')]}", "the name of a progress of the protocol");
            return;
        }

        rule.Engines.Add(new EngineModel { Kind = EngineKind.Progress, Variants = variants });
    }

    private static void AddHook(List<EngineVariant> variants, Protocol protocol, string hook, Direction direction, DirectionMask mask)
    {
        int progress = FirewallHooks.Find(protocol, direction, hook);
        if (progress >= 0)
        {
            variants.Add(new EngineVariant(protocol.Id, mask, (byte)progress, (byte)progress, 0, false, null));
        }
    }

    private static void BindDirection(BindContext context, Token token)
    {
        switch (token.Text)
        {
            case "->":
                break;
            case "<>":
                context.Rule.IsBidirectional = true;
                break;
            case "=>":
                context.Rule.IsTwoWay = true;
                break;
            default:
                context.FailAt(token, DiagnosticCode.BadDirection, $"«{token.Text}» is not a direction", "->, <> or =>");
                break;
        }
    }

    private static void BindEnds(BindContext context, RuleSyntax syntax)
    {
        RuleModel rule = context.Rule;
        RuleEnvironment environment = context.Environment;
        rule.SourceText = syntax.Source.Text;
        rule.DestinationText = syntax.Destination.Text;
        rule.SourcePortText = syntax.SourcePort.Text;
        rule.DestinationPortText = syntax.DestinationPort.Text;
        rule.Source = environment.Addresses.Parse(syntax.Source.Text, out ListError error);
        Report(syntax.Source, error);
        rule.SourcePorts = environment.Ports.Parse(syntax.SourcePort.Text, out error);
        Report(syntax.SourcePort, error);
        rule.Destination = environment.Addresses.Parse(syntax.Destination.Text, out error);
        Report(syntax.Destination, error);
        rule.DestinationPorts = environment.Ports.Parse(syntax.DestinationPort.Text, out error);
        Report(syntax.DestinationPort, error);

        void Report(Token token, ListError found)
        {
            if (found.IsError)
            {
                context.FailAt(token, found.Code, found.Message, found.Expected);
            }
        }
    }
}
