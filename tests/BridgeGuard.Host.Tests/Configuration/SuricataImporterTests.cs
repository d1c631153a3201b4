using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Configuration.Suricata;
using BridgeGuard.Engine.Settings;
using Xunit;

namespace BridgeGuard.Host.Tests.Configuration;

public sealed class SuricataImporterTests
{
    private const string Suricata = """
        %YAML 1.1
        ---
        vars:
          address-groups: {HOME_NET: "[10.0.0.0/8,!10.1.0.0/16]"}
          port-groups: {HTTP_PORTS: "[80,8080]"}
        default-log-dir: /tmp/logs
        outputs:
          - eve-log: {enabled: yes, community-id: true, types: [{alert: {metadata: yes}}, dns, {tls: {extended: yes}}]}
        af-packet: [{interface: eth0}]
        app-layer:
          protocols:
            http: {enabled: yes, libhtp: {default-config: {request-body-limit: 10kb}}}
            nosuch: {enabled: yes}
        """;

    /// <summary>Records' options and lists in many forms: read directly and by way of the import they are the same settings.</summary>
    [Theory]
    [InlineData("[alert, dns, tls, http, flow]")]
    [InlineData("[{alert: {payload: yes, payload-buffer-size: 4 KiB, metadata: {rule: {raw: true}}, tagged-packets: yes}}, {http: {extended: yes, custom: [Accept-Encoding, Authorization]}}]")]
    [InlineData("[{tls: {custom: [sni, ja4, subject]}}, {dns: {version: 2, types: [a, aaaa], requests: no}}, {smb: {types: [file, tree_connect]}}]")]
    [InlineData("[{anomaly: {types: {decode: yes, stream: no}}}, {drop: {alerts: yes, flows: all}}, {files: {force-magic: yes, force-hash: [md5]}}, {dhcp: {extended: no}}, {pgsql: {enabled: no}}]")]
    [InlineData("[{smtp: {extended: yes, custom: [received, bcc], md5: [body, subject]}}, {mqtt: {passwords: yes}}, {stats: {totals: yes, deltas: yes}}, netflow, metadata]")]
    public void RecordsHaveTheOptionsThatSuricatasHad(string types)
    {
        SuricataConfiguration from = SuricataConfigurationReader.ReadText(
            $"outputs: [{{eve-log: {{enabled: yes, community-id: true, community-id-seed: 7, types: {types}}}}}]\n", "suricata.yaml", new SuricataOverrides());
        DaemonModel model = RoundTrip(from, out _);
        var wanted = from.Engine.Eve.Types.Where(type => type.Options.GetBool("enabled", true)).ToList();
        Assert.Equal(wanted.Select(type => type.Name), model.Engine.Eve.Types.Select(type => type.Name));
        Assert.Equal((true, 7), (model.Engine.Eve.CommunityId, (int)model.Engine.Eve.CommunityIdSeed));
        foreach ((EveTypeSettings asked, EveTypeSettings got) in wanted.Zip(model.Engine.Eve.Types))
        {
            Dictionary<string, string> options = new(asked.Options.All);
            if (asked.Name is "http" or "tls" or "smtp" or "dhcp")
            {
                options.TryAdd("extended", "no"); // Suricata's default, written out.
            }

            Assert.Equal(options.OrderBy(pair => pair.Key), got.Options.All.OrderBy(pair => pair.Key));
        }
    }

    /// <summary>What rules see of traffic depends on these: read directly and by way of the import they are the same.</summary>
    [Theory]
    [InlineData("")]
    [InlineData("stream: {midstream: true, async-oneside: true, checksum-validation: no, memcap: 32mb, reassembly: {depth: 3000, toserver-chunk-size: 100, randomize-chunk-size: no, urgent: {policy: drop}}}")]
    [InlineData("defrag: {memcap: 8mb, trackers: 100, max-frags: 50, timeout: 5, prealloc: yes}\nhost-os-policy: {windows: [0.0.0.0/0], linux: [10.0.0.0/8, 192.168.1.100]}")]
    [InlineData("flow: {memcap: 8mb, hash-size: 100}\nflow-timeouts: {default: {new: 3, established: 7}, tcp: {new: 5, established: 9, closed: 1}, udp: {new: 2}}\nvlan: {use-for-tracking: false}")]
    [InlineData("vars: {port-groups: {VXLAN_PORTS: '[4789,8472]', HTTP_PORTS: '80'}}\ndecoder: {teredo: {enabled: false}, vxlan: {enabled: true, ports: $VXLAN_PORTS}, max-layers: 5}")]
    [InlineData("pcre: {match-limit: 100, match-limit-recursion: 50}\npacket-alert-max: 7")]
    public void InspectionIsAsItWas(string yaml)
    {
        SuricataConfiguration from = SuricataConfigurationReader.ReadText(yaml + "\n", "suricata.yaml", new SuricataOverrides { IsOffline = false });
        EngineSettings wanted = from.Engine;
        EngineSettings got = RoundTrip(from, out _).Engine;
        Assert.Equal(wanted.Stream, got.Stream);
        Assert.Equal(wanted.Defrag, got.Defrag);
        Assert.Equal(wanted.Flow with { ExpireLazily = got.Flow.ExpireLazily, MaxFlows = got.Flow.MaxFlows }, got.Flow);
        Assert.Equal(wanted.HostOs, got.HostOs);
        Assert.Equal(wanted.ValidateChecksums, got.ValidateChecksums);
        Assert.Equal(wanted.Decoder.VxlanPorts, got.Decoder.VxlanPorts);
        Assert.Equal(
            (wanted.Decoder.TeredoEnabled, wanted.Decoder.VxlanEnabled, wanted.Decoder.MaxLayers),
            (got.Decoder.TeredoEnabled, got.Decoder.VxlanEnabled, got.Decoder.MaxLayers));
        Assert.Equal(
            (wanted.Detection.PacketAlertMax, wanted.Detection.PcreMatchLimit, wanted.Detection.PcreRecursionLimit),
            (got.Detection.PacketAlertMax, got.Detection.PcreMatchLimit, got.Detection.PcreRecursionLimit));
    }

