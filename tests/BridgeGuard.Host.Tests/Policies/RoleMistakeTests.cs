using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Host.Tests.Scanning;
using Xunit;

namespace BridgeGuard.Host.Tests.Policies;

/// <summary>What is wrong in a role or a target is said with its place and what was meant.</summary>
public sealed class RoleMistakeTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("name: a\nmrak: 3\n", 2, 1, "unknown option 'mrak', did you mean 'mark'?")]
    [InlineData("name: a\nmark: 0\n", 2, 7, "'mark' is '0', expected a number such as 32 or 0x20")]
    [InlineData("name: a\nrules: [{sid: 1, action: mark}]\n", 1, 1, "but does not say with what, expected 'mark:'")]
    [InlineData("name: a\ncontract: {in: {default: mark}}\n", 1, 1, "but does not say with what, expected 'mark:'")]
    [InlineData("name: a\nlatency-budget-us: 0\n", 2, 20, "'latency-budget-us' is '0'")]
    [InlineData("name: a\nlatency-budget-ms: 5\n", 2, 1, "unknown option 'latency-budget-ms', did you mean 'latency-budget-us'?")]
    [InlineData("name: a\nexceptions: {latency-budgte: bypass}\n", 2, 14, "unknown option 'latency-budgte', did you mean 'latency-budget'?")]
    [InlineData("name: a\nexceptions: {latency-budget: bypas}\n", 2, 30, "did you mean 'bypass'?")]
    [InlineData("name: a\ncontract: {out: {services: [{protocol: tpc}]}}\n", 2, 40, "did you mean 'tcp'?")]
    [InlineData("name: a\nredirect-to: pto\n", 2, 14, "target 'pto' does not exist, did you mean 'pot'?")]
    [InlineData("name: a\nselect: {tagz: [x]}\n", 2, 10, "unknown option 'tagz', did you mean 'tags'?")]
    [InlineData("name: a\nl2-guard: {mac-spoofing: dorp}\n", 2, 26, "did you mean 'drop'?")]
    [InlineData("name: a\nbehaviour: {port-scna: {count: 5}}\n", 2, 13, "unknown option 'port-scna', did you mean 'port-scan'?")]
    [InlineData("name: a\nencrypted: {dns-over-htps: drop}\n", 2, 13, "unknown option 'dns-over-htps', did you mean 'dns-over-https'?")]
    [InlineData("name: a\ncontract: {out: {services: [{protocol: tcp, roles: [dsktop]}]}}\n", 2, 52, "role 'dsktop' does not exist, did you mean 'desktop'?")]
    public void AMistakeOfARoleHasItsPlaceAndAHint(string text, int line, int column, string message)
    {
        File.WriteAllText(_folder.File("desktop.yaml"), "name: desktop\n");
        File.WriteAllText(_folder.File("a.yaml"), text);
        ConfigDiagnostic diagnostic = Assert.Single(Load("targets:\n  - {name: pot, address: 10.0.0.9}\n", "desktop.yaml", "a.yaml"));
        Assert.Contains(message, diagnostic.Message, StringComparison.Ordinal);
        Assert.Equal((line, column), (diagnostic.Line, diagnostic.Column));
    }

    [Theory]
    [InlineData("targets:\n  - {name: a, bridge-port: p1, address: 10.0.0.1}\n", 2, 41, "'address' stands beside 'bridge-port'")]
    [InlineData("attach: nfqueue\ntargets:\n  - {name: a, bridge-port: p1}\n", 3, 28, "a packet of a queue cannot be sent out by another port")]
    [InlineData("targets:\n  - {name: a}\n", 2, 5, "'address' is missing")]
    [InlineData("targets:\n  - {name: a, bridge-prot: p1, address: 10.0.0.1}\n", 2, 15, "unknown option 'bridge-prot', did you mean 'bridge-port'?")]
    public void AMistakeOfATargetHasItsPlaceAndAHint(string text, int line, int column, string message)
    {
        ConfigDiagnostic diagnostic = Assert.Single(Load(text));
        Assert.Contains(message, diagnostic.Message, StringComparison.Ordinal);
        Assert.Equal((line, column), (diagnostic.Line, diagnostic.Column));
    }

    [Fact]
    public void MoreMarksThanAFrameCanTellApartAreRefused()
    {
        string[] files = [.. Enumerable.Range(1, 7).Select(i => $"r{i}.yaml")];
        for (int i = 0; i < files.Length; i++)
        {
            File.WriteAllText(_folder.File(files[i]), $"name: r{i}\nmark: {i + 1}\n");
        }

        Assert.Empty(Load("x: 1\n", files[..6]));
        ConfigDiagnostic diagnostic = Assert.Single(Load("x: 1\n", files));
        Assert.Contains("more than 6 different marks", diagnostic.Message, StringComparison.Ordinal);
        Assert.EndsWith("r7.yaml", diagnostic.File, StringComparison.Ordinal);
    }

    private List<ConfigDiagnostic> Load(string targets, params string[] roles)
    {
        var diagnostics = new List<ConfigDiagnostic>();
        File.WriteAllText(_folder.File("main.yaml"), targets);
        var loader = new PolicyLoader(diagnostics);
        loader.AddTargets(YamlSection.Load(_folder.File("main.yaml"), diagnostics)!);
        foreach (string role in roles)
        {
            loader.AddRole(_folder.File(role));
        }

        loader.Build();
        return diagnostics;
    }
}
