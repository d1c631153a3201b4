using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Guests;
using BridgeGuard.Engine.Policy.Guests;
using BridgeGuard.Engine.Policy.Roles;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;
using Xunit;

namespace BridgeGuard.Host.Tests.Configuration;

public sealed class DaemonConfigLoaderTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("bg-config-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void TheSmallestFileNamesABridgeAndRules()
    {
        DaemonModel model = LoadValid(
            """
            bridges: [{name: br0}]
            rules: {files: one.rules}
            """);

        Assert.Equal("br0", Assert.Single(model.Bridges).Name);
        Assert.Equal(PortMode.Inline, model.Bridges[0].Mode);
        Assert.Equal(FailChoice.Unset, model.Bridges[0].Fail);
        Assert.True(model.Engine.IsInline);
        Assert.Equal(Path.Combine(_folder, "one.rules"), Assert.Single(model.Rules.Files));
    }

    [Fact]
    public void WithoutABridgeThereAreDevicesToListenTo()
    {
        DaemonModel model = LoadValid("taps: [{device: span0}]\nworkers: 4\nrules: {files: one.rules}\n");
        Assert.Equal((0, 0, 1, false), (model.Bridges.Count, model.Workers, model.AllWorkers, model.Engine.IsInline));
    }

    [Theory]
    [InlineData("", true)]
    [InlineData("join-segments: no\n", false)]
    public void SegmentsAreJoinedUnlessTheConfigurationSaysNo(string line, bool joined) =>
        Assert.Equal(joined, LoadValid($"bridges: [{{name: br0}}]\nrules: {{files: one.rules}}\n{line}").JoinSegments);

    [Fact]
    public void FailModesAreOneWordOrAChoiceForEachReasonOnBridgesPortsAndRoles()
    {
        File.WriteAllText(Path.Combine(_folder, "database.yaml"), "name: database\nfail: {crash: closed, start: closed}\n");
        DaemonModel model = LoadValid(
            """
            bridges:
              - {name: br0, fail: closed, ports: [{name: up0, mode: monitor, fail: {hang: open, stop: closed}}, {name: up1, fail: open}]}
              - {name: br1, mode: tap}
            roles: [database.yaml]
            guests: [{name: db, role: database, ports: [tap9]}]
            rules: {files: one.rules}
            """);
        Assert.Equal(new FailChoice(FailMode.Closed, FailMode.Closed, FailMode.Closed), model.Bridges[0].Fail);
        Assert.Equal([new PortModel("up0", PortMode.Monitor, new FailChoice(Hang: FailMode.Open, Stop: FailMode.Closed)), new PortModel("up1", null, FailChoice.Of(FailMode.Open))], model.Bridges[0].Ports);
        Assert.Equal((PortMode.Tap, FailChoice.Unset), (model.Bridges[1].Mode, model.Bridges[1].Fail));
        Assert.Equal(new FailChoice(Crash: FailMode.Closed, Start: FailMode.Closed), model.RoleFails["database"]);
        Assert.Equal(["closed", "stop closed", "open"], new[] { model.Bridges[0].Fail, model.Bridges[0].Ports[0].Fail, model.Bridges[1].Fail }.Select(fail => fail.ToString()));
    }

    [Fact]
    public void RecordTypesHaveOptionsInSectionsOfTheirNames()
    {
        DaemonModel model = LoadValid("bridges: [{name: br0}]\nrules: {files: one.rules}\neve: {types: [alert, tls, flow], tls: {custom: [sni, ja4]}, dns: {version: 2}, community-id: no, ethernet: yes}\n");

        EveSettings eve = model.Engine.Eve;
        Assert.Equal(["alert", "tls", "flow", "dns"], eve.Types.Select(type => type.Name));
        Assert.Equal(["sni", "ja4"], new[] { "custom.0", "custom.1" }.Select(key => eve.Types[1].Options.Get(key)));
        Assert.Equal("2", eve.Types[3].Options.Get("version"));
        Assert.Equal((false, true), (eve.CommunityId, eve.Ethernet));
    }

    [Fact]
    public void OptionsOfOneTypeLeaveTheOthersAsTheyAreWithoutAnyChoice()
    {
        DaemonModel plain = LoadValid("bridges: [{name: br0}]\nrules: {files: one.rules}\n");
        DaemonModel model = LoadValid("bridges: [{name: br0}]\nrules: {files: one.rules}\neve: {alert: {payload: yes}}\n");

        Assert.Equal(plain.Engine.Eve.Types.Select(type => type.Name), model.Engine.Eve.Types.Select(type => type.Name));
        Assert.Equal("yes", model.Engine.Eve.Types[0].Options.Get("payload"));
    }

    [Fact]
    public void MistakesAreListedInTheOrderOfTheFile()
    {
        List<ConfigDiagnostic> found = [];
        Assert.Null(Load("bridges: [{name: br0, mode: inlin}]\nworkers: many\nrules: {files: none.rules}\nroles: nowhere\n", found));
        Assert.Equal([1L, 2, 3, 4], found.Select(diagnostic => (long)diagnostic.Line));
    }

    [Theory]
    [InlineData("bridges: [{name: br0, fail: {crsh: open}}]\nrules: {files: one.rules}\n", 1, 30, "did you mean 'crash'")]
    [InlineData("bridges: [{name: br0, fail: {crash: shut}}]\nrules: {files: one.rules}\n", 1, 37, "expected one of: closed, open")]
    [InlineData("bridges: [{name: br0}]\nrules: {files: one.rules}\nevents: {ring: 5 MiB}\n", 3, 16, "expected a power of two")]
    [InlineData("bridges: [{name: br0}]\nrules: {files: one.rules}\nworkrs: 2\n", 3, 1, "did you mean 'workers'")]
    [InlineData("bridges: [{name: br0, mode: inlin}]\nrules: {files: one.rules}\n", 1, 29, "did you mean 'inline'")]
    [InlineData("bridges: [{name: br0}]\nrules: {files: none.rules}\n", 2, 16, "no rule file fits 'none.rules'")]
    [InlineData("bridges: [{name: br0}]\nrules: {files: one.rules, reputation: [gone.list]}\n", 2, 39, "no file fits 'gone.list', expected a list of address,category,score")]
    [InlineData("bridges: []\nrules: {files: one.rules}\n", 1, 10, "no bridge is named")]
    [InlineData("bridges: [{name: br0, ports: [{name: a, mode: tap}]}]\nrules: {files: one.rules}\nattach: nfqueue\n", 3, 9, "one mode for all ports")]
    [InlineData("bridges: [{name: br0}, {name: br1, mode: monitor}]\nrules: {files: one.rules}\nattach: nfqueue\n", 3, 9, "one mode for all ports")]
    [InlineData("bridges: [{name: br0}]\nrules: {files: one.rules}\nworkers: many\n", 3, 10, "expected a whole number from 1 to 64")]
    [InlineData("bridges: [{name: br0}]\nrules: {files: one.rules}\nguests: [{name: a, role: dekstop, macs: ['02:00:00:00:00:01']}]\n", 3, 26, "role 'dekstop' does not exist")]
    [InlineData("bridges: [{name: br0}]\nrules: {files: one.rules}\nguests: [{name: a, role: default, macs: ['02:00:00:00:01']}]\n", 3, 41, "is no MAC address")]
    [InlineData("bridges: [{name: br0}]\nrules: {files: one.rules}\nguests: [{name: a, role: default}]\n", 3, 10, "cannot be recognised")]
    [InlineData("bridges: [{name: br0}]\nrules: {files: one.rules}\ntargets: [{name: t, address: 10.0.0.300}]\n", 3, 30, "is no IP address")]
    [InlineData("bridges: [{name: br0}]\nrules: {files: one.rules}\nwebhooks: [{name: w, url: 'http://x', secret-files: [one.rules]}]\n", 3, 53, "A webhook needs at least one secret")]
    [InlineData("bridges: [{name: br0}]\nrules: {files: one.rules}\nwebhooks: [{name: w, url: 'ftp://x', secret-files: [s]}]\n", 3, 27, "is no http or https address")]
    [InlineData("bridges: {name: br0}\nrules: {files: one.rules}\n", 1, 10, "expected a list of mappings")]
    [InlineData("bridges: [{name: br0}]\nrules: {files: one.rules}\neve: {types: [alert, htp]}\n", 3, 14, "'htp' is no type of EVE records, did you mean 'http'?")]
    [InlineData("bridges: [{name: br0}]\nrules: {files: one.rules}\neve: {tsl: {extended: yes}}\n", 3, 7, "unknown option 'tsl', did you mean 'tls'?")]
    [InlineData("bridges: [{name: br0}\nrules: 1\n", 1, 10, "not valid YAML")]
    [InlineData("bridges:\n\t- name: br0\n", 2, 1, "found invalid tab as indentation")]
    public void WhatIsWrongIsSaidWithItsPlace(string yaml, long line, long column, string what)
    {
        var diagnostics = new List<ConfigDiagnostic>();

        Assert.Null(Load(yaml, diagnostics));

        Assert.Contains(diagnostics, d => d.Line == line && d.Column == column && d.Message.Contains(what, StringComparison.Ordinal));
    }

    [Fact]
    public void AllMistakesAreReportedInOneRun()
    {
        var diagnostics = new List<ConfigDiagnostic>();

        Load("bridges: [{name: br0, fail: shut}]\nrules: {files: one.rules, strictt: yes}\nheartbeat-ms: 5\n", diagnostics);

        Assert.Equal(3, diagnostics.Count);
        Assert.All(diagnostics, d => Assert.Matches(@"bridgeguard\.yaml:\d+:\d+: ", d.ToString()));
    }

    [Fact]
    public void AMissingFileIsOneLine()
    {
        var diagnostics = new List<ConfigDiagnostic>();

        Assert.Null(DaemonConfigLoader.Load(Path.Combine(_folder, "absent.yaml"), diagnostics));

        Assert.Contains("cannot be read", Assert.Single(diagnostics).Message);
    }

    /// <summary>A new host has none yet; what is missing or has another ending is a mistake.</summary>
    [Fact]
    public void FoldersOfRolesAndPlaybooksMayBeEmpty()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "roles.d"));
        Directory.CreateDirectory(Path.Combine(_folder, "playbooks.d"));
        Directory.CreateDirectory(Path.Combine(_folder, "odd"));
        File.WriteAllText(Path.Combine(_folder, "odd", "kiosk.yml"), "name: kiosk\n");
        DaemonModel model = LoadValid(
            """
            bridges: [{name: br0}]
            rules: {files: one.rules}
            roles: [roles.d, "roles.d/*.yaml"]
            playbooks: {files: [playbooks.d, "playbooks.d/*.yaml"]}
            """);
        Assert.Single(model.Policy.Roles);
        Assert.Empty(model.Playbooks.Playbooks);

        List<ConfigDiagnostic> wrong = [];
        Assert.Null(Load(
            """
            bridges: [{name: br0}]
            rules: {files: one.rules}
            roles: [role.d, odd]
            playbooks: {files: ["playbook.d/*.yaml"]}
            """,
            wrong));
        Assert.Contains(wrong, d => d.Line == 3 && d.Message.Contains("no role file fits 'role.d', expected a folder, a file or a pattern", StringComparison.Ordinal));
        Assert.Contains(wrong, d => d.Line == 3 && d.Message.Contains("expected names that end in .yaml: kiosk.yml is not read", StringComparison.Ordinal));
        Assert.Contains(wrong, d => d.Line == 4 && d.Message.Contains("no playbook fits 'playbook.d/*.yaml'", StringComparison.Ordinal));
    }

    [Fact]
    public void RolesAndGuestsComeTogether()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "roles"));
        File.WriteAllText(
            Path.Combine(_folder, "roles", "kiosk.yaml"),
            """
            name: kiosk
            rules:
              - {classtype: [attempted-admin, trojan-activity], action: drop}
              - {sid: 7, action: off}
            redirect-to: pot
            files: {delivery: hold-tail, hold-ms: 250, fail: closed}
            """);
        DaemonModel model = LoadValid(
            """
            bridges: [{name: br0}]
            rules: {files: one.rules}
            targets: [{name: pot, address: 10.0.0.9}]
            roles: roles
            guests: [{name: g, role: kiosk, ports: ["tap7*"], macs: ["02:00:00:00:00:07"]}]
            """);

        GuestSet guests = new GuestRegistry(model.Guests, model.Policy).Current;
        RoleModel role = model.Policy.Roles[guests.RoleOf(1)];
        Assert.Equal("kiosk", role.Name);
        Assert.Equal(3, role.Rules.Length);
        Assert.Equal(RoleAction.Off, role.Rules[2].Action);
        Assert.Equal(0, role.RedirectTarget);
        Assert.Equal(FileDelivery.HoldTail, role.Files);
        Assert.Equal(250, role.FileHoldMs);
        Assert.False(role.FilesFailOpen);
        Assert.Equal(1, guests.FindByPortName("tap7i0"));
        Assert.Equal(0, guests.FindByPortName("tap8i0"));
        Assert.Equal(1, guests.Find(0, 0x020000000007, default));
    }

    [Fact]
    public void ARoleDefinedTwiceIsRefused()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "roles"));
        File.WriteAllText(Path.Combine(_folder, "roles", "a.yaml"), "name: same\n");
        File.WriteAllText(Path.Combine(_folder, "roles", "b.yaml"), "name: same\n");
        var diagnostics = new List<ConfigDiagnostic>();

        Load("bridges: [{name: br0}]\nrules: {files: one.rules}\nroles: roles\n", diagnostics);

        Assert.Contains("defined twice", Assert.Single(diagnostics).Message);
    }

    [Fact]
    public void TheShippedReferenceConfigurationIsValid()
    {
        string? root = AppContext.BaseDirectory;
        while (root is not null && !File.Exists(Path.Combine(root, "BridgeGuard.sln")))
        {
            root = Path.GetDirectoryName(root);
        }

        var diagnostics = new List<ConfigDiagnostic>();
        DaemonModel? model = DaemonConfigLoader.Load(Path.Combine(root!, "packaging", "etc", "bridgeguard.yaml"), diagnostics);

        Assert.Empty(diagnostics);
        Assert.NotNull(model);
        Assert.True(model.Policy.Roles.Length >= 3);
    }

    [Theory]
    [InlineData("", "53,5355")]
    [InlineData("protocols: {dns: {udp: {detection-ports: {dp: 53}}}}\n", "53")]
    public void DnsIsLookedForOnLlmnrsPortUnlessPortsAreNamed(string protocols, string expected)
    {
        ProtocolSettings dns = LoadValid("bridges: [{name: br0}]\nrules: {files: one.rules}\n" + protocols).Engine.AppLayer.Protocols["dns"];
        Assert.Equal(expected, dns.Get("udp.detection-ports.dp"));
    }

    private DaemonModel LoadValid(string yaml)
    {
        var diagnostics = new List<ConfigDiagnostic>();
        DaemonModel? model = Load(yaml, diagnostics);
        Assert.Empty(diagnostics);
        return model!;
    }

    private DaemonModel? Load(string yaml, List<ConfigDiagnostic> diagnostics)
    {
        File.WriteAllText(Path.Combine(_folder, "one.rules"), "");
        File.WriteAllText(Path.Combine(_folder, "s"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
        string file = Path.Combine(_folder, "bridgeguard.yaml");
        File.WriteAllText(file, yaml);
        return DaemonConfigLoader.Load(file, diagnostics);
    }
}
