using System.Globalization;
using System.Text;
using BridgeGuard.Daemon.Guests;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy.Behaviour;
using BridgeGuard.Engine.Policy.Contracts;
using BridgeGuard.Engine.Policy.Encrypted;
using BridgeGuard.Engine.Policy.Links;
using BridgeGuard.Engine.Policy.Redirects;
using BridgeGuard.Engine.Policy.Roles;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Daemon.Configuration;

/// <summary>Reads a role file's sections. What they say is checked where it stands; names of other roles when all roles are there.</summary>
internal sealed partial class RoleReader
{
    /// <summary>Stands for ends that are no guest in a list of roles.</summary>
    public const string Outside = "outside";

    private static readonly IReadOnlyDictionary<string, RoleAction> Actions = Enum.GetValues<RoleAction>().ToDictionary(a => YamlSection.Hyphenated(a.ToString()));

    private readonly List<(ServiceRule[] Rules, int Index, IReadOnlyList<string> Names, YamlSection Section)> _peers = [];

    /// <summary>Reads everything but the selector.</summary>
    public RoleModel Read(YamlSection section, IReadOnlyList<RedirectTarget> targets)
    {
        string name = section.RequiredText("name");
        section.Text("description");
        var rules = new List<RoleRule>();
        foreach (YamlSection line in section.Sections("rules"))
        {
            ReadRuleLines(line, rules);
        }

        YamlSection? files = section.Section("files");
        string home = Word(section, "home", "configured", ["configured", "guest"]);
        IReadOnlyList<string> groups = section.Texts("server-groups");
        if (groups.Count > 0 && home != "guest")
        {
            section.Error("server-groups", "'server-groups' has no meaning without 'home: guest', expected both");
        }

        var role = new RoleModel
        {
            Name = name,
            File = section.File,
            Rules = [.. rules],
            RedirectTarget = Target(section, targets),
            Sinkhole = section.Text("sinkhole") is { } text ? GuestReader.Address(section, "sinkhole", text) : null,
            Files = files?.Choice("delivery", FileDelivery.Observe) ?? FileDelivery.Observe,
            FileHoldMs = files?.Integer("hold-ms", 5000, 1, 600_000) ?? 5000,
            FileStallMs = files?.Integer("stall-ms", 200, 1, 600_000) ?? 200,
            FileHoldAllBytes = files?.Size("hold-all-bytes", 64 << 10) ?? 64 << 10,
            AllowsPieces = files?.Bool("pieces", true) ?? true,
            BlockPage = files?.Bool("block-page", true) ?? true,
            FullInspection = section.Choice("inspection", InspectionDepth.Early) == InspectionDepth.Full,
            FilesFailOpen = files?.Choice("fail", FailMode.Open) != FailMode.Closed,
            HomeIsGuest = home == "guest",
            ServerGroups = [.. groups],
            HostOs = section.Has("host-os") ? section.Choice("host-os", HostOs.Linux) : null,
            Contract = Contract(section),
            Links = Links(section),
            Behaviour = Behaviour(section),
            Encrypted = Encrypted(section),
            RateLimit = RateLimit(section),
            Mark = Mark(section, "mark"),
            LatencyBudgetUs = section.Integer("latency-budget-us", 0, 1, 60_000_000),
            Exceptions = Exceptions(section),
            FailOpen = BridgeReader.ReadFail(section).Crash is { } crash ? crash == FailMode.Open : null,
        };
        files?.RejectUnknownKeys();
        if (role.Mark == 0 && Marks(role) is { } place)
        {
            section.Error(null, $"role '{name}' marks flows ({place}) but does not say with what, expected 'mark:' with a number such as 32 or 0x20");
        }

        return role;
    }