    [Fact]
    public void AWrongValueOfAnInspectionSectionHasItsPlace()
    {
        string path = Path.Combine(Directory.CreateTempSubdirectory("bridgeguard-import-").FullName, "bridgeguard.yaml");
        File.WriteAllText(path, "bridges: [{name: br0}]\nrules: {files: []}\nstream:\n  memcap: lots\n");
        var diagnostics = new List<ConfigDiagnostic>();
        Assert.Null(DaemonConfigLoader.Load(path, diagnostics));
        Assert.Contains("bridgeguard.yaml:4:", diagnostics.Single().ToString(), StringComparison.Ordinal);
        Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
    }

    /// <summary>Suricata leaves a protocol alone that its file does not name and that is off by default; the daemon would look at it.</summary>
    [Fact]
    public void ProtocolsThatAreOffStayOff()
    {
        DaemonModel model = RoundTrip(SuricataConfigurationReader.ReadText("app-layer: {protocols: {http: {enabled: yes}}}\n", "suricata.yaml", new SuricataOverrides()), out string text);
        Assert.Equal("no", model.Engine.AppLayer.Protocols["modbus"].Get("enabled"));
        Assert.Contains("  modbus:\n    enabled: no", text, StringComparison.Ordinal);
    }

    [Fact]
    public void ReputationListsAndWhatIsMissingAreTold()
    {
        string folder = Directory.CreateTempSubdirectory("bridgeguard-import-").FullName;
        try
        {
            string list = Path.Combine(folder, "bad.list");
            string categories = Path.Combine(folder, "categories.txt");
            File.WriteAllText(list, "10.0.0.1,1,20\n");
            File.WriteAllText(categories, "1,bad,Bad\n");
            SuricataConfiguration from = SuricataConfigurationReader.ReadText(
                $"reputation-categories-file: {categories}\ndefault-reputation-path: {folder}\nreputation-files: [bad.list, gone.list]\n", "suricata.yaml", new SuricataOverrides());
            DaemonModel model = RoundTrip(from, out string text);
            Assert.Equal(categories, model.Rules.ReputationCategories);
            Assert.Equal([list], model.Rules.Reputation);
            Assert.Contains("# missing: reputation: " + Path.Combine(folder, "gone.list"), text, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static DaemonModel RoundTrip(SuricataConfiguration from, out string text)
    {
        string path = Path.Combine(Directory.CreateTempSubdirectory("bridgeguard-import-").FullName, "bridgeguard.yaml");
        try
        {
            text = SuricataImporter.Convert(from, "suricata.yaml");
            File.WriteAllText(path, text);
            var diagnostics = new List<ConfigDiagnostic>();
            DaemonModel? model = DaemonConfigLoader.Load(path, diagnostics);
            Assert.Empty(diagnostics);
            return model!;
        }
        finally
        {
            Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
        }
    }


    [Fact]
    public void TheResultLoadsAndSaysTheSame()
    {
        string folder = Directory.CreateTempSubdirectory("bridgeguard-import-").FullName;
        try
        {
            string rules = Path.Combine(folder, "a.rules");
            File.WriteAllText(rules, "alert tcp any any -> any any (sid:1;)\n");
            SuricataConfiguration from = SuricataConfigurationReader.ReadText(
                Suricata + $"\nrule-files: [\"{rules}\", /nowhere/b.rules]\n", "suricata.yaml", new SuricataOverrides());
            string text = SuricataImporter.Convert(from, "suricata.yaml");
            string path = Path.Combine(folder, "bridgeguard.yaml");
            File.WriteAllText(path, text);
            var diagnostics = new List<ConfigDiagnostic>();
            DaemonModel? model = DaemonConfigLoader.Load(path, diagnostics);
            Assert.Empty(diagnostics);
            Assert.Equal([rules], model!.Rules.Files);
            Assert.Equal("[10.0.0.0/8,!10.1.0.0/16]", model.Rules.AddressVariables["HOME_NET"]);
            Assert.Equal("[80,8080]", model.Rules.PortVariables["HTTP_PORTS"]);
            Assert.Equal(["alert", "dns", "tls"], model.Engine.Eve.Types.Select(type => type.Name));
            Assert.Equal("10kb", model.Engine.AppLayer.Protocols["http"].Get("libhtp.default-config.request-body-limit"));
            Assert.Contains("# missing: /nowhere/b.rules", text, StringComparison.Ordinal);
            Assert.Contains("# not taken over: af-packet", text, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
