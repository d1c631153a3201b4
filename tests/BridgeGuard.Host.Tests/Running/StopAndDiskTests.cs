using System.Globalization;
using System.Text.RegularExpressions;
using BridgeGuard.Host.Tests.Attachments.Bridge;
using BridgeGuard.Host.Tests.Outputs;
using BridgeGuard.Host.Tests.Scanning;
using Xunit;

namespace BridgeGuard.Host.Tests.Running;

/// <summary>The daemon ends, or cannot write, while two guests talk through it.</summary>
public abstract class StopAndDiskTests(int processes) : IDisposable
{
    private const string Rule = "alert udp any any -> any 9000 (msg:\"each\"; content:\"steady\"; sid:1;)\n";

    private readonly BridgeLab _lab = new();
    private readonly TemporaryFolder _folder = new();

    public void Dispose()
    {
        _lab.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void TermUnderLoadLosesNoPacketAndNoAlert()
    {
        using RunningDaemon daemon = new(_lab, Rule, processes: processes);
        using SteadyTraffic traffic = new(_lab);
        traffic.GoOn(500);
        int inspected = traffic.Received;
        Assert.Equal(0, daemon.Stop());
        Assert.DoesNotContain("bgpunt0", BridgeLab.Ip($"-n {_lab.Host} link"), StringComparison.Ordinal);
        int atEnd = traffic.Sent;
        traffic.GoOn(200);
        traffic.EndWithoutLoss();

        // What arrived before the signal was inspected; from some datagram on none was; in between none is missing.
        List<int> alerted = daemon.AlertedBy(1);
        Assert.Equal(Enumerable.Range(0, alerted.Count), alerted);
        Assert.InRange(alerted.Count, inspected, atEnd);
        Assert.EndsWith("\n", File.ReadAllText(daemon.EveFile), StringComparison.Ordinal);
    }

    [Fact]
    public void AFullDiskStopsNoTrafficAndWhatWasAcceptedIsWrittenOrCounted()
    {
        using SmallDisk disk = new(_folder.File("disk"), "64k");
        if (!disk.IsMounted)
        {
            Assert.Skip("cannot mount a tmpfs");
        }

        using RunningDaemon daemon = new(_lab, Rule, disk.Path, processes: processes);
        using SteadyTraffic traffic = new(_lab);
        Assert.True(daemon.WaitForLog("cannot write to"), daemon.LogText);
        traffic.GoOn(500);
        disk.Resize("64m");
        Assert.True(daemon.WaitForLog("works again"), daemon.LogText);
        traffic.GoOn(200);
        int sent = traffic.EndWithoutLoss();
        Assert.Equal(0, daemon.Stop());
        AssertAllThere(sent, daemon.AlertedBy(1), daemon);
    }

    [Fact]
    public void ALogFolderThatGoesAwayStopsNoTrafficAndNoAlertIsLost()
    {
        string folder = _folder.File("log");
        using RunningDaemon daemon = new(_lab, Rule, folder, processes: processes);
        using SteadyTraffic traffic = new(_lab);
        traffic.GoOn(200);
        Directory.Move(folder, folder + ".old");
        daemon.Signal("HUP");
        Assert.True(daemon.WaitForLog("cannot write to"), daemon.LogText);
        traffic.GoOn(500);
        Directory.CreateDirectory(folder);
        Assert.True(daemon.WaitForLog("works again"), daemon.LogText);
        traffic.GoOn(200);
        int sent = traffic.EndWithoutLoss();
        Assert.Equal(0, daemon.Stop());
        AssertAllThere(sent, [.. daemon.AlertedBy(1, Path.Combine(folder + ".old", "eve.json")), .. daemon.AlertedBy(1)], daemon);
    }

    /// <summary>Each once and in order; where some are missing the log says how many.</summary>
    private static void AssertAllThere(int sent, List<int> alerted, RunningDaemon daemon)
    {
        Assert.Equal(alerted.Distinct().Order(), alerted);
        int lost = Regex.Matches(daemon.LogText, "works again; ([0-9]+) lines were lost").Sum(match => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture));
        Assert.Equal(sent, alerted.Count + lost);
    }
}

/// <summary>With the data plane in the daemon's process.</summary>
public sealed class StopAndDiskTestsInOneProcess() : StopAndDiskTests(1);

/// <summary>With the data plane in a process of its own.</summary>
public sealed class StopAndDiskTestsInTwoProcesses() : StopAndDiskTests(2);
