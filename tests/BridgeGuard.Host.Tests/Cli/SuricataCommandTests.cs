using System.Text.Json;
using BridgeGuard.Cli.Suricata;
using BridgeGuard.Host.Tests.Attachments;
using Xunit;

namespace BridgeGuard.Host.Tests.Cli;

public sealed class SuricataCommandTests
{
    private const string Yaml = """
        %YAML 1.1
        ---
        outputs:
          - fast:
              enabled: yes
              filename: fast.log
          - eve-log:
              enabled: yes
              filename: eve.json
              types: [alert, flow, stats]
        logging:
          outputs:
            - console:
                enabled: no
            - file:
                enabled: yes
                level: info
                filename: suricata.log
        """;

    [Fact]
    public void ACaptureBecomesAlertsFlowsAndStats()
    {
        using ScratchFolder folder = new();
        string rules = Save(folder, "t.rules", "alert udp any any -> any any (msg:\"marker\"; content:\"abc\"; sid:7; rev:2;)\n");

        int code = Run(folder, "-S", rules, "-r", Capture(folder), "-k", "none");

        Assert.Equal(0, code);
        JsonElement[] records = Records(folder);
        JsonElement alert = Assert.Single(records, r => Type(r) == "alert");
        Assert.Equal(7, alert.GetProperty("alert").GetProperty("signature_id").GetInt32());
        Assert.Equal(1, alert.GetProperty("pcap_cnt").GetInt32());
        JsonElement flow = Assert.Single(records, r => Type(r) == "flow");
        Assert.True(flow.GetProperty("flow").GetProperty("alerted").GetBoolean());
        JsonElement stats = Assert.Single(records, r => Type(r) == "stats").GetProperty("stats");
        Assert.Equal(1, stats.GetProperty("decoder").GetProperty("pkts").GetInt32());
        Assert.Equal(1, stats.GetProperty("detect").GetProperty("engines")[0].GetProperty("rules_loaded").GetInt32());
        Assert.Equal(
            "01/01/1970-00:00:01.000005  [**] [1:7:2] marker [**] [Classification: (null)] [Priority: 3] {UDP} 10.0.0.1:1000 -> 10.0.0.2:2000",
            File.ReadAllText(Path.Combine(folder.Path, "fast.log")).TrimEnd());
        Assert.Contains("1 rules successfully loaded, 0 rules failed", File.ReadAllText(Path.Combine(folder.Path, "suricata.log")), StringComparison.Ordinal);
    }

    [Fact]
    public void ABadRuleStopsTheStartWhenErrorsAreFatal()
    {
        using ScratchFolder folder = new();
        string rules = Save(folder, "t.rules", "alert udp any any -> any any (no_such_keyword; sid:7;)\n");

        Assert.Equal(1, Run(folder, "-S", rules, "-r", Capture(folder), "--init-errors-fatal"));
        Assert.Equal(1, Run(folder, "-S", rules, "-T"));
        string log = File.ReadAllText(Path.Combine(folder.Path, "suricata.log"));
        Assert.Contains("error parsing signature \"alert udp any any -> any any (no_such_keyword; sid:7;)\"", log, StringComparison.Ordinal);
        Assert.Contains("at line 1", log, StringComparison.Ordinal);
    }

    [Fact]
    public void ABadRuleIsLeftOutWhenErrorsAreNotFatal()
    {
        using ScratchFolder folder = new();
        string rules = Save(folder, "t.rules", "alert udp any any -> any any (no_such_keyword; sid:7;)\nalert udp any any -> any any (sid:8;)\n");

        Assert.Equal(0, Run(folder, "-S", rules, "-r", Capture(folder)));
        Assert.Equal(8, Assert.Single(Records(folder), r => Type(r) == "alert").GetProperty("alert").GetProperty("signature_id").GetInt32());
    }

    [Fact]
    public void DropsCountInlineOnly()
    {
        using ScratchFolder folder = new();
        string rules = Save(folder, "t.rules", "drop udp any any -> any any (sid:7;)\n");

        Assert.Equal(0, Run(folder, "-S", rules, "-r", Capture(folder), "--simulate-ips", "-k", "none"));

        JsonElement[] records = Records(folder);
        Assert.Equal("blocked", Assert.Single(records, r => Type(r) == "alert").GetProperty("alert").GetProperty("action").GetString());
        JsonElement ips = Assert.Single(records, r => Type(r) == "stats").GetProperty("stats").GetProperty("ips");
        Assert.Equal(1, ips.GetProperty("blocked").GetInt32());
        Assert.Equal(0, ips.GetProperty("accepted").GetInt32());
        Assert.Equal(1, ips.GetProperty("drop_reason").GetProperty("rules").GetInt32());
    }

    [Theory]
    [InlineData("-r", "/nonexistent.pcap")]
    [InlineData("-r", "/dev/null", "-l", "/nonexistent-folder")]
    [InlineData("-r", "/dev/null", "--set", "stream.memcap=lots")]
    public void WhatIsMissingOrWrongFails(params string[] words)
    {
        using ScratchFolder folder = new();

        Assert.Equal(1, Run(folder, words));
    }

    private static int Run(ScratchFolder folder, params string[] words)
    {
        string yaml = Path.Combine(folder.Path, "suricata.yaml");
        File.WriteAllText(yaml, Yaml);
        List<string> all = ["-c", yaml];
        if (!words.Contains("-l"))
        {
            all.AddRange(["-l", folder.Path]);
        }

        all.AddRange(words);
        return SuricataCommand.Run(all);
    }

    private static string Save(ScratchFolder folder, string name, string text)
    {
        string path = Path.Combine(folder.Path, name);
        File.WriteAllText(path, text);
        return path;
    }

    private static string Capture(ScratchFolder folder)
    {
        byte[] frame =
        [
            2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0,
            0x45, 0, 0, 31, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
            0x03, 0xe8, 0x07, 0xd0, 0, 11, 0, 0, (byte)'a', (byte)'b', (byte)'c',
        ];
        return new CaptureBuilder().Add(frame, seconds: 1, fraction: 5).Save(folder.Path);
    }

    private static JsonElement[] Records(ScratchFolder folder) =>
        [.. File.ReadLines(Path.Combine(folder.Path, "eve.json")).Select(line => JsonDocument.Parse(line).RootElement)];

    private static string? Type(JsonElement record) => record.GetProperty("event_type").GetString();
}
