using System.Text;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Detection.Matchers;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Semantics;

namespace BridgeGuard.Rules.Keywords;

/// <summary>Conditions on the files of a transaction, the same for all protocols that carry files.</summary>
internal static class FileKeywords
{
    /// <summary>Digests read from one list file.</summary>
    private const int MaxDigests = 10_000_000;

    public static readonly Keyword[] All =
    [
        Text("filename", "file.name", "the file's name contains this", OpFlags.IgnoreCase, ""),
        Text("fileext", "file.name", "the file's name ends in a dot and this", OpFlags.IgnoreCase | OpFlags.EndsWith, "."),
        Text("filemagic", "file.magic", "the file's type contains this", OpFlags.IgnoreCase, ""),
        Digest("filemd5", FileTestKind.Md5, 16),
        Digest("filesha1", FileTestKind.Sha1, 20),
        Digest("filesha256", FileTestKind.Sha256, 32),
        new()
        {
            Name = "filesize",
            Argument = ArgumentRule.Required,
            Help = "the file's length: N, <N, >N, A<>B",
            Apply = context =>
            {
                int comma = context.Argument.IndexOf(',');
                DirectionMask directions = comma < 0 ? DirectionMask.Both : context.Argument[..comma].Trim() switch
                {
                    "to_server" => DirectionMask.ToServer,
                    "to_client" => DirectionMask.ToClient,
                    _ => DirectionMask.None,
                };
                if (directions == DirectionMask.None)
                {
                    context.FailArgument("to_server or to_client, a comma, a length");
                    return;
                }

                if (!IntegerRange.TryParse(context.Argument.AsSpan(comma + 1), IntegerRange.MaxU64, out IntegerRange range, out ArgumentError error))
                {
                    context.Fail(error);
                    return;
                }

                AddTest(context, new FileTest { Kind = FileTestKind.Size, Size = range }, directions);
            },
        },
        new()
        {
            Name = "filestore",
            Argument = ArgumentRule.Optional,
            Help = "store the file: [request|response|both|to_server|to_client][,file|tx|flow]",
            Apply = ApplyStore,
        },
    ];

    private static Keyword Text(string name, string buffer, string help, OpFlags flags, string prefix) => new()
    {
        Name = name,
        TakesQuotes = true,
        Argument = ArgumentRule.Required,
        Help = help,
        Apply = context =>
        {
            if (!TryFindBuffer(context, buffer, out BufferDefinition? definition) || !ContentText.TryRead(context, out byte[] bytes, out bool isNegated, needsQuotes: name == "filemagic"))
            {
                return;
            }

            SectionModel section = Sections.Of(context.Rule, definition!, [], context.Option.Name);
            context.Rule.AddOp(section, new OpModel
            {
                Kind = BufferOpKind.Content,
                Pattern = [.. Encoding.ASCII.GetBytes(prefix), .. bytes],
                Flags = flags | (isNegated ? OpFlags.Negated : OpFlags.None),
                Column = context.Option.Name.Column,
            });
        },
    };

    private static Keyword Digest(string name, FileTestKind kind, int length) => new()
    {
        Name = name,
        Argument = ArgumentRule.Required,
        Help = "the file's digest is in this list, or with ! is not",
        Apply = context =>
        {
            bool isNegated = context.Argument.StartsWith('!');
            string file = context.Argument.TrimStart('!').Trim().Trim('"');
            if (!context.Environment.TryReadDataFile(context.Rule.Syntax.File, file, out string content))
            {
                context.Fail(DiagnosticCode.FileNotFound, $"{name}: the list {file} cannot be read");
                return;
            }

            var digests = new List<byte[]>();
            foreach (string line in content.Split('\n'))
            {
                ReadOnlySpan<char> text = line.AsSpan().Trim();
                if (text.IsEmpty || text[0] == '#')
                {
                    continue;
                }

                int end = text.IndexOfAny(' ', '\t', ',');
                text = end < 0 ? text : text[..end];
                if (text.Length != length * 2 || text.ContainsAnyExcept("0123456789abcdefABCDEF") || digests.Count == MaxDigests)
                {
                    context.Fail(DiagnosticCode.BadArgument, $"{name}: «{text}» in {file} is not a digest", $"{length * 2} hexadecimal digits a line");
                    return;
                }

                digests.Add(Convert.FromHexString(text));
            }

            AddTest(context, new FileTest { Kind = kind, Negated = isNegated, Digests = new DigestSet(digests, length) });
        },
    };

    private static bool TryFindBuffer(BindContext context, string name, out BufferDefinition? definition)
    {
        if (context.Environment.Keywords.Buffers.TryGetValue(name, out definition))
        {
            return true;
        }

        context.FailAt(context.Option.Name, DiagnosticCode.UnknownKeyword, $"{context.Option.Name.Text}: no protocol of this build carries files");
        return false;
    }

    private static void AddTest(BindContext context, FileTest test, DirectionMask directions = DirectionMask.Both)
    {
        var variants = context.Environment.Keywords.Protocols
            .Where(protocol => (protocol.FileDirections & directions) != DirectionMask.None)
            .Select(protocol => new EngineVariant(
                protocol.Id,
                protocol.FileDirections & directions,
                protocol.FileProgress(Direction.ToServer),
                protocol.FileProgress(Direction.ToClient),
                0,
                false,
                test))
            .ToList();
        if (variants.Count == 0)
        {
            context.FailAt(context.Option.Name, DiagnosticCode.UnknownKeyword, $"{context.Option.Name.Text}: no protocol of this build carries files");
            return;
        }

        context.Rule.Engines.Add(new EngineModel { Kind = EngineKind.File, Variants = variants });
    }

    private static void ApplyStore(BindContext context)
    {
        int direction = 0;
        string[] parts = context.Argument.Length == 0 ? [] : context.Argument.Split(',', StringSplitOptions.TrimEntries);
        if (Array.Exists(parts, part => part.Length == 0 || !part.All(c => char.IsAsciiLetter(c) || c == '_')))
        {
            context.FailArgument("nothing, or request, response, both, to_server or to_client, then file, tx or flow");
            return;
        }

        for (int i = 0; i < parts.Length; i++)
        {
            switch (parts[i])
            {
                case "request" or "to_server" when i == 0:
                    direction = 2;
                    break;
                case "response" or "to_client" when i == 0:
                    direction = 3;
                    break;
                case "both" when i == 0:
                    direction = 1;
                    break;
                case "file" or "tx" or "ssn" or "flow" when i == 1:
                    break;
                default:
                    // Suricata takes what it does not know for nothing said.
                    context.Warn(DiagnosticCode.BadArgument, $"filestore: «{parts[i]}» is not understood: request, response, both, to_server or to_client, then file, tx or flow");
                    break;
            }
        }

        AddTest(context, new FileTest { Kind = FileTestKind.Exists });
        context.Rule.Effects.Add(new RuleEffect { Kind = EffectKind.StoreFiles, A = direction });
    }
}
