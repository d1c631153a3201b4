using System.Globalization;
using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Policy.Roles;

namespace BridgeGuard.Daemon.Playbooks;

/// <summary>Reads <c>playbooks</c> of the configuration and the files of <c>playbooks.d</c>; everything that does not fit together is reported with its place.</summary>
internal sealed class PlaybookLoader(PolicyModel policy, IReadOnlyList<string> webhooks)
{
    private static readonly Dictionary<string, uint> Findings = new()
    {
        ["mac-spoofing"] = 10, ["address-spoofing"] = 11, ["arp-spoofing"] = 12, ["nd-spoofing"] = 13, ["router-advertisement"] = 14, ["dhcp-server"] = 15,
        ["contract-in"] = 20, ["contract-out"] = 21, ["port-scan"] = 30, ["host-sweep"] = 31, ["connection-flood"] = 32, ["beacon"] = 33, ["dns-tunnel"] = 34, ["icmp-tunnel"] = 35,
        ["malicious-file"] = 1, ["malicious-file-seen"] = 2, ["unjudged-file"] = 3,
    };

    private readonly List<(Playbook Book, YamlSection Section)> _books = [];
    private readonly HashSet<uint> _marks = [.. policy.Roles.Select(r => r.Mark).Where(m => m != 0)];
    private IReadOnlyList<string> _hookFolders = [];

    /// <summary>The model; what is wrong is in the sections' diagnostics.</summary>
    public PlaybooksModel Read(YamlSection root, string folder)
    {
        if (root.Section("playbooks") is not { } section)
        {
            return new PlaybooksModel();
        }

        var read = new List<string>();
        _hookFolders = [.. section.Texts("hook-folders").Select(f => Path.GetFullPath(f, folder))];
        var never = section.Section("never-touch");
        IReadOnlyList<string> guests = never?.Texts("guests") ?? [];
        var networks = never is null ? [] : RoleReader.Networks(never, "addresses").ToList();
        never?.RejectUnknownKeys();
        foreach (string pattern in section.Texts("files"))
        {
            string[] files = [.. DaemonConfigLoader.Expand(folder, pattern, "*.yaml")];
            if (files.Length == 0 && DaemonConfigLoader.WhyNothing(folder, pattern) is { } why)
            {
                section.Error("files", $"no playbook fits '{pattern}', {why}");
            }

            foreach (string file in files)
            {
                read.Add(file);
                if (section.Load(file) is { } book)
                {
                    Add(book);
                }
            }
        }

        section.RejectUnknownKeys();
        RefuseLoops();
        return new PlaybooksModel { Playbooks = [.. _books.Select(b => b.Book)], NeverGuests = guests, NeverNetworks = networks, HookFolders = _hookFolders, Files = read };
    }

    /// <summary><c>90</c> or <c>90s</c>, <c>10m</c>, <c>2h</c>, <c>1d</c>.</summary>
    public static TimeSpan? Duration(YamlSection section, string key)
    {
        if (section.Text(key) is not { } text)
        {
            return null;
        }

        long unit = text.Length == 0 ? 0 : text[^1] switch
        {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            >= '0' and <= '9' => 1,
            _ => 0,
        };
        string number = text.Length > 0 && char.IsAsciiLetter(text[^1]) ? text[..^1] : text;
        if (unit == 0 || !int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out int value) || value == 0 || value * unit > 366L * 86_400)
        {
            section.Error(key, $"'{key}' is '{text}', expected a time such as 30s, 10m, 2h or 1d");
            return null;
        }

