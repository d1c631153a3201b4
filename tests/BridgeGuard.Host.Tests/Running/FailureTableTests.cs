using System.Globalization;
using System.Net.Sockets;
using System.Text;
using BridgeGuard.Host.Tests.Attachments.Bridge;
using BridgeGuard.Host.Tests.Outputs;
using BridgeGuard.Host.Tests.Scanning;
using Xunit;

namespace BridgeGuard.Host.Tests.Running;

/// <summary>The failure table: what happens to traffic when the daemon or its data plane dies, hangs, is too slow, starts, stops or is replaced, for ports that fail open and closed.</summary>
/// <remarks>The table is printed; with <c>BRIDGEGUARD_FAILURE_TABLE</c> it is also written to the file named there.</remarks>
public sealed class FailureTableTests(ITestOutputHelper output) : IDisposable
{
    /// <summary>Longest silence that an open port may have after a crash or a hang (issue 6).</summary>
    private const double MaxSilenceMs = 150;

    private const string Rule = "alert icmp any any -> any any (msg:\"never\"; itype:99; sid:1;)\n";
    private readonly BridgeLab _lab = new();
    private readonly StringBuilder _table = new();
    private readonly TemporaryFolder _folder = new();

    public void Dispose()
    {
        _lab.Dispose();
        _folder.Dispose();
        output.WriteLine(_table.ToString());
        if (Environment.GetEnvironmentVariable("BRIDGEGUARD_FAILURE_TABLE") is { } file)
        {
            File.AppendAllText(file, _table.ToString());
        }
    }

    [Theory]
    [InlineData("open")]
    [InlineData("closed")]
    public void EveryFailureDoesWhatItsPortsChose(string mode)
    {
        bool isOpen = mode == "open";
        _table.AppendLine(CultureInfo.InvariantCulture, $"{"event, fail-" + mode,-44} {"probes",7} {"lost",6} {"silence ms",11}  afterwards");
        string fail = string.Join(", ", new[] { "crash", "hang", "overload", "start", "stop" }.Select(reason => $"{reason}: {mode}"));
        string bridge = "{name: br0, mode: inline, fail: {" + fail + "}}";

        // An open port has to open soon; a closed one only has to be closed within the second of the hang, and a busy host must not look like one.
        using RunningDaemon daemon = new(_lab, Rule, processes: 2, more: "heartbeat-ms: " + (isOpen ? "100" : "500"), bridge: bridge);
        using Probes probes = new(_lab);
        Assert.True(BridgeLab.Until(probes.Arrive, 10_000), daemon.LogText);

        long closed = Closed(daemon);
        (int lost, _) = Row(probes, "SIGKILL daemon, started again", () =>
        {
            daemon.KillDaemon();
            probes.GoOn(60);
            daemon.StartAgain();
        }, passes: true, late: true);

        // A worker that a busy host keeps waiting for longer than the heartbeat hangs, and a closed port then does what it chose.
        Assert.True(lost <= (isOpen ? 0 : Closed(daemon) - closed), $"{lost} probes lost, and the ports have closed for {Closed(daemon) - closed} frames");

        Bounded(isOpen, () => Row(probes, "SIGKILL data plane, daemon starts the next", () =>
        {
            int before = daemon.LogCount("data plane in process");
            daemon.SignalPlane("KILL");
            Assert.True(daemon.WaitForLog("data plane in process", before + 1), daemon.LogText);
        }, passes: true));

        Bounded(isOpen, () => Row(probes, "SIGSTOP data plane for 1 s", () =>
        {
            daemon.SignalPlane("STOP");
            probes.GoOn(200);
            Assert.Equal(isOpen, probes.Arrive());
            daemon.SignalPlane("CONT");
        }, passes: true));

        string other = daemon.CopyProgram();
        for (int i = 0; i < 3; i++)
        {
            (lost, _) = Row(probes, "upgrade to another program", () =>
            {
                daemon.Signal("USR1");
                daemon.WaitForExit();
                daemon.StartAgain(i % 2 == 0 ? other : null);
            }, passes: true);
            if (lost == 0)
            {
                break;
            }
        }

        Assert.True(BridgeLab.Until(() => daemon.Planes.Count == 1, 20_000));

        // As above: what a hang of the new data plane, whose counters begin anew, made the ports choose is no loss of the upgrade.
        Assert.True(lost <= (isOpen ? 0 : Closed(daemon)), $"{lost} probes lost, and the ports have closed for {Closed(daemon)} frames");

        Row(probes, "SIGKILL both", () =>
        {
            daemon.KillDaemon();
            daemon.SignalPlane("KILL");
        }, passes: isOpen);

        (lost, _) = Row(probes, "start", () => daemon.StartAgain(), passes: true);
        Assert.True(isOpen || lost > 0, "a port that is closed until frames are inspected let some through");

        (lost, _) = Row(probes, "stop (SIGTERM)", () => Assert.Equal(0, daemon.Stop()), passes: isOpen);
        Assert.True(!isOpen || lost == 0, $"{lost} probes lost by a stop");

        (int code, string text) = daemon.RunVerb("stop");
        Assert.True(code == 0, text);
        Row(probes, "bridgeguard stop", () => { }, passes: true);
    }

