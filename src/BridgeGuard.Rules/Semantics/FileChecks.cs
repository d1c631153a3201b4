using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Keywords;
using BridgeGuard.Rules.Syntax;

namespace BridgeGuard.Rules.Semantics;

/// <summary>Keywords on files belong to protocols that carry files.</summary>
internal static class FileChecks
{
    /// <summary>The one file keyword that any rule may have; where there are no files it never matches.</summary>
    public const string FreeBuffer = "file.magic";

    private static readonly HashSet<string> Names = ["filename", "fileext", "file.name"];

    private static readonly HashSet<string> Buffers = [.. Names, "file.data", "file_data", "filemagic"];

    public static void Run(BindContext context)
    {
        RuleModel rule = context.Rule;
        SectionModel? asked = rule.Sections.Find(section => Buffers.Contains(section.Keyword));
        if (asked is null && !rule.Engines.Exists(engine => engine.Kind == EngineKind.File))
        {
            return;
        }

        Token token = asked is null ? rule.Syntax.Protocol : new Token(asked.Keyword, asked.Column);
        if (rule.App != ProtocolId.Unknown)
        {
            if (!Carries(context, rule.App))
            {
                context.FailAt(token, DiagnosticCode.ConflictingProtocol, $"the rule's protocol {rule.App} carries no files");
            }
            else if (rule.App == ProtocolId.Http2 && rule.Sections.Find(section => Names.Contains(section.Keyword)) is { } name)
            {
                context.FailAt(new Token(name.Keyword, name.Column), DiagnosticCode.ConflictingProtocol, "files of HTTP/2 have no names", "file.data or filesize");
            }
        }
        else if (rule.Sections.Select(section => section.Buffer!.Protocols).Concat(rule.Engines.Select(engine => engine.Protocols))
            .Any(list => !list.Exists(id => Carries(context, id))))
        {
            context.FailAt(token, DiagnosticCode.ConflictingProtocol, "none of the rule's protocols carries files");
        }
    }

    private static bool Carries(BindContext context, ProtocolId app) => app is not ProtocolId.DceRpc && context.Environment.Keywords.Protocols.Any(
        protocol => protocol.FileDirections != DirectionMask.None && Detector.AppCarries(app, protocol.Id) && !(app == ProtocolId.Dns && protocol.Id == ProtocolId.Doh2));
}