        return TimeSpan.FromSeconds(value * unit);
    }

    private void Add(YamlSection section)
    {
        string name = section.RequiredText("name");
        section.Text("description");
        if (_books.Exists(b => b.Book.Name == name))
        {
            section.Error("name", $"playbook '{name}' is there already, expected a name of its own");
        }

        var actions = new List<PlaybookAction>();
        foreach (YamlSection then in section.Sections("then"))
        {
            if (ReadAction(then) is { } action)
            {
                actions.Add(action);
            }
        }

        if (!section.Sections("then").Any())
        {
            section.Error(section.Has("then") ? "then" : null, $"playbook '{name}' does nothing, expected 'then:' with at least one action");
        }

        PlaybookTrigger trigger = new();
        if (section.Section("when") is { } when)
        {
            trigger = ReadTrigger(when);
        }
        else
        {
            section.Error(null, $"playbook '{name}' has no occasion, expected 'when:'");
        }

        YamlSection? cap = section.Section("cap");
        var book = new Playbook(name, section.PlaceOf("name"))
        {
            IsDryRun = section.Bool("dry-run", false),
            When = trigger,
            Then = actions,
            CapTargets = cap?.Integer("targets", 3, 1, 10_000) ?? 3,
            CapWindow = TimeSpan.FromMinutes(cap?.Integer("minutes", 10, 1, 1440) ?? 10),
        };
        cap?.RejectUnknownKeys();
        section.RejectUnknownKeys();
        _books.Add((book, section));
    }

    private PlaybookTrigger ReadTrigger(YamlSection when)
    {
        var rules = new List<(uint, uint)>();
        foreach (string text in when.Texts("sid"))
        {
            string[] parts = text.Split(':');
            if (parts.Length <= 2 && uint.TryParse(parts[^1], NumberStyles.None, CultureInfo.InvariantCulture, out uint sid)
                && uint.TryParse(parts.Length == 2 ? parts[0] : "1", NumberStyles.None, CultureInfo.InvariantCulture, out uint gid))
            {
                rules.Add((gid, sid));
            }
            else
            {
                when.Error("sid", $"'{text}' is no signature id, expected a number or the form gid:sid");
            }
        }

        foreach (string finding in when.Texts("finding"))
        {
            if (Findings.TryGetValue(finding, out uint sid))
            {
                rules.Add((BuiltInRules.Gid, sid));
            }
            else
            {
                when.Error("finding", $"'{finding}' is no finding, {when.Hint(finding, Findings.Keys)}");
            }
        }

        IReadOnlyList<string> roles = when.Texts("role");
        foreach (string role in roles.Where(r => policy.FindRole(r) < 0))
        {
            when.Error("role", $"role '{role}' does not exist, {when.Hint(role, policy.Roles.Select(r => r.Name))}");
        }

        var trigger = new PlaybookTrigger
        {
            Event = when.Choice("event", PlaybookOccasion.Alert),
            Rules = rules,
            Categories = when.Texts("category"),
            MaxSeverity = when.Integer("severity", 0, 1, 255),
            OnlyBlocked = when.Bool("blocked", false),
            Roles = roles,
            Tags = when.Texts("tag"),
            Playbook = when.Text("playbook"),
            Count = when.Integer("count", 1, 1, 1_000_000),
            Seconds = when.Integer("seconds", 60, 1, 86_400),
            By = when.Choice("by", TriggerScope.Vm),
            Guests = when.Integer("guests", 1, 1, 10_000),
        };
        if (trigger.Event != PlaybookOccasion.Alert)
        {
            foreach (string key in ((string[])["sid", "finding", "category", "blocked", "playbook"]).Where(when.Has))
            {
                when.Error(key, $"'{key}' is of alerts, and this playbook acts on {when.Text("event")}, expected role, tag, count, seconds, by or guests beside it");
            }
        }
        else if (when.Text("event") is null or "alert" && !when.Has("sid") && !when.Has("finding") && trigger.Categories.Count == 0 && trigger.MaxSeverity == 0 && trigger.Playbook is null)
        {
            when.Error(null, "this would act on every alert there is, expected at least one of: event, sid, finding, category, severity, playbook");
        }

        when.RejectUnknownKeys();
        return trigger;
    }

    private PlaybookAction? ReadAction(YamlSection then)
    {
        string[] kinds = [.. Enum.GetValues<ActionKind>().Select(k => YamlSection.Hyphenated(k.ToString()))];
        string[] named = [.. kinds.Where(then.Has)];
        if (named.Length != 1)
        {
            then.Error(null, named.Length == 0 ? $"no action is named, {then.HintKeys(kinds)}" : $"two actions ({string.Join(" and ", named)}) in one item, expected one");
            return null;
        }

        var kind = (ActionKind)Array.IndexOf(kinds, named[0]);
        string key = named[0];
        PlaybookAction action = kind switch
        {
            ActionKind.Hook => ReadHook(then, key),
            ActionKind.Webhook => new PlaybookAction(kind, ActionTarget.Vm, null) { Name = Known(then, key, webhooks, "webhook") },
            _ => new PlaybookAction(kind, then.Choice(key, ActionTarget.Vm), Duration(then, "for")),
        };
        if (kind == ActionKind.Redirect && then.Text("to") is { } target)
        {
            int index = Array.FindIndex(policy.Targets, t => t.Name == target);
            if (index < 0)
            {
                then.Error("to", $"target '{target}' does not exist, {then.Hint(target, policy.Targets.Select(t => t.Name))}");
            }

            action = action with { RedirectTarget = index, Name = target };
        }

        if (kind == ActionKind.RateLimit)
        {
            action = action with { Rate = RoleReader.ReadRate(then) };
        }

        if (kind == ActionKind.Mark)
        {
            action = action with { Name = then.Text("set") ?? "", Mark = RoleReader.Mark(then, "value") };
            if (!then.Has("set") && !then.Has("value"))
            {
                then.Error(null, "a mark without a mark, expected 'value' (what frames carry out) or 'set' (an nftables set that gets the address), or both");
            }

            if (action.Mark != 0 && _marks.Add(action.Mark) && _marks.Count > BridgeOptions.MaxMarks)
            {
                then.Error("value", $"more than {BridgeOptions.MaxMarks} different marks with those of the roles, expected fewer: a frame has no room to say which of them it gets");
            }

            if (then.Has("set") && action.Name.Split(' ').Length != 3)
            {
                then.Error("set", $"'{action.Name}' is no nftables set, expected 'family table name', as in 'inet filter suspects'");
            }
        }

        then.RejectUnknownKeys();
        return action;
    }

    private PlaybookAction ReadHook(YamlSection then, string key)
    {
        IReadOnlyList<string> arguments = then.Texts(key);
        IReadOnlyList<string> undo = then.Texts("undo");
        foreach ((string option, IReadOnlyList<string> argv) in new[] { (key, arguments), ("undo", undo) })
        {
            if (argv.Count > 0 && !_hookFolders.Any(f => Path.GetDirectoryName(Path.GetFullPath(argv[0])) == f))
            {
                then.Error(option, $"'{argv[0]}' is in none of 'hook-folders', expected a program in {(_hookFolders.Count == 0 ? "a folder that is listed there" : string.Join(" or ", _hookFolders))}");
            }
        }

        int seconds = then.Integer("timeout-seconds", 10, 1, 600);
        return new PlaybookAction(ActionKind.Hook, then.Choice("target", ActionTarget.Vm), Duration(then, "for"))
        {
            Arguments = arguments,
            UndoArguments = undo,
            Timeout = TimeSpan.FromSeconds(seconds),
        };
    }

    private static string Known(YamlSection section, string key, IReadOnlyList<string> known, string what)
    {
        string name = section.RequiredText(key);
        if (name.Length > 0 && !known.Contains(name))
        {
            section.Error(key, $"{what} '{name}' does not exist, {section.Hint(name, known)}");
        }

        return name;
    }

    /// <summary>Playbooks that set one another off would never come to an end.</summary>
    private void RefuseLoops()
    {
        foreach ((Playbook book, YamlSection section) in _books)
        {
            if (book.When.Playbook is { } first && !_books.Exists(b => b.Book.Name == first))
            {
                section.Error("when", $"playbook '{first}' does not exist, {section.Hint(first, _books.Select(b => b.Book.Name))}");
                continue;
            }

            var path = new List<string> { book.Name };
            string? next = book.When.Playbook;
            while (next is not null && !path.Contains(next))
            {
                path.Add(next);
                next = _books.Find(b => b.Book.Name == next).Book?.When.Playbook;
            }

            if (next == book.Name)
            {
                path.Add(next);
                section.Error("when", $"a loop: {string.Join(" after ", path)}, expected playbooks that come to an end");
            }
        }
    }
}
