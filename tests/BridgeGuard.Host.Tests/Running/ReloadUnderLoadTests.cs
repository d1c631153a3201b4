using System.Globalization;
using System.Text;
using System.Text.Json;
using BridgeGuard.Host.Tests.Attachments.Bridge;
using Xunit;

namespace BridgeGuard.Host.Tests.Running;

/// <summary>SIGUSR2 while two guests talk through the daemon: the exchange of the rules costs no packet and happens between two of them.</summary>
public abstract class ReloadUnderLoadTests(int processes) : IDisposable
{
    private readonly BridgeLab _lab = new();

    public void Dispose() => _lab.Dispose();

    private static string Rule(int sid) => $"alert udp any any -> any 9000 (msg:\"rule {sid}\"; content:\"steady\"; sid:{sid};)\n";

    [Fact]
    public void RulesChangeBetweenTwoPacketsAndNothingIsLost()
    {
        using RunningDaemon daemon = new(_lab, Rule(1), processes: processes);
        using SteadyTraffic traffic = new(_lab);
        traffic.GoOn(200);
        var borders = new List<(int Asked, int InForce)>();
        for (int sid = 2; sid <= 5; sid++)
        {
            int asked = traffic.Sent;
            daemon.Reload(Rule(sid));
            borders.Add((asked, traffic.Sent));
            traffic.GoOn(200);
        }

        int sent = traffic.EndWithoutLoss();
        Assert.Equal(0, daemon.Stop());

        // Each datagram was judged by exactly one of the sets: the ranges follow each other without a gap and without an overlap.
        int next = 0;
        for (int sid = 1; sid <= 5; sid++)
        {
            List<int> alerted = daemon.AlertedBy(sid);
            Assert.Equal(Enumerable.Range(next, alerted.Count), alerted);
            next += alerted.Count;
            if (sid < 5)
            {
                Assert.True(next <= borders[sid - 1].InForce + 1, $"rule {sid} alerts on {next - 1}, sent after its removal at {borders[sid - 1]}");
            }
        }

        Assert.Equal(sent, next);
    }

    [Fact]
    public void ABadRuleFileIsRefusedWithItsPlaceAndTheOldRulesStay()
    {
        using RunningDaemon daemon = new(_lab, Rule(1), processes: processes);
        using SteadyTraffic traffic = new(_lab);
        traffic.GoOn(100);
        const string Bad = "alert udp any any -> any any (msg:\"bad\"; contents:\"x\"; sid:3;)\n";
        daemon.Reload(Rule(2) + Bad, "the rules in force stay");
        Assert.Contains($"{daemon.RuleFile}:2:{Bad.IndexOf("contents", StringComparison.Ordinal) + 1}: ", daemon.LogText, StringComparison.Ordinal);
        traffic.GoOn(100);
        File.Delete(daemon.RuleFile);
        daemon.Signal("USR2");
        Assert.True(daemon.WaitForLog("the rules in force stay", 2), daemon.LogText);
        traffic.GoOn(100);
        int sent = traffic.EndWithoutLoss();
        Assert.Equal(0, daemon.Stop());
        Assert.Equal(Enumerable.Range(0, sent), daemon.AlertedBy(1));
        Assert.Empty(daemon.AlertedBy(2));
    }

    [Fact]
    public void OfManySignalsInARowTheLastFileIsInForce()
    {
        using RunningDaemon daemon = new(_lab, Rule(1), processes: processes);
        using SteadyTraffic traffic = new(_lab);
        for (int sid = 2; sid <= 30; sid++)
        {
            daemon.WriteRules(Rule(sid) + (sid % 2 == 1 ? ManyRules(5000) : "")); // The last one but one takes much longer than the last.
            daemon.Signal("USR2");
        }

        Assert.True(BridgeLab.Until(() => daemon.AlertedBy(30).Count > 0, 30_000), daemon.LogText);
        int from = traffic.Sent;
        traffic.GoOn(1000);
        int sent = traffic.EndWithoutLoss();
        Assert.Equal(0, daemon.Stop());
        Assert.Equal(Enumerable.Range(from, sent - from), daemon.AlertedBy(30).Where(number => number >= from));
        Assert.All(Enumerable.Range(1, 29), sid => Assert.DoesNotContain(daemon.AlertedBy(sid), number => number >= from));
    }

    [Fact]
    public void ALargeSetIsCompiledBesideTheTraffic()
    {
        // A machine that is busy with other tests delays datagrams too: it is not so each time.
        string late = "";
        for (int attempt = 0; attempt < 3; attempt++)
        {
            late = LateBesideALargeReload();
            if (late.Length == 0)
            {
                return;
            }
        }

        Assert.Fail(late);
    }

