using System.CommandLine;
using BridgeGuard.Attachments.Guests;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Guests;
using BridgeGuard.Daemon.Policies;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Policy.Guests;
using BridgeGuard.Engine.Policy.Roles;

namespace BridgeGuard.Cli.Commands;

/// <summary><c>bridgeguard policy test|explain|suggest</c>: policies without traffic.</summary>
internal static class PolicyCommand
{
    public static Command Create()
    {
        Argument<string[]> tables = new("TABLE") { Description = "tables of expected verdicts (YAML)", Arity = ArgumentArity.OneOrMore };
        Option<string[]> roles = new("--roles") { Description = "role files, folders or patterns, in place of a configuration's" };
        Option<string?> file = new("-c", "--config") { Description = "configuration file (bridgeguard.yaml)" };
        Option<bool> coverage = new("--coverage") { Description = "name lines of roles that no row has decided by" };
        Command test = new("test", "Try traffic between roles against the policy and compare with a table; for people and CI.") { tables, roles, file, coverage };
        test.SetAction(parsed => Test(parsed.GetValue(tables)!, parsed.GetValue(roles) ?? [], parsed.GetValue(file), parsed.GetValue(coverage)));

        Argument<string> vm = new("VM") { Description = "name or UUID of a guest" };
        Option<string> config = new("-c", "--config") { Description = "configuration file (bridgeguard.yaml)", Required = true };
        Command explain = new("explain", "Say who a guest is, why it has its role, and what holds for it.") { vm, config };
        explain.SetAction(parsed => Explain(parsed.GetValue(vm)!, parsed.GetValue(config)!));

        Argument<string> role = new("ROLE") { Description = "name of a role" };
        Command show = new("show", "Print all options of a role, those that its file leaves to defaults too.") { role, roles, file };
        show.SetAction(parsed => Show(parsed.GetValue(role)!, parsed.GetValue(roles) ?? [], parsed.GetValue(file)));

        Argument<string> guest = new("VM") { Description = "name of the guest in the records, or its address" };
        Argument<string[]> records = new("EVE") { Description = "eve.json files with flow records", Arity = ArgumentArity.OneOrMore };
        Option<string> name = new("--name") { Description = "name of the proposed role", DefaultValueFactory = _ => "proposed" };
        Command suggest = new("suggest", "Propose a role contract from recorded flows.") { guest, records, name };
        suggest.SetAction(parsed => Suggest(parsed.GetValue(guest)!, parsed.GetValue(records)!, parsed.GetValue(name)!));
        return new Command("policy", "Try, explain and propose policies offline.") { test, explain, show, suggest };
    }

    private static int Test(string[] tables, string[] roleFiles, string? file, bool coverage)
    {
        if (LoadPolicy(roleFiles, file) is not { } policy)
        {
            return ExitCode.BadConfiguration;
        }

        int passed = 0;
        int failed = 0;
        var places = new HashSet<string>();
        foreach (string path in tables)
        {
            var diagnostics = new List<ConfigDiagnostic>();
            var problems = new List<string>();
            PolicyTable? table = PolicyTable.Load(path, diagnostics);
            diagnostics.ForEach(Console.Error.WriteLine);
            if (table is null)
            {
                return ExitCode.BadConfiguration;
            }

            RuleSet rules = table.CompileRules(policy, problems);
            problems.ForEach(Console.Error.WriteLine);
            if (problems.Count > 0)
            {
                return ExitCode.BadRules;
            }

            foreach (PolicyRowResult result in table.Run(policy, rules))
            {
                places.UnionWith(result.Places);
                if (result.Problem is null)
                {
                    passed++;
                    continue;
                }

                failed++;
                Console.WriteLine($"{result.Row.Place}: {result.Row.Name}: {result.Problem}");
            }
        }

        if (coverage)
        {
            foreach (string line in LinesOf(policy).Where(l => !places.Contains(l)).Order(StringComparer.Ordinal))
            {
                Console.WriteLine($"{line}: no row was decided by this line");
            }
        }

        Console.WriteLine($"{passed} passed, {failed} failed");
        return failed == 0 ? ExitCode.Ok : ExitCode.ProblemsFound;
    }

    private static int Show(string role, string[] roleFiles, string? file)
    {
        if (LoadPolicy(roleFiles, file) is not { } policy)
        {
            return ExitCode.BadConfiguration;
        }

        int index = policy.FindRole(role);
        if (index < 0)
        {
            Console.Error.WriteLine($"bridgeguard: role '{role}' does not exist, expected one of: {string.Join(", ", policy.Roles.Select(r => r.Name))}");
            return ExitCode.Failure;
        }

        foreach ((string option, string value) in RoleDescription.Of(policy.Roles[index], policy))
        {
            Print(option, value);
        }

        return ExitCode.Ok;
    }

    private static IEnumerable<string> LinesOf(PolicyModel policy) => policy.Roles.SelectMany(r =>
        r.Rules.Select(l => l.Place).Concat(r.Contract.In.Where(s => s.Action != RoleAction.AsRule).Select(s => s.Place)).Concat(r.Contract.Out.Where(s => s.Action != RoleAction.AsRule).Select(s => s.Place)))
        .Where(p => p.Length > 0).Distinct();

