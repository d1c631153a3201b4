using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Configuration.Suricata;
using BridgeGuard.Engine.Settings;
using Xunit;

namespace BridgeGuard.Host.Tests.Configuration;

public sealed class SuricataConfigurationTests
{
    private const string Sample = """
        %YAML 1.1
        ---
        vars:
          address-groups:
            HOME_NET: "[192.168.0.0/16,10.0.0.0/8]"
            EXTERNAL_NET: "!$HOME_NET"
          port-groups:
            HTTP_PORTS: 80
            VXLAN_PORTS: 4789, 8472
        default-rule-path: /etc/rules
        rule-files:
          - a.rules
          - /abs/b.rules
        classification-file: /etc/classification.config
        outputs:
          - fast:
              enabled: yes
              filename: fast.log
          - eve-log:
              enabled: yes
              filename: eve.json
              community-id: true
              community-id-seed: 3
              types:
                - alert:
                    payload: yes
                - frame:
                    enabled: no
                - files:
                    force-hash: [md5, sha256]
                - flow
          - eve-log:
              enabled: yes
              filename: stats.json
              types:
                - stats
          - tls-store:
              enabled: no
        decoder:
          vxlan:
            enabled: true
            ports: $VXLAN_PORTS
        app-layer:
          protocols:
            http:
              enabled: yes
              libhtp:
                default-config:
                  request-body-limit: 100 KiB
        stream:
          memcap: 64 MiB
          reassembly:
            depth: 1 MiB
        flow-timeouts:
          tcp:
            new: 7
        host-os-policy:
          windows: [0.0.0.0/0]
          linux: [10.0.0.0/8, "2001:db8::/32"]
        unknown-section:
          anything: [goes]
        """;

    [Fact]
    public void SectionsBecomeSettings()
    {
        SuricataConfiguration configuration = Read();
        EngineSettings engine = configuration.Engine;

        Assert.Equal("!$HOME_NET", configuration.AddressVariables["EXTERNAL_NET"]);
        Assert.Equal(["/etc/rules/a.rules", "/abs/b.rules"], configuration.RuleFiles);
        Assert.Equal("/etc/classification.config", configuration.ClassificationFile);
        Assert.Equal([(ushort)4789, (ushort)8472], engine.Decoder.VxlanPorts);
        Assert.Equal("100 KiB", engine.AppLayer.Protocols["http"].Get("libhtp.default-config.request-body-limit"));
        Assert.Equal(64L << 20, engine.Stream.MemcapBytes);
        Assert.Equal(1u << 20, engine.Stream.Reassembly.Depth);
        Assert.Equal(7, engine.Flow.Tcp.New);

        // What the file leaves out is what the peer has built in, which is not what its shipped file says (600).
        Assert.Equal(300, engine.Flow.Tcp.Established);
        Assert.Equal(3, engine.HostOs.Length);
        Assert.Equal(HostOs.Windows, engine.HostOs[0].Os);
        Assert.Equal(96, engine.HostOs[0].PrefixLength);
        Assert.Equal(104, engine.HostOs[1].PrefixLength);
        Assert.Equal(32, engine.HostOs[2].PrefixLength);
    }

    [Fact]
    public void EveryEnabledEveOutputIsKeptInOrder()
    {
        SuricataConfiguration configuration = Read();

        Assert.Equal(["/var/log/x/eve.json", "/var/log/x/stats.json"], configuration.Outputs.Eve.Select(e => e.Path));
        Assert.Equal("/var/log/x/fast.log", configuration.Outputs.Fast?.Path);
        Assert.Equal(["alert", "frame", "files", "flow"], configuration.Engine.Eve.Types.Select(t => t.Name));
        Assert.True(configuration.Engine.Eve.Types[0].Options.GetBool("payload", false));
        Assert.False(configuration.Engine.Eve.Types[1].Options.GetBool("enabled", true));
        Assert.True(configuration.Engine.Eve.CommunityId);
        Assert.Equal(3, configuration.Engine.Eve.CommunityIdSeed);
        Assert.Equal("stats", Assert.Single(Assert.Single(configuration.Engine.MoreEve).Types).Name);
        Assert.True(configuration.Engine.Files.ForceMd5);
        Assert.True(configuration.Engine.Files.ForceSha256);
        Assert.False(configuration.Engine.Files.ForceSha1);
        Assert.DoesNotContain("tls-store", configuration.Outputs.Enabled.Keys);
    }

