using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Guests;
using BridgeGuard.Daemon.Policies;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Host.Tests.Scanning;
using Xunit;

namespace BridgeGuard.Host.Tests.Policies;

/// <summary>The shipped roles do what their tables say, and the tables notice when a role changes.</summary>
public sealed class PolicyTableTests
{
    private const int SampleEvery = 6;

    public static TheoryData<string> Roles => [.. ShippedRoles.Names];

    [Fact]
    public void TenRolesAreShipped() => Assert.Equal(
        ["build-agent", "caching-proxy", "database", "desktop", "domain-controller", "iot", "kubernetes-node", "mail-server", "quarantine", "web-server"],
        ShippedRoles.Names);

    [Theory]
    [MemberData(nameof(Roles))]
    public void ARoleDoesWhatItsTableSays(string role)
    {
        PolicyModel policy = ShippedRoles.Load()!;
        (PolicyTable table, RuleSet rules) = Load(role, policy);

        Assert.True(table.Rows.Count > 10);
        Assert.Empty(table.Run(policy, rules).Where(r => r.Problem is not null).Select(r => $"{r.Row.Place}: {r.Row.Name}: {r.Problem}"));
    }

    [Theory]
    [MemberData(nameof(Roles))]
    public void ChangingAnyLineOfARoleMakesARowFail(string role)
    {
        PolicyModel policy = ShippedRoles.Load()!;
        (PolicyTable table, RuleSet rules) = Load(role, policy);
        using TemporaryFolder folder = new();
        var unnoticed = new List<string>();
        int byTraffic = 0;
        int sampled = 0;
        int changes = 0;
        foreach ((string what, string text) in RoleMutations.Of(File.ReadAllText(Path.Combine(ShippedRoles.RoleFolder, role + ".yaml"))))
        {
            string file = folder.File(role + ".yaml");
            File.WriteAllText(file, text);
            if (ShippedRoles.Load(role, file) is not { } changed)
            {
                continue; // Refused with a diagnostic: noticed.
            }

            // Traffic takes time, so it is tried for a part of the changes; every change must be noticed by some row.
            bool isSample = changes++ % SampleEvery == 0;
            RuleSet own = changed.HomeGroups.Count == policy.HomeGroups.Count ? rules : table.CompileRules(changed, []);
            bool traffic = isSample && table.Run(changed, own, r => r.Role is null).Any(r => r.Problem is not null);
            bool settings = table.Run(changed, own, r => r.Role is not null).Any(r => r.Problem is not null);
            if (!traffic && !settings && (isSample || !table.Run(changed, own, r => r.Role is null).Any(r => r.Problem is not null)))
            {
                unnoticed.Add(what);
            }

            sampled += isSample ? 1 : 0;
            byTraffic += traffic ? 1 : 0;
        }

        Assert.True(changes > 10, $"only {changes} changes were tried");
        Assert.Empty(unnoticed);
        Assert.True(byTraffic * 8 > sampled, $"only {byTraffic} of {sampled} changes of {role} are noticed by traffic");
    }

    [Theory]
    [InlineData("build-agent", "build-agent,ci")]
    [InlineData("caching-proxy", "caching-proxy,proxy")]
    [InlineData("database", "database,db")]
    [InlineData("desktop", "desktop,workstation")]
    [InlineData("domain-controller", "domain-controller,dc")]
    [InlineData("iot", "iot,device")]
    [InlineData("kubernetes-node", "kubernetes-node,k8s")]
    [InlineData("mail-server", "mail-server,mail")]
    [InlineData("quarantine", "")]
    [InlineData("web-server", "web-server,web")]
    public void ARoleIsChosenByItsTagsAndByNothingElse(string role, string tags)
    {
        RoleSelector[] own = [.. Selectors().Where(s => s.Role == role)];
        Assert.Equal(tags.Length == 0 ? 0 : 1, own.Length);
        Assert.All(own, selector =>
        {
            Assert.Equal(tags.Split(','), selector.Tags);
            Assert.Empty(selector.Guests.Concat(selector.Names).Concat(selector.Os));
            Assert.Empty(selector.Vlans);
        });
    }

    private static IReadOnlyList<RoleSelector> Selectors()
    {
        using TemporaryFolder folder = new();
        File.WriteAllText(folder.File("none.rules"), "");
        File.WriteAllText(folder.File("bridgeguard.yaml"), $"bridges: [{{name: br0}}]\nroles: [\"{ShippedRoles.RoleFolder}\"]\nrules: {{files: [\"{folder.File("none.rules")}\"]}}\n");
        var diagnostics = new List<ConfigDiagnostic>();
        DaemonModel? model = DaemonConfigLoader.Load(folder.File("bridgeguard.yaml"), diagnostics);
        Assert.Empty(diagnostics);
        return model!.Guests.Selectors;
    }

    [Fact]
    public void ATableWithMistakesIsRefusedWithTheirPlaces()
    {
        using TemporaryFolder folder = new();
        File.WriteAllText(folder.File("t.yaml"), "tests:\n  - {from: desktop, to: outside, tcp: 80, expect: dropp}\n  - {from: desktop, too: outside, expect: drop}\n");
        var diagnostics = new List<ConfigDiagnostic>();

        Assert.Null(PolicyTable.Load(folder.File("t.yaml"), diagnostics));
        Assert.Contains(diagnostics, d => d is { Line: 2, Column: > 1 } && d.Message.Contains("did you mean 'drop'?", StringComparison.Ordinal));
        Assert.Contains(diagnostics, d => d.Line == 3 && d.Message.Contains("unknown option 'too', did you mean 'to'?", StringComparison.Ordinal));
    }

    private static (PolicyTable Table, RuleSet Rules) Load(string role, PolicyModel policy)
    {
        var diagnostics = new List<ConfigDiagnostic>();
        var problems = new List<string>();
        PolicyTable? table = PolicyTable.Load(Path.Combine(ShippedRoles.TableFolder, role + ".yaml"), diagnostics);
        Assert.Empty(diagnostics);
        RuleSet rules = table!.CompileRules(policy, problems);
        Assert.Empty(problems);
        return (table, rules);
    }
}
