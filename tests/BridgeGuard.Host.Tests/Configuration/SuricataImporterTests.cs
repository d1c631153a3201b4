using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Configuration.Suricata;
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
