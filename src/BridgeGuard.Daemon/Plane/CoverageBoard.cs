using System.Text.Json;
using BridgeGuard.Attachments;
using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Services;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Policy.Guests;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Daemon.Plane;

/// <summary>What was inspected of each guest's traffic and what was not: for stats records, and as a file for <c>bridgeguard coverage</c>.</summary>
/// <remarks>Thread: a timer reads the kernel's counters and writes the file; the first worker asks <see cref="SnapshotIfDue"/> and is given what the timer read last: it allocates nothing.</remarks>
public sealed class CoverageBoard : IDisposable
{
    private const int WriteEveryMs = 1000;

    private readonly DaemonModel _model;
    private readonly IWireAttachment _attachment;
    private readonly GuestTable _guests;
    private readonly Func<RuleSetStats> _rules;
    private readonly long _startedUs = NowUs();
    private readonly Timer _timer;
    private WorkerCounters[] _counters = [];
    private IReadOnlyList<PortCoverage> _latest = [];
    private long _latestUs;
    private long _nextUs;

    public CoverageBoard(DaemonModel model, IWireAttachment attachment, GuestTable guests, Func<RuleSetStats> rules)
    {
        (_model, _attachment, _guests, _rules) = (model, attachment, guests, rules);
        _nextUs = _startedUs + (model.Engine.Stats.IntervalSeconds * 1_000_000L);
        _timer = new Timer(_ => Write());
    }

    /// <summary>The file in a run directory.</summary>
    public static string FileIn(string runDirectory) => Path.Combine(runDirectory, "coverage.json");

    public void Start(WorkerCounters[] counters)
    {
        Volatile.Write(ref _counters, counters);
        _timer.Change(0, WriteEveryMs);
    }

    /// <summary>All ports, by name of their bridge and their own.</summary>
    public IReadOnlyList<PortCoverage> Read() => [.. _attachment.Ports.All
        .Select(port => Describe(port, _attachment.ReadCounters(port.PortId)))
        .OrderBy(port => port.Bridge, StringComparer.Ordinal).ThenBy(port => port.Port, StringComparer.Ordinal)];

    /// <summary>What a stats record is made of, when it is time for one and the kernel's counters have been read since.</summary>
    public StatsSnapshot? SnapshotIfDue(long nowUs)
    {
        if (nowUs < _nextUs || !_model.Engine.Stats.Enabled || Volatile.Read(ref _latestUs) < _nextUs)
        {
            return null;
        }

        _nextUs = Math.Max(nowUs, _nextUs + (_model.Engine.Stats.IntervalSeconds * 1_000_000L));
        return new StatsSnapshot
        {
            TimeUs = nowUs,
            UptimeSeconds = (nowUs - _startedUs) / 1_000_000,
            Workers = Volatile.Read(ref _counters),
            Rules = _rules(),
            Coverage = Volatile.Read(ref _latest),
        };
    }

    public void Dispose() => _timer.Dispose();

    private PortCoverage Describe(PortInfo port, PortCounters counters)
    {
        GuestModel? guest = _guests.Guests.Get(_guests.Ports.Find(port.PortId));
        TrafficCount bypassed = counters.Passed + counters.Moved;
        TrafficCount stopped = counters.Dropped + counters.Blocked + counters.Closed + counters.Limited;
        long unseen = counters.Opened.Bytes;
        if (port.Mode == Attachments.Bridge.PortMode.Off)
        {
            unseen = counters.Seen.Bytes - stopped.Bytes - counters.Control.Bytes;
        }

        return new PortCoverage(
            port.Name, port.Bridge, guest?.Name ?? "", counters.Seen.Bytes, counters.Punted.Bytes, bypassed.Frames, bypassed.Bytes,
            stopped.Bytes, unseen, port.Uncovered);
    }

    private void Write()
    {
        try
        {
            long nowUs = NowUs();
            IReadOnlyList<PortCoverage> latest = Read();
            Volatile.Write(ref _latest, latest);
            Volatile.Write(ref _latestUs, nowUs);
            string file = FileIn(_model.RunDirectory);
            Directory.CreateDirectory(_model.RunDirectory);
            File.WriteAllText(file + ".new", JsonSerializer.Serialize(latest, PlaneStatus.Json));
            File.Move(file + ".new", file, overwrite: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
            // The next second has another try; the command says how old its figures are.
        }
    }

    private static long NowUs() => (DateTime.UtcNow.Ticks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;
}