    /// <summary>Empty, or how many datagrams were late while 20,000 rules were compiled.</summary>
    private string LateBesideALargeReload()
    {
        using RunningDaemon daemon = new(_lab, Rule(1), processes: processes);
        using SteadyTraffic traffic = new(_lab);
        traffic.GoOn(200);
        int from = traffic.Sent;
        int receivedBefore = traffic.Received;
        daemon.Reload(Rule(2) + ManyRules(20_000));
        int received = traffic.Received - receivedBefore;
        int until = traffic.Sent;
        traffic.GoOn(200);
        int sent = traffic.EndWithoutLoss();
        Assert.Equal(0, daemon.Stop());
        Assert.True(traffic.LongestTransfer < TimeSpan.FromSeconds(20), $"a transfer took {traffic.LongestTransfer} {daemon.LogText}");
        Assert.True(until - from > 100 && received > (until - from) / 2, $"{received} of {until - from} datagrams arrived during the compile");
        Assert.Equal(Enumerable.Range(0, sent), daemon.AlertedBy(1).Concat(daemon.AlertedBy(2)));

        // Compiled by a process of its own, which left the set here.
        Assert.Single(Directory.GetFiles(daemon.CacheFolder));
        Assert.Equal(0, daemon.LogCount("compiled inside it"));

        // On counts, not on one time.
        int late = traffic.Late(from, until + 100, TimeSpan.FromMilliseconds(200));
        return late < (until - from) / 10 ? "" : $"{late} of {until - from} datagrams came later than 200 ms {daemon.LogText}";
    }

    [Fact]
    public void AFileThatIsNewInTheFolderIsReadAtTheNextReload()
    {
        using RunningDaemon daemon = new(_lab, Rule(1), processes: processes);
        using SteadyTraffic traffic = new(_lab);
        traffic.GoOn(50);
        daemon.AddRuleFile("new.rules", Rule(2));
        daemon.Reload(Rule(1));
        int from = traffic.Sent;
        traffic.GoOn(50);
        int sent = traffic.EndWithoutLoss();
        Assert.Equal(0, daemon.Stop());
        Assert.Equal(Enumerable.Range(0, sent), daemon.AlertedBy(1));
        Assert.Equal(Enumerable.Range(from, sent - from), daemon.AlertedBy(2).Where(number => number >= from));
    }

    [Fact]
    public void WhatRulesCostCanBeReadWhileTheDaemonRuns()
    {
        using RunningDaemon daemon = new(_lab, Rule(1), processes: processes);
        using SteadyTraffic traffic = new(_lab);
        traffic.GoOn(300);
        string costs = Path.Combine(daemon.RunFolder, "rule-costs.json");
        Assert.True(BridgeLab.Until(() => File.Exists(costs), 15_000), daemon.LogText);
        DateTime first = File.GetLastWriteTimeUtc(costs);
        Assert.True(BridgeLab.Until(() => File.GetLastWriteTimeUtc(costs) > first, 15_000), "it is written again and again");

        string[] lines = BridgeLab.Run("dotnet", $"{Path.Combine(AppContext.BaseDirectory, "bridgeguard.dll")} rules profile --json --run-directory {daemon.RunFolder}").Output
            .Split('\n', StringSplitOptions.RemoveEmptyEntries);

        using JsonDocument rule = JsonDocument.Parse(Assert.Single(lines));
        Assert.Equal(1, rule.RootElement.GetProperty("signature_id").GetInt32());
        Assert.True(rule.RootElement.GetProperty("checks").GetInt64() >= 300);
        Assert.True(rule.RootElement.GetProperty("matches").GetInt64() >= 300);
        Assert.True(rule.RootElement.GetProperty("samples").GetInt64() >= 2);
        traffic.EndWithoutLoss();
        Assert.Equal(0, daemon.Stop());
    }

    [Fact]
    public void TransfersGoOnWhileRulesAboutThemComeAndGo()
    {
        // With the one set a transfer is the kernel's after its first bytes, with the other every byte is searched.
        using RunningDaemon daemon = new(_lab, Rule(1), processes: processes);
        using SteadyTraffic traffic = new(_lab);
        traffic.GoOn(50);
        int reloads = int.Parse(Environment.GetEnvironmentVariable("BRIDGEGUARD_TEST_RELOADS") ?? "40", CultureInfo.InvariantCulture);
        for (int i = 0; i < reloads; i++)
        {
            daemon.Reload(Rule(1) + (i % 2 == 0 ? ManyRules(10) : ""));
            Thread.Sleep(20 + (i * 37 % 100));
            Assert.True(traffic.LongestTransfer < TimeSpan.FromSeconds(10), $"after {i} reloads a transfer took {traffic.LongestTransfer}: {daemon.LogText}");
        }

        traffic.GoOn(50);
        traffic.EndWithoutLoss();
        Assert.Equal(0, daemon.Stop());
        Assert.True(traffic.LongestTransfer < TimeSpan.FromSeconds(10), $"a transfer took {traffic.LongestTransfer}");
    }

    private static string ManyRules(int count)
    {
        var rules = new StringBuilder();
        for (int i = 0; i < count; i++)
        {
            rules.Append($"alert tcp any any -> any any (msg:\"many {i}\"; content:\"never{i:x5}seen\"; nocase; sid:{100_000 + i};)\n");
        }

        return rules.ToString();
    }
}

/// <summary>With the data plane in the daemon's process.</summary>
public sealed class ReloadUnderLoadTestsInOneProcess() : ReloadUnderLoadTests(1);

/// <summary>With the data plane in a process of its own.</summary>
public sealed class ReloadUnderLoadTestsInTwoProcesses() : ReloadUnderLoadTests(2);
