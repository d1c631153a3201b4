using BridgeGuard.Host.Tests.Attachments.Bridge;
using BridgeGuard.Host.Tests.Scanning;
using Xunit;

namespace BridgeGuard.Host.Tests.Running;

/// <summary>Roles, guests and playbooks are exchanged while two guests talk: between two packets, without loss; a file with an error changes nothing.</summary>
public abstract class PolicyReloadTests(int processes) : IDisposable
{
    private const string Rules = """
        alert udp any any -> any 9000 (msg:"one"; content:"steady"; sid:1;)
        alert udp any any -> any 9000 (msg:"two"; content:"steady"; sid:2;)

        """;

    private readonly BridgeLab _lab = new();
    private readonly TemporaryFolder _folder = new();

    public void Dispose()
    {
        _lab.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void ARoleChangesBetweenTwoPacketsAndNothingIsLost()
    {
        WriteRole("watched", hidden: 2);
        using RunningDaemon daemon = Start();
        using SteadyTraffic traffic = new(_lab);
        traffic.GoOn(150);

        // Now and then a role comes or goes that sorts before it, so that its number changes with its contents.
        for (int round = 0; round < 4; round++)
        {
            WriteRole("watched", hidden: 1 + (round % 2));
            File.WriteAllText(_folder.File("roles.d/another.yaml"), "name: another\nrules: [{sid: 1, action: drop}, {sid: 2, action: drop}]\n");
            if (round % 2 == 1)
            {
                File.Delete(_folder.File("roles.d/another.yaml"));
            }

            Reload(daemon, "roles,", round);
            traffic.GoOn(150);
        }

        int sent = traffic.EndWithoutLoss();
        Assert.Equal(0, daemon.Stop());
        List<int> one = daemon.AlertedBy(1);
        List<int> two = daemon.AlertedBy(2);
        Assert.Equal(Enumerable.Range(0, sent), one.Concat(two).Order());
        Assert.Equal(4, Enumerable.Range(1, sent - 1).Count(n => one.Contains(n) != one.Contains(n - 1)));
    }

    [Theory]
    [InlineData("name: watched\nrules:\n  - {sid: 1, actoin: off}\n", "watched.yaml:3:14: unknown option 'actoin', did you mean 'action'? expected one of: ")]
    [InlineData("name: watched\nrules:\n  - {sid: 1, action: of}\n", "watched.yaml:3:22: 'action' is 'of', did you mean 'off'? expected one of: ")]
    [InlineData("name: watchers\n", "role 'watched' does not exist, did you mean 'watchers'? expected one of: ")]
    public void AFileWithAnErrorIsRefusedWithItsPlaceAndTheOldPolicyStays(string role, string message)
    {
        WriteRole("watched", hidden: 2);
        using RunningDaemon daemon = Start();
        using SteadyTraffic traffic = new(_lab);
        traffic.GoOn(50);
        File.WriteAllText(_folder.File("roles.d/watched.yaml"), role);
        File.WriteAllText(_folder.File("playbooks.d/loud.yaml"), Playbook("loud", 1));
        (int code, string output) = daemon.RunVerb("reload");
        Assert.NotEqual(0, code);
        Assert.Contains(message, output, StringComparison.Ordinal);
        Assert.Contains("what was in force stays in force", output, StringComparison.Ordinal);
        traffic.GoOn(50);
        int sent = traffic.EndWithoutLoss();
        Assert.Equal(0, daemon.Stop());
        Assert.Equal(Enumerable.Range(0, sent), daemon.AlertedBy(1));
        Assert.Empty(daemon.AlertedBy(2));
        Assert.Contains(message, daemon.LogText, StringComparison.Ordinal);
        Assert.Equal(0, daemon.LogCount("playbook loud"));
    }

    [Theory]
    [InlineData(
        "roles.d/z1.yaml", "name: z1\nselect: {tags: [web]}\n", "roles.d/z2.yaml", "name: z2\nselect: {tags: [db, WEB]}\n",
        "z2.yaml:2:9: tag 'WEB' is selected by role 'z1' (", "expected selectors that do not overlap")]
    [InlineData(
        "roles.d/z1.yaml", "name: z1\nselect: {vlans: [10-20]}\n", "roles.d/z2.yaml", "name: z2\nselect: {vlans: [20]}\n",
        "z2.yaml:2:9: VLAN 20 is selected by role 'z1' (", "expected selectors that do not overlap")]
    [InlineData(
        "playbooks.d/p1.yaml", "name: p1\nwhen: {playbook: p2}\nthen: [{block: peer, for: 1s}]\n", "playbooks.d/p2.yaml", "name: p2\nwhen: {playbook: p1}\nthen: [{block: peer, for: 1s}]\n",
        "p1.yaml:2:7: a loop: p1 after p2 after p1", "expected playbooks that come to an end")]
    public void PoliciesThatDoNotGoTogetherAreRefusedAndTheOldOneStays(string first, string firstText, string second, string secondText, string place, string hint)
    {
        WriteRole("watched", hidden: 2);
        using RunningDaemon daemon = Start();
        using SteadyTraffic traffic = new(_lab);
        traffic.GoOn(20);
        WriteRole("watched", hidden: 1); // What is right is not taken either: all or nothing.
        File.WriteAllText(_folder.File(first), firstText);
        File.WriteAllText(_folder.File(second), secondText);
        (int code, string output) = daemon.RunVerb("reload");
        Assert.NotEqual(0, code);
        Assert.Contains(place, output, StringComparison.Ordinal);
        Assert.Contains(hint, output, StringComparison.Ordinal);
        traffic.GoOn(20);
        int sent = traffic.EndWithoutLoss();
        Assert.Equal(0, daemon.Stop());
        Assert.Equal(Enumerable.Range(0, sent), daemon.AlertedBy(1));
        Assert.Empty(daemon.AlertedBy(2));
    }

    [Fact]
    public void GuestsAndPlaybooksOfTheConfigurationChangeToo()
    {
        WriteRole("watched", hidden: 2);
        using RunningDaemon daemon = Start();
        using SteadyTraffic traffic = new(_lab);
        traffic.GoOn(50);
        string before = File.ReadAllText(daemon.ConfigFile);
        File.WriteAllText(daemon.ConfigFile, before.Replace("name: first", "name: renamed", StringComparison.Ordinal));
        File.WriteAllText(_folder.File("playbooks.d/loud.yaml"), Playbook("loud", 1));
        (int code, string output) = daemon.RunVerb("reload");
        Assert.True(code == 0, output);
        Assert.Contains("reloaded", output, StringComparison.Ordinal);
        traffic.GoOn(50);
        Assert.True(daemon.WaitForLog("playbook loud"), daemon.LogText);

        // A playbook whose file is gone does nothing any more; one that reads as before goes on.
        File.Delete(_folder.File("playbooks.d/loud.yaml"));
        File.WriteAllText(_folder.File("playbooks.d/quiet.yaml"), Playbook("quiet", 1));
        Assert.Equal(0, daemon.RunVerb("reload").Code);
        traffic.GoOn(50);
        Assert.True(daemon.WaitForLog("playbook quiet", 50), daemon.LogText);

        // (What a busy machine's log shows late is still in the order in which it was done.)
        string log = daemon.LogText;
        Assert.DoesNotContain("playbook loud", log[log.IndexOf("playbook quiet", StringComparison.Ordinal)..], StringComparison.Ordinal);
        traffic.EndWithoutLoss();
        Assert.Equal(0, daemon.Stop());
        Assert.All(daemon.Records("alert"), alert => Assert.True(alert.TryGetProperty("vm", out _), alert.ToString()));
        string[] names = [.. daemon.Records("alert").Select(a => a.GetProperty("vm").GetProperty("name").GetString()!)];
        Assert.Equal(["first", "renamed"], names.Distinct());
    }

    [Fact]
    public void ADataPlaneThatStartsAnewHasTheReloadedPolicy()
    {
        if (processes == 1)
        {
            return; // It has none of its own.
        }

        WriteRole("watched", hidden: 2);
        using RunningDaemon daemon = Start();
        WriteRole("watched", hidden: 1);
        Assert.Equal(0, daemon.RunVerb("reload").Code);

        // The daemon that comes next finds a data plane of its own configuration and keeps it.
        int plane = Assert.Single(daemon.Planes);
        daemon.Signal("USR1");
        daemon.WaitForExit();
        daemon.StartAgain();
        Assert.Equal(plane, Assert.Single(daemon.Planes));
        int seen = daemon.LogCount("data plane in process");
        daemon.SignalPlane("KILL");
        Assert.True(daemon.WaitForLog("data plane in process", seen + 1), daemon.LogText);
        using SteadyTraffic traffic = new(_lab);
        traffic.GoOn(50);
        int sent = traffic.EndWithoutLoss();
        Assert.Equal(0, daemon.Stop());
        Assert.Equal(Enumerable.Range(0, sent), daemon.AlertedBy(2));
        Assert.Empty(daemon.AlertedBy(1));
    }

    private static string Playbook(string name, int sid) => $"name: {name}\ndry-run: yes\nwhen: {{sid: {sid}}}\nthen: [{{block: peer, for: 1s}}]\n";

    private void WriteRole(string name, int hidden)
    {
        Directory.CreateDirectory(_folder.File("roles.d"));
        Directory.CreateDirectory(_folder.File("playbooks.d"));
        File.WriteAllText(_folder.File("playbooks.d/idle.yaml"), Playbook("idle", 999));
        File.WriteAllText(_folder.File($"roles.d/{name}.yaml"), $"name: {name}\nrules: [{{sid: {hidden}, action: off}}]\n");
    }

    private RunningDaemon Start()
    {
        RunningDaemon daemon = new(_lab, Rules, processes: processes, more: $$"""
            roles: ["{{_folder.File("roles.d")}}"]
            playbooks: {files: ["{{_folder.File("playbooks.d")}}"]}
            guests:
              - {name: first, role: watched, ports: [pa], macs: ["{{BridgeLab.MacA}}"]}
            """);
        daemon.WaitForControl();
        return daemon;
    }

    private static void Reload(RunningDaemon daemon, string outcome, int times)
    {
        daemon.Signal("USR2");
        Assert.True(daemon.WaitForLog(outcome, times + 1), daemon.LogText);
    }
}

public sealed class PolicyReloadInOneProcessTests() : PolicyReloadTests(1);

public sealed class PolicyReloadInTwoProcessesTests() : PolicyReloadTests(2);