    [Theory]
    [InlineData("open")]
    [InlineData("closed")]
    public void OverTheBacklogLimitPortsDoWhatTheyChose(string mode)
    {
        _table.AppendLine(CultureInfo.InvariantCulture, $"{"event, fail-" + mode,-44} {"probes",7} {"lost",6} {"silence ms",11}  afterwards");
        // Stopped for less than the heartbeat allows: nothing but the backlog can tell.
        using RunningDaemon daemon = new(
            _lab, Rule, processes: 2, more: "heartbeat-ms: 10000\nbacklog: 8", bridge: "{name: br0, mode: inline, fail: {overload: " + mode + "}}");
        using Probes probes = new(_lab);
        Assert.True(BridgeLab.Until(probes.Arrive, 10_000), daemon.LogText);
        (int lost, _) = Row(probes, "overload (8 frames wait, 1 s)", () =>
        {
            daemon.SignalPlane("STOP");
            probes.GoOn(200);
            daemon.SignalPlane("CONT");
        }, passes: true, late: mode == "open");
        Assert.True(mode == "open" ? lost == 0 : lost > 150, $"{lost} probes lost");
        Assert.Equal(0, daemon.Stop());
    }

    [Fact]
    public void NobodyWhoReadsEventsCanStopTraffic()
    {
        _table.AppendLine(CultureInfo.InvariantCulture, $"{"event, fail-closed",-44} {"probes",7} {"lost",6} {"silence ms",11}  afterwards");
        using SmallDisk disk = new(_folder.File("disk"), "64k");
        Assert.SkipUnless(disk.IsMounted, "cannot mount a tmpfs");
        File.WriteAllText(_folder.File("secret"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        // Every probe is an alert; the webhook's receiver accepts connections and never answers.
        using Socket receiver = BridgeLab.Listen(_lab.Host, 9977);
        using RunningDaemon daemon = new(
            _lab, "alert udp any any -> any 9100 (msg:\"each\"; dsize:>0; sid:1;)\n", disk.Path, processes: 2, bridge: "{name: br0, mode: inline, fail: closed}",
            more: $$"""
                webhooks: [{name: dead, url: "http://127.0.0.1:9977/", secret-files: [{{_folder.File("secret")}}]}]
                events: {ring: 65536}
                """);
        using Probes probes = new(_lab);
        Assert.True(BridgeLab.Until(probes.Arrive, 10_000), daemon.LogText);
        (int lost, _) = Row(probes, "disk of eve.json full", () =>
        {
            Assert.True(BridgeLab.Until(
                () =>
                {
                    probes.GoOn(20);
                    return daemon.LogCount("cannot write to") > 0;
                },
                30_000), daemon.LogText);
            probes.GoOn(200);
        }, passes: true);
        Assert.Equal(0, lost);
        disk.Resize("64m");
        (lost, _) = Row(probes, "disk of eve.json has room again", () => Assert.True(daemon.WaitForLog("works again"), daemon.LogText), passes: true);
        Assert.Equal(0, lost);
        (lost, _) = Row(probes, "receiver of webhooks does not answer (2 s)", () => probes.GoOn(400), passes: true);
        Assert.Equal(0, lost);
        (lost, _) = Row(probes, "daemon stopped (SIGSTOP) until rings are full", () =>
        {
            daemon.SignalDaemon("STOP");
            probes.GoOn(400);
            daemon.SignalDaemon("CONT");
        }, passes: true);
        Assert.Equal(0, lost);
    }

    private static long Closed(RunningDaemon daemon) => daemon.Status().Ports.Sum(port => port.Counters.Closed.Frames);

    /// <param name="probes">The traffic.</param>
    /// <param name="name">For the table.</param>
    /// <param name="happens">The failure.</param>
    /// <param name="passes">Whether traffic passes afterwards.</param>
    /// <param name="late">Nothing should be lost: what a busy machine delivers late is waited for. It counts as silence all the same.</param>
    private (int Lost, double SilenceMs) Row(Probes probes, string name, Action happens, bool passes, bool late = false)
    {
        probes.GoOn(20);
        int from = probes.Sent;
        happens();
        bool isAsExpected = BridgeLab.Until(() => probes.Arrive() == passes, 10_000);
        int until = probes.Sent;
        probes.GoOn(40); // What is on its way arrives.
        if (late)
        {
            BridgeLab.Until(() => probes.Get(from, until).Lost == 0, 3000);
        }

        (int lost, double silence) = probes.Get(from, until);
        _table.AppendLine(CultureInfo.InvariantCulture, $"{name,-44} {until - from,7} {lost,6} {silence,11:0}  {(passes == isAsExpected ? "traffic passes" : "traffic is off")}");
        Assert.True(isAsExpected, $"{name}: traffic {(passes ? "is off" : "passes")}\n{_table}");
        return (lost, silence);
    }

    /// <summary>A machine that is busy with other tests delays the prober itself; a limit on time is kept when it is kept once in three times.</summary>
    private static void Bounded(bool isOpen, Func<(int Lost, double SilenceMs)> row)
    {
        double shortest = double.MaxValue;
        for (int i = 0; i < (isOpen ? 3 : 1) && shortest > MaxSilenceMs; i++)
        {
            (int lost, double silence) = row();
            Assert.True(isOpen || lost > 0, "a closed port let frames through that nobody inspects");
            shortest = Math.Min(shortest, silence);
        }

        Assert.True(!isOpen || shortest <= MaxSilenceMs, $"silent for {shortest} ms");
    }
}