    [Fact]
    public void ListElementsCanBeSetByIndex()
    {
        SuricataConfiguration configuration = Read("outputs.1.eve-log.types.1.frame.enabled=yes", "outputs.0.fast.enabled=no");

        Assert.True(configuration.Engine.Eve.Types[1].Options.GetBool("enabled", false));
        Assert.Null(configuration.Outputs.Fast);
    }

    [Fact]
    public void InlineEnginesDropByDefaultWherePassiveOnesGoOn()
    {
        EngineSettings passive = Read().Engine;
        EngineSettings inline = SuricataConfigurationReader.ReadText(Sample, "x.yaml", new SuricataOverrides { SimulateIps = true }).Engine;

        Assert.Equal(ExceptionPolicy.Ignore, passive.Stream.MemcapPolicy);
        Assert.Equal(ExceptionPolicy.Ignore, passive.Stream.MidstreamPolicy);
        Assert.Equal(ExceptionPolicy.DropFlow, inline.Stream.MemcapPolicy);
        Assert.Equal(ExceptionPolicy.DropFlow, inline.Stream.MidstreamPolicy);
        Assert.Equal(ExceptionPolicy.DropPacket, inline.Defrag.MemcapPolicy);
        Assert.Equal(ExceptionPolicy.DropFlow, inline.AppLayer.ErrorPolicy);
        Assert.True(inline.IsInline);
    }

    [Fact]
    public void PoliciesOfASingleCauseWinOverTheMaster()
    {
        EngineSettings engine = Read("exception-policy=ignore", "stream.midstream-policy=pass-flow", "app-layer.error-policy=reject").Engine;

        Assert.Equal(ExceptionPolicy.PassFlow, engine.Stream.MidstreamPolicy);
        Assert.Equal(ExceptionPolicy.Reject, engine.AppLayer.ErrorPolicy);
        Assert.Equal(ExceptionPolicy.Ignore, engine.Stream.MemcapPolicy);
    }

    [Theory]
    [InlineData("stream.memcap=many", "stream.memcap")]
    [InlineData("exception-policy=perhaps", "perhaps")]
    [InlineData("flow-timeouts.tcp.new=-1", "flow-timeouts.tcp.new")]
    [InlineData("host-os-policy.linux.0=not-an-address", "not-an-address")]
    public void WrongValuesStopTheReading(string setting, string named) =>
        Assert.Contains(named, Assert.Throws<ConfigException>(() => Read(setting)).Message, StringComparison.Ordinal);

    [Fact]
    public void WrongValuesInTheFileAreReportedWithLineAndColumn()
    {
        ConfigException error = Assert.Throws<ConfigException>(
            () => SuricataConfigurationReader.ReadText("stream:\n  memcap: lots\n", "x.yaml", new SuricataOverrides()));

        Assert.StartsWith("x.yaml:2:3: stream.memcap", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("none", true, false)]
    [InlineData("all", false, true)]
    [InlineData(null, true, true)]
    [InlineData(null, false, false)]
    public void ChecksumsFollowTheCommandLineThenTheFile(string? option, bool inFile, bool expected)
    {
        string yaml = $"stream:\n  checksum-validation: {(inFile ? "yes" : "no")}\n";

        EngineSettings engine = SuricataConfigurationReader.ReadText(yaml, "x.yaml", new SuricataOverrides { Checksums = option }).Engine;

        Assert.Equal(expected, engine.ValidateChecksums);
    }

    [Fact]
    public void ExclusiveRulesReplaceTheConfiguredOnes()
    {
        SuricataConfiguration only = SuricataConfigurationReader.ReadText(Sample, "x.yaml", new SuricataOverrides { ExclusiveRules = "/t/x.rules" });
        SuricataConfiguration none = SuricataConfigurationReader.ReadText(Sample, "x.yaml", new SuricataOverrides { DisableDetection = true });

        Assert.Equal(["/t/x.rules"], only.RuleFiles);
        Assert.Empty(none.RuleFiles);
        Assert.False(none.Engine.DetectionEnabled);
    }

    private static SuricataConfiguration Read(params string[] settings) =>
        SuricataConfigurationReader.ReadText(Sample, "x.yaml", new SuricataOverrides { LogFolder = "/var/log/x", Settings = settings });
}
