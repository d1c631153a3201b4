using System.Globalization;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Detection.Datasets;
using BridgeGuard.Engine.Detection.Matchers;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Loading;
using BridgeGuard.Rules.Semantics;

namespace BridgeGuard.Rules.Keywords;

/// <summary>Sets of values kept outside the rules.</summary>
internal static class DatasetKeywords
{
    public static readonly Keyword Dataset = new()
    {
        Name = "dataset",
        Argument = ArgumentRule.Required,
        Help = "command,name[,type T][,load F][,save F][,state F][,memcap N][,hashsize N][,format F][,context_key K][,value_key K][,array_key K][,remove_key][,match subdomain]",
        Apply = context => Apply(context, isReputation: false),
    };

    public static readonly Keyword DataRep = new()
    {
        Name = "datarep",
        Argument = ArgumentRule.Required,
        Help = "name,operator,score[,type T][,load F][,memcap N][,hashsize N]",
        Apply = context => Apply(context, isReputation: true),
    };

    private static void Apply(BindContext context, bool isReputation)
    {
        string[] parts = context.Argument.Split(',', StringSplitOptions.TrimEntries);
        DatasetCommand? command = null;
        IntegerRange test = default;
        string name = "";
        int next;
        if (isReputation)
        {
            IntegerComparison? comparison = parts.Length < 3 ? null : parts[1] switch
            {
                ">" => IntegerComparison.Greater,
                "<" => IntegerComparison.Less,
                "==" => IntegerComparison.Equal,
                _ => null,
            };
            if (comparison is { } known && ushort.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out ushort score))
            {
                command = DatasetCommand.Reputation;
                test = new IntegerRange(known, score, 0);
                name = parts[0];
            }

            next = 3;
        }
        else
        {
            command = parts[0] switch
            {
                "isset" => DatasetCommand.IsSet,
                "isnotset" => DatasetCommand.IsNotSet,
                "set" => DatasetCommand.Set,
                "unset" => DatasetCommand.Unset,
                _ => null,
            };
            name = parts.Length > 1 ? parts[1] : "";
            next = 2;
        }

        if (command is null || name.Length == 0 || name.Contains(' '))
        {
            context.FailArgument(isReputation ? "name, > < or ==, a score, then settings" : "isset, isnotset, set or unset, a name, then settings");
            return;
        }

        if (context.Rule.Active is null)
        {
            context.Fail(DiagnosticCode.MissingRequirement, $"{context.Option.Name.Text} needs a sticky buffer before it");
            return;
        }

        if (!TryReadSettings(context, parts.AsSpan(next), name, isReputation, out DatasetSettings settings))
        {
            return;
        }

        if (settings.MatchesSubdomains && (settings.Type != DatasetType.String || command is not (DatasetCommand.IsSet or DatasetCommand.IsNotSet)))
        {
            context.Fail(DiagnosticCode.BadArgument, "dataset: match subdomain goes with type string, isset and isnotset only");
            return;
        }

        if (settings.Format != "csv" && settings.ContextKey.Length == 0)
        {
            context.Fail(DiagnosticCode.BadArgument, "dataset: a json format needs context_key", "context_key NAME");
            return;
        }

        Dataset? set = context.Environment.Datasets.GetOrLoad(settings, out string problem);
        if (set is null)
        {
            context.Fail(DiagnosticCode.BadArgument, $"{context.Option.Name.Text}: {problem}");
            return;
        }

        foreach (string line in context.Environment.Datasets.BadLines)
        {
            context.Warn(DiagnosticCode.BadLine, line);
        }

        var op = new DatasetOp { Set = set, Command = command.Value, Test = test, MatchesSubdomains = settings.MatchesSubdomains };
        context.Environment.Recipes?.Datasets.Add(op, settings);
        context.Rule.AddOp(context.Rule.Current, new OpModel
        {
            Kind = BufferOpKind.Dataset,
            Data = op,
            Column = context.Option.Name.Column,
        });
    }

    private static bool TryReadSettings(
        BindContext context, ReadOnlySpan<string> parts, string name, bool isReputation, out DatasetSettings settings)
    {
        settings = new DatasetSettings { Name = name, RuleFile = context.Rule.Syntax.File, HasReputation = isReputation };
        foreach (string part in parts)
        {
            int blank = part.IndexOf(' ');
            string key = blank < 0 ? part : part[..blank];
            string value = blank < 0 ? "" : part[(blank + 1)..].Trim();
            bool isGood = key switch
            {
                "type" => settings.SetType(value),
                "load" => (settings.Load = value).Length > 0,
                "save" => (settings.Save = value).Length > 0,
                "state" => (settings.Load = settings.Save = value).Length > 0 && (settings.IsState = true),
                "memcap" => settings.SetMemcap(value),
                "hashsize" => settings.SetHashSize(value),
                "format" => (settings.Format = value) is "csv" or "json" or "ndjson" or "jsonline",
                "context_key" or "enrichment_key" => (settings.ContextKey = value).Length > 0,
                "value_key" => (settings.ValueKey = value).Length > 0,
                "array_key" => (settings.ArrayKey = value).Length > 0,
                "remove_key" => settings.RemoveKey = true,
                "match" => settings.MatchesSubdomains = value == "subdomain",
                _ => false,
            };
            if (!isGood && key is not ("type" or "load" or "save" or "state" or "format" or "context_key" or "value_key" or "array_key" or "match"))
            {
                context.Warn(DiagnosticCode.BadArgument, $"{context.Option.Name.Text}: «{part}» is not understood and left out");
                continue;
            }

            if (!isGood)
            {
                context.Fail(DiagnosticCode.BadArgument, $"{context.Option.Name.Text}: «{part}» is not understood", "type, load, save, state, memcap, hashsize, format, context_key, value_key, array_key or remove_key");
                return false;
            }
        }

        return true;
    }
}