    private static PolicyModel? LoadPolicy(string[] roleFiles, string? file)
    {
        if (roleFiles.Length == 0)
        {
            if (file is not null)
            {
                return RunCommand.LoadOrReport(file)?.Policy;
            }

            Console.Error.WriteLine("bridgeguard: this needs '-c FILE' or '--roles FOLDER'");
            return null;
        }

        var diagnostics = new List<ConfigDiagnostic>();
        var loader = new PolicyLoader(diagnostics);
        foreach (string pattern in roleFiles)
        {
            foreach (string role in DaemonConfigLoader.Expand(Directory.GetCurrentDirectory(), pattern, "*.yaml"))
            {
                loader.AddRole(role);
            }
        }

        PolicyModel policy = loader.Build();
        diagnostics.ForEach(Console.Error.WriteLine);
        return diagnostics.Count == 0 ? policy : null;
    }

    private static int Explain(string vm, string file)
    {
        if (RunCommand.LoadOrReport(file) is not { } model)
        {
            return ExitCode.BadConfiguration;
        }

        var registry = new GuestRegistry(model.Guests, model.Policy, Path.Combine(model.StateDirectory, GuestRegistry.StateFileName));
        foreach (GuestFileProblem problem in registry.Inventory.Problems)
        {
            Console.Error.WriteLine(problem);
        }

        if (registry.Inventory.Guests.FirstOrDefault(g => g.Name == vm || g.Uuid == vm) is not { } guest)
        {
            string near = string.Join(", ", registry.Inventory.Guests.Select(g => g.Name).Order());
            Console.Error.WriteLine($"bridgeguard: there is no guest '{vm}', expected one of: {(near.Length == 0 ? "(none is known)" : near)}");
            return ExitCode.Failure;
        }

        ushort index = (ushort)Array.FindIndex(registry.Current.All, g => g?.Name == guest.Name && g.Uuid == guest.Uuid);
        GuestModel known = registry.Current.Get(index)!;
        RoleModel role = model.Policy.Roles[known.Role];
        Print("guest", guest.Name);
        Print("uuid", guest.Uuid);
        Print("tags", string.Join(", ", guest.Tags));
        Print("os", guest.Os);
        Print("bridge", known.Bridge + (known.Vlan != 0 ? $" vlan {known.Vlan}" : ""));
        Print("ports", string.Join(", ", known.Ports));
        Print("macs", string.Join(", ", known.Macs.Select(GuestText.FormatMac)));
        Print("addresses", string.Join(", ", known.Addresses.Concat(known.LearnedAddresses)));
        Print("known from", string.Join(", ", guest.Files.Zip(guest.Sources).Select(s => $"{s.First} ({s.Second})")));
        Print("role", $"{role.Name} ({Reason(guest, known, model)})");
        Print("role file", role.File);
        foreach ((string option, string value) in RoleDescription.Of(role, model.Policy))
        {
            Print("  " + option, value);
        }

        return ExitCode.Ok;
    }

    private static string Reason(MergedGuest guest, GuestModel known, DaemonModel model)
    {
        if (known.IsQuarantined)
        {
            return "quarantined by an action";
        }

        if (guest.Role is not null)
        {
            return model.Policy.FindRole(guest.Role) >= 0 ? "written down for this guest"
                : $"role '{guest.Role}', written down for this guest, does not exist: expected one of: {string.Join(", ", model.Policy.Roles.Select(r => r.Name).Order())}";
        }

        IReadOnlyList<string> roles = GuestRegistry.RolesFor(guest, model.Guests.Selectors);
        return roles.Count switch
        {
            0 => "no selector fits it",
            1 => $"selected at {model.Guests.Selectors.First(s => s.Role == roles[0]).Place}",
            _ => $"it fits {string.Join(" and ", roles)}, which is one too many",
        };
    }

    private static void Print(string name, string value)
    {
        if (value.Length > 0)
        {
            Console.WriteLine($"{name,-34}{value}");
        }
    }

    private static int Suggest(string guest, string[] files, string role)
    {
        var suggestion = new ContractSuggestion();
        foreach (string file in files)
        {
            int number = 0;
            foreach (string line in File.ReadLines(file))
            {
                number++;
                try
                {
                    suggestion.Add(line, guest);
                }
                catch (System.Text.Json.JsonException e)
                {
                    Console.Error.WriteLine($"{file}:{number}:{(e.BytePositionInLine ?? 0) + 1}: not an EVE record: {e.Message}");
                    return ExitCode.Failure;
                }
            }
        }

        if (suggestion.Flows == 0)
        {
            Console.Error.WriteLine($"bridgeguard: no answered flow of '{guest}' in these files, expected 'flow' records of that guest or address");
            return ExitCode.Failure;
        }

        Console.Write(suggestion.ToYaml(role, guest));
        return ExitCode.Ok;
    }
}