    /// <summary>A mark: any number of 32 bits but 0; 0 where there is none.</summary>
    public static uint Mark(YamlSection section, string key)
    {
        if (section.Text(key) is not { } text)
        {
            return 0;
        }

        bool isHex = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        if (uint.TryParse(isHex ? text.AsSpan(2) : text, isHex ? NumberStyles.AllowHexSpecifier : NumberStyles.None, CultureInfo.InvariantCulture, out uint mark) && mark != 0)
        {
            return mark;
        }

        section.Error(key, $"'{key}' is '{text}', expected a number such as 32 or 0x20, of 32 bits and not 0");
        return 0;
    }

    /// <summary>Where a role first says <c>mark</c>; null when nowhere.</summary>
    private static string? Marks(RoleModel role)
    {
        if (Array.Find(role.Rules, r => r.Action == RoleAction.Mark) is { } line)
        {
            return line.Place;
        }

        ServiceContract contract = role.Contract;
        if (Array.Find([.. contract.In, .. contract.Out], r => r.Action == RoleAction.Mark) is { } service)
        {
            return service.Place;
        }

        bool marks = contract.DefaultIn == RoleAction.Mark || contract.DefaultOut == RoleAction.Mark || role.Behaviour.All.Any(t => t.Action == RoleAction.Mark)
            || new[] { role.Encrypted.NameAction, role.Encrypted.Ja4Action, role.Encrypted.CertificateAction, role.Encrypted.VersionAction, role.Encrypted.DnsOverHttps, role.Encrypted.EncryptedHello }.Contains(RoleAction.Mark);
        return marks ? role.File : null;
    }

    /// <summary>All roles are there: names in contracts become numbers.</summary>
    public void Resolve(IReadOnlyList<RoleModel> roles)
    {
        foreach ((ServiceRule[] rules, int index, IReadOnlyList<string> names, YamlSection section) in _peers)
        {
            var numbers = new List<short>();
            foreach (string name in names)
            {
                int number = name == Outside ? -1 : roles.ToList().FindIndex(r => r.Name == name);
                if (number < 0 && name != Outside)
                {
                    section.Error("roles", $"role '{name}' does not exist, {section.Hint(name, roles.Select(r => r.Name).Append(Outside))}");
                    continue;
                }

                numbers.Add((short)number);
            }

            rules[index] = rules[index] with { PeerRoles = [.. numbers] };
        }

        _peers.Clear();
    }

    /// <summary>An action, with <c>allow</c> and <c>deny</c> as people say them.</summary>
    public static RoleAction Action(YamlSection section, string key, RoleAction otherwise)
    {
        if (section.Text(key) is not { } text)
        {
            return otherwise;
        }

        if (text is "allow" or "deny")
        {
            return text == "allow" ? RoleAction.AsRule : RoleAction.Drop;
        }

        if (Actions.TryGetValue(text, out RoleAction action))
        {
            return action;
        }

        section.Error(key, $"'{key}' is '{text}', {section.Hint(text, Actions.Keys)}");
        return otherwise;
    }

    private static string Word(YamlSection section, string key, string otherwise, string[] known)
    {
        string word = section.Text(key) ?? otherwise;
        if (!known.Contains(word))
        {
            section.Error(key, $"'{key}' is '{word}', {section.Hint(word, known)}");
        }

        return word;
    }

