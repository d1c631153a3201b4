using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Frames;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Semantics;

namespace BridgeGuard.Rules.Keywords;

/// <summary><c>frame:tls.pdu;</c>: the contents that follow look into frames of that type. The protocol's name may be left out where the rule has one.</summary>
internal static class FrameKeyword
{
    public static readonly Keyword Keyword = new()
    {
        Name = "frame",
        Argument = ArgumentRule.Required,
        Help = "the contents that follow look into these frames of a protocol: protocol.name, or name where the rule names the protocol",
        Apply = Apply,
    };

    private static void Apply(BindContext context)
    {
        if (!BufferKeywords.IsLeftOpen(context) || FindTarget(context) is not { } target)
        {
            return;
        }

        if (context.Environment.AreOff([target.Protocol], out string off))
        {
            context.Fail(DiagnosticCode.Unsupported, $"frame: the protocol {off} is switched off", $"app-layer.protocols.{off}.enabled: yes");
            return;
        }

        RuleModel rule = context.Rule;
        if (rule.App == ProtocolId.Unknown)
        {
            rule.App = target.Protocol.Id;
        }

        rule.Activate(Sections.Of(rule, target, [], context.Option.Name));
    }

    private static FrameTarget? FindTarget(BindContext context)
    {
        string text = context.Argument;
        ProtocolId app = context.Rule.App;
        Protocol? own = app == ProtocolId.Unknown ? null : Find(context, protocol => protocol.Id == app);
        if (own is not null && TryFind(context, own, text, out FrameTarget? target))
        {
            return target;
        }

        if (app == ProtocolId.Http && text == FrameTypes.StreamName && IncludesTcp(context.Rule) && Find(context, protocol => protocol.Id == ProtocolId.Http1) is { } http)
        {
            return new FrameTarget(http, FrameTypes.Stream);
        }

        int dot = text.IndexOf('.');
        string name = dot < 0 ? "" : text[..dot];
        bool isStream = text.AsSpan(dot + 1) is FrameTypes.StreamName;
        Protocol? named = dot < 0 ? null : Find(context, protocol => protocol.Name == name || FrameNameOf(protocol) == name, needsFrames: !isStream);
        if (named is null)
        {
            context.Fail(
                DiagnosticCode.BadArgument,
                app == ProtocolId.Unknown ? $"frame: «{text}» names no protocol, and neither does the rule" : $"frame: the rule's protocol has no frame «{text}»",
                "protocol.frame");
            return null;
        }

        if (app != ProtocolId.Unknown && !Detector.AppCarries(app, named.Id))
        {
            context.Fail(DiagnosticCode.ConflictingProtocol, $"frame: «{text}» does not belong to the rule's protocol");
            return null;
        }

        if (named.Id == ProtocolId.DceRpc && !IncludesTcp(context.Rule))
        {
            context.Fail(DiagnosticCode.BadArgument, "frame: dcerpc has frames over TCP only", "alert tcp …");
            return null;
        }

        if (!TryFind(context, named, text[(dot + 1)..], out target))
        {
            context.Fail(DiagnosticCode.BadArgument, $"frame: {name} has no frame «{text[(dot + 1)..]}»", string.Join(", ", named.Frames));
        }

        return target;
    }

    /// <summary>HTTP/1's own name is the one that covers HTTP/2 as well; its frames are named after the version.</summary>
    private static string FrameNameOf(Protocol protocol) => protocol.Id == ProtocolId.Http1 ? "http1" : protocol.Name;

    private static Protocol? Find(BindContext context, Func<Protocol, bool> wanted, bool needsFrames = true) =>
        context.Environment.Keywords.Protocols.FirstOrDefault(protocol => (protocol.Frames.Length > 0 || !needsFrames) && wanted(protocol));

    private static bool TryFind(BindContext context, Protocol protocol, string name, out FrameTarget? target)
    {
        target = null;
        int type = Array.IndexOf(protocol.Frames, name);
        bool isStream = name == FrameTypes.StreamName && IncludesTcp(context.Rule);
        if (type < 0 && !isStream)
        {
            return false;
        }

        target = new FrameTarget(protocol, type < 0 ? FrameTypes.Stream : (short)type);
        return true;
    }

    private static bool IncludesTcp(RuleModel rule) =>
        rule.Protocols is not { } bits || (bits[IpProtocols.Tcp >> 6] & (1UL << (IpProtocols.Tcp & 63))) != 0;
}
