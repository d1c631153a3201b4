using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Loading;
using Xunit;

namespace BridgeGuard.Rules.Tests.Loading;

/// <summary>Rules about protocols that are switched off could never match: they are refused, as Suricata 8.0.8 refuses each of these with its shipped configuration.</summary>
public sealed class DisabledProtocolTests
{
    private static readonly AppLayerSettings Shipped = new()
    {
        Protocols = new Dictionary<string, ProtocolSettings>
        {
            ["dnp3"] = Section("no"),
            ["enip"] = Section("no"),
            ["imap"] = Section("detection-only"),
            ["modbus"] = Section("no"),
            ["pgsql"] = Section("no"),
        },
    };

    [Theory]
    [InlineData("""alert dnp3 any any -> any any (sid:1;)""", "dnp3", 7)]
    [InlineData("""alert tcp any any -> any any (dnp3_func:read; sid:1;)""", "dnp3", 31)]
    [InlineData("""alert tcp any any -> any any (app-layer-event:dnp3.flooded; sid:1;)""", "dnp3", 0)]
    [InlineData("""alert tcp any any -> any any (app-layer-protocol:dnp3; sid:1;)""", "dnp3", 0)]
    [InlineData("""alert tcp any any -> any any (app-layer-protocol:!dnp3; sid:1;)""", "dnp3", 0)]
    [InlineData("""alert tcp any any -> any any (dnp3.data; content:"x"; sid:1;)""", "dnp3", 31)]
    [InlineData("""alert tcp any any -> any any (enip_command:1; sid:1;)""", "enip", 31)]
    [InlineData("""alert tcp any any -> any any (enip.product_name; content:"x"; sid:1;)""", "enip", 31)]
    [InlineData("""alert tcp any any -> any any (cip_service:1; sid:1;)""", "enip", 31)]
    [InlineData("""alert tcp any any -> any any (modbus:function 1; sid:1;)""", "modbus", 31)]
    [InlineData("""alert tcp any any -> any any (pgsql.query; content:"x"; sid:1;)""", "pgsql", 31)]
    [InlineData("""alert tcp any any -> any any (frame:enip.pdu; content:"x"; sid:1;)""", "enip", 0)]
    [InlineData("""alert pgsql:request_complete any any -> any any (sid:1;)""", "pgsql", 7)]
    public void RulesAboutThemAreRefused(string rule, string protocol, int column)
    {
        RuleDiagnostic error = Assert.Single(Load(rule, RuleLoadOptions.DisabledIn(Shipped)).Diagnostics);
        Assert.Equal(DiagnosticCode.Unsupported, error.Code);
        Assert.Contains(protocol, error.Message, StringComparison.Ordinal);
        Assert.Contains("switched off", error.Message, StringComparison.Ordinal);
        if (column > 0)
        {
            Assert.Equal(column, error.Column);
        }

        Assert.Equal(1, Load(rule, []).Loaded);
    }

    [Theory]
    [InlineData("""alert imap any any -> any any (sid:1;)""")]
    [InlineData("""alert tcp any any -> any any (app-layer-protocol:imap; sid:1;)""")]
    [InlineData("""alert http any any -> any any (http.uri; content:"x"; sid:1;)""")]
    [InlineData("""alert tcp any any -> any any (file.data; content:"x"; sid:1;)""")]
    [InlineData("""alert mysql any any -> any any (sid:1;)""")]
    public void OthersAreNot(string rule) => Assert.Equal(1, Load(rule, RuleLoadOptions.DisabledIn(Shipped)).Loaded);

    [Theory]
    [InlineData("dnp3", false)]
    [InlineData("enip", true)]
    [InlineData("modbus", false)]
    [InlineData("pgsql", true)]
    [InlineData("ldap", true)]
    public void WhereNothingIsSaidSuricatasDefaultsHold(string name, bool isOn) =>
        Assert.Equal(!isOn, RuleLoadOptions.DisabledIn(new AppLayerSettings()).Contains(ProtocolCatalog.Find(name)!.Id));

    [Fact]
    public void HttpIsOffWhenAllItsVersionsAre()
    {
        const string Rule = """alert http any any -> any any (http.uri; content:"x"; sid:1;)""";
        Assert.Equal(1, Load(Rule, [ProtocolId.Http1]).Loaded);
        Assert.Equal(0, Load(Rule, [ProtocolId.Http1, ProtocolId.Http2]).Loaded);
    }

    [Fact]
    public void ADaemonsConfigurationKeepsAnExtensionUnlessItIsSwitchedOff() => Assert.Contains(
        ProtocolId.MySql,
        RuleLoadOptions.DisabledIn(new AppLayerSettings { Protocols = new Dictionary<string, ProtocolSettings> { ["mysql"] = Section("no") } }));

    private static RuleLoadResult Load(string rule, IReadOnlyList<ProtocolId> disabled) =>
        RuleLoader.Load(new RuleLoadOptions { Texts = [("test.rules", rule)], DisabledProtocols = disabled });

    private static ProtocolSettings Section(string enabled) => new(new Dictionary<string, string> { ["enabled"] = enabled });
}