    private static void ReadRuleLines(YamlSection line, List<RoleRule> rules)
    {
        RoleAction action = Action(line, "action", RoleAction.AsRule);
        if (!line.Has("action"))
        {
            line.Error(null, $"'action' is missing, expected one of: {string.Join(", ", Actions.Keys)}");
        }

        string? key = null;
        string[] values = [];
        if (line.Text("metadata") is { } metadata)
        {
            string[] parts = metadata.Split([' ', '='], 2, StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            key = parts[0];
            values = parts.Length > 1 ? [parts[1]] : [];
        }

        // The metadata of public rule sets, by their own names.
        foreach ((string option, string tag) in new[] { ("confidence", "confidence"), ("attack-target", "attack_target"), ("affected-product", "affected_product") })
        {
            IReadOnlyList<string> wanted = line.Texts(option);
            if (wanted.Count > 0 && key is not null)
            {
                line.Error(option, $"'{option}' stands beside another metadata filter, expected one of them on a line");
            }

            (key, values) = wanted.Count > 0 ? (tag, [.. wanted]) : (key, values);
        }

        (byte minimum, byte maximum) = Severity(line);
        RoleRule model = new()
        {
            File = line.Text("file"),
            MetadataKey = key,
            MetadataValues = values,
            From = line.Text("from"),
            MinSeverity = minimum,
            MaxSeverity = maximum,
            Cve = line.Text("cve"),
            Action = action,
            Place = line.PlaceOf("action"),
        };
        IReadOnlyList<string> classtypes = line.Texts("classtype");
        IReadOnlyList<string> sids = line.Texts("sid");
        line.RejectUnknownKeys();
        foreach (string sid in sids)
        {
            if (uint.TryParse(sid, NumberStyles.None, CultureInfo.InvariantCulture, out uint number))
            {
                rules.Add(model with { Sid = number });
            }
            else
            {
                line.Error("sid", $"'{sid}' is no signature id, expected a number");
            }
        }

        rules.AddRange(classtypes.Select(classtype => model with { Classtype = classtype }));
        if (sids.Count == 0 && classtypes.Count == 0)
        {
            rules.Add(model);
        }
    }

    /// <summary><c>2</c> is severity 2, <c>1-2</c> both.</summary>
    private static (byte Minimum, byte Maximum) Severity(YamlSection line)
    {
        if (line.Text("severity") is not { } text)
        {
            return (0, 0);
        }

        string[] ends = text.Split('-', 2, StringSplitOptions.TrimEntries);
        if (byte.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out byte first) && first > 0
            && byte.TryParse(ends[^1], NumberStyles.None, CultureInfo.InvariantCulture, out byte last) && last >= first)
        {
            return (first, last);
        }

        line.Error("severity", $"'severity' is '{text}', expected a number from 1 (most severe) to 255 or a range such as 1-2");
        return (0, 0);
    }

    private static int Target(YamlSection section, IReadOnlyList<RedirectTarget> targets)
    {
        if (section.Text("redirect-to") is not { } name)
        {
            // Shipped roles name no target: the first one configured is the site's honeypot.
            return targets.Count > 0 ? 0 : -1;
        }

        int index = targets.ToList().FindIndex(t => t.Name == name);
        if (index < 0)
        {
            string known = targets.Count == 0 ? "expected a target of the configuration's 'targets' list" : section.Hint(name, targets.Select(t => t.Name));
            section.Error("redirect-to", $"target '{name}' does not exist, {known}");
        }

        return index;
    }

    private ServiceContract Contract(YamlSection role)
    {
        if (role.Section("contract") is not { } section)
        {
            return ServiceContract.Open;
        }

        (ServiceRule[] inwards, RoleAction defaultIn) = Services(section, "in");
        (ServiceRule[] outwards, RoleAction defaultOut) = Services(section, "out");
        section.RejectUnknownKeys();
        return new ServiceContract { In = inwards, Out = outwards, DefaultIn = defaultIn, DefaultOut = defaultOut, DefaultPlace = role.PlaceOf("contract") };
    }

