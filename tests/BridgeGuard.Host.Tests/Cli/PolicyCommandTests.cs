using BridgeGuard.Host.Tests.Attachments.Bridge;
using BridgeGuard.Host.Tests.Policies;
using BridgeGuard.Host.Tests.Scanning;
using Xunit;

namespace BridgeGuard.Host.Tests.Cli;

/// <summary><c>policy explain VM</c> as an operator types it: who a guest is, why it has its role, and what is wrong with what was written about it.</summary>
public sealed class PolicyCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public PolicyCommandTests()
    {
        Directory.CreateDirectory(_folder.File("vms.d"));
        File.WriteAllText(_folder.File("a.rules"), "alert ip any any -> any any (msg:\"a\"; sid:1;)\n");
        File.WriteAllText(_folder.File("bg.yaml"), $$"""
            bridges:
              - name: br0
            rules: {files: [{{_folder.File("a.rules")}}]}
            state-directory: {{_folder.Path}}
            roles: [{{ShippedRoles.RoleFolder}}]
            guest-sources: {vms: {{_folder.File("vms.d")}}}
            """);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void AGuestIsExplainedWithTheFileAndTheSelectorThatSayIt()
    {
        File.WriteAllText(_folder.File("vms.d/a.yaml"), "name: pc1\ntags: [workstation]\nmacs: [\"02:00:00:00:00:09\"]\naddresses: [10.0.0.30]\n");
        (int code, string output) = Explain("pc1");
        Assert.Equal(0, code);
        Assert.Matches("known from +.*vms.d/a.yaml", output);
        Assert.Matches(@"role +desktop \(selected at .*desktop.yaml:\d+:\d+\)", output);
        Assert.Contains("contract.in.default             alert", output, StringComparison.Ordinal);
    }

    [Fact]
    public void WhatIsWrongInFilesOfGuestsIsSaidBesideIt()
    {
        File.WriteAllText(_folder.File("vms.d/a.yaml"), "name: vm1\nrole: dektop\nmacs: [\"02:00:00:00:00:09\"]\n");
        File.WriteAllText(_folder.File("vms.d/b.yaml"), "name: vm2\nmacs: [\"02:00:00:00:00\"]\nadresses: [10.0.0.3]\n");
        (int code, string output) = Explain("vm1");
        Assert.Equal(0, code);
        Assert.Contains("b.yaml:2:7: '02:00:00:00:00' is no MAC address, expected", output, StringComparison.Ordinal);
        Assert.Contains("b.yaml:3:1: unknown option 'adresses', did you mean 'addresses'?", output, StringComparison.Ordinal);
        Assert.Contains("role 'dektop', written down for this guest, does not exist: expected one of: build-agent,", output, StringComparison.Ordinal);
        (code, output) = Explain("vm3");
        Assert.NotEqual(0, code);
        Assert.Contains("there is no guest 'vm3', expected one of: vm1", output, StringComparison.Ordinal);
    }

    private (int Code, string Output) Explain(string vm) =>
        BridgeLab.Run("dotnet", $"{Path.Combine(AppContext.BaseDirectory, "bridgeguard.dll")} policy explain {vm} -c {_folder.File("bg.yaml")}");
}