    private (ServiceRule[] Rules, RoleAction Default) Services(YamlSection contract, string key)
    {
        if (contract.Section(key) is not { } section)
        {
            return ([], RoleAction.AsRule);
        }

        YamlSection[] lines = [.. section.Sections("services")];
        var rules = new ServiceRule[lines.Length];
        for (int i = 0; i < lines.Length; i++)
        {
            YamlSection line = lines[i];
            string protocol = Word(line, "protocol", "any", ["any", "tcp", "udp", "icmp", "sctp", "esp", "gre"]);
            rules[i] = new ServiceRule
            {
                Protocol = protocol switch
                {
                    "tcp" => IpProtocols.Tcp,
                    "udp" => IpProtocols.Udp,
                    "icmp" => IpProtocols.Icmp,
                    "sctp" => IpProtocols.Sctp,
                    "esp" => IpProtocols.Esp,
                    "gre" => 47,
                    _ => 0,
                },
                Ports = [.. Ports(line)],
                Peers = [.. Networks(line, "peers")],
                Action = Action(line, "action", RoleAction.AsRule),
                Place = line.PlaceOf(line.Has("ports") ? "ports" : "protocol"),
            };
            if (rules[i].Ports.Length > 0 && protocol is not ("tcp" or "udp" or "sctp" or "any"))
            {
                line.Error("ports", $"'{protocol}' has no ports, expected tcp, udp or sctp");
            }

            IReadOnlyList<string> names = line.Texts("roles");
            if (names.Count > 0)
            {
                _peers.Add((rules, i, names, line));
            }

            line.RejectUnknownKeys();
        }

        RoleAction otherwise = Action(section, "default", RoleAction.AsRule);
        section.RejectUnknownKeys();
        return (rules, otherwise);
    }

    private static IEnumerable<(ushort First, ushort Last)> Ports(YamlSection line)
    {
        foreach (string text in line.Texts("ports"))
        {
            string[] ends = text.Split('-', 2, StringSplitOptions.TrimEntries);
            if (ushort.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out ushort first)
                && ushort.TryParse(ends[^1], NumberStyles.None, CultureInfo.InvariantCulture, out ushort last) && first <= last)
            {
                yield return (first, last);
            }
            else
            {
                line.Error("ports", $"'{text}' is no port, expected a number or a range such as 8000-8100");
            }
        }
    }

    /// <summary>Addresses and networks; prefix lengths count 128 bits from here on.</summary>
    public static IEnumerable<(IpAddress Network, byte PrefixLength)> Networks(YamlSection section, string key)
    {
        foreach (string text in section.Texts(key))
        {
            int slash = text.IndexOf('/');
            if (IpAddress.TryParse(slash < 0 ? text : text.AsSpan(0, slash), out IpAddress address))
            {
                int width = address.IsV4 ? 32 : 128;
                int prefix = width;
                if (slash < 0 || (int.TryParse(text.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out prefix) && prefix <= width))
                {
                    yield return (address, (byte)(prefix + 128 - width));
                    continue;
                }
            }

            section.Error(key, $"'{text}' is no address or network, expected the form 10.0.0.0/8 or fd00::/8");
        }
    }

    private static RateLimitModel RateLimit(YamlSection role)
    {
        if (role.Section("rate-limit") is not { } section)
        {
            return RateLimitModel.Default;
        }

        RateLimitModel model = ReadRate(section);
        section.RejectUnknownKeys();
        return model;
    }

    /// <summary>The three keys of a rate.</summary>
    public static RateLimitModel ReadRate(YamlSection section)
    {
        int packets = section.Integer("packets-per-second", 0, 0, 10_000_000);
        long bytes = section.Size("bytes-per-second", 0);
        if (packets == 0 && bytes == 0)
        {
            section.Error(null, "a rate limit without a rate, expected 'packets-per-second' or 'bytes-per-second'");
        }

        return new RateLimitModel(packets, bytes, section.Choice("by", RateLimitBy.Guest));
    }

    private static ExceptionPolicy?[]? Exceptions(YamlSection role)
    {
        if (role.Section("exceptions") is not { } section)
        {
            return null;
        }

        var policies = new ExceptionPolicy?[Enum.GetValues<ExceptionCause>().Length];
        foreach (ExceptionCause cause in Enum.GetValues<ExceptionCause>().Where(c => c != ExceptionCause.Count))
        {
            string key = YamlSection.Hyphenated(cause.ToString());
            policies[(int)cause] = section.Has(key) ? section.Choice(key, ExceptionPolicy.Ignore) : null;
        }

        section.RejectUnknownKeys();
        return policies;
    }
}
