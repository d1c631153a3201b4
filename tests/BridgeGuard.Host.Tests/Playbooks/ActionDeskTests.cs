using System.Text.Json;
using BridgeGuard.Daemon.Guests;
using BridgeGuard.Daemon.Playbooks;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Policy.Roles;
using BridgeGuard.Engine.Policy.Standing;
using BridgeGuard.Host.Tests.Scanning;
using BridgeGuard.Outputs;
using BridgeGuard.Scanning.Pipeline;
using BridgeGuard.Scanning.VerdictCache;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace BridgeGuard.Host.Tests.Playbooks;

/// <summary>From an alert to an action and back: cap, never-touch, trial, expiry, undo, restart, audit.</summary>
public sealed class ActionDeskTests : IDisposable
{
    private static readonly PolicyModel Policy = new([new RoleModel { Name = "default" }, new RoleModel { Name = "quarantine" }], []);

    private readonly TemporaryFolder _folder = new();
    private readonly FakeEffects _effects = new();
    private readonly ManualTime _time = new();
    private readonly GuestRegistry _registry;
    private ActionDesk? _desk;

    public ActionDeskTests()
    {
        Directory.CreateDirectory(_folder.File("vms"));
        for (int i = 1; i <= 6; i++)
        {
            File.WriteAllText(Path.Combine(_folder.File("vms"), $"g{i}.yaml"), $"name: g{i}\nports: [p{i}]\naddresses: [10.0.0.{i}]\ntags: [{(i == 5 ? "dc" : "plain")}]\n");
        }

        _registry = new GuestRegistry(new GuestsModel { VmFiles = _folder.File("vms") }, Policy);
    }

    public void Dispose()
    {
        _desk?.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void AnAlertQuarantinesItsGuestAndTheTimeLetsItOut()
    {
        Book(new PlaybookAction(ActionKind.Quarantine, ActionTarget.Vm, TimeSpan.FromMinutes(1)));

        Handle(Alert("g1"));
        Assert.True(IsQuarantined("g1"));
        _time.Advance(TimeSpan.FromSeconds(59));
        _desk!.Expire();
        Assert.True(IsQuarantined("g1"));
        _time.Advance(TimeSpan.FromSeconds(2));
        _desk.Expire();

        Assert.False(IsQuarantined("g1"));
        Assert.Equal(ActionState.Expired, Assert.Single(_desk.All).State);
    }

    [Fact]
    public void APeerIsBlockedUntilItIsUndone()
    {
        Book(new PlaybookAction(ActionKind.Block, ActionTarget.Peer, null));

        Handle(Alert("g1", peer: "203.0.113.9"));

        StandingAction action = Assert.Single(_effects.InForce);
        Assert.Equal("203.0.113.9", action.Peer.ToString());
        Assert.Equal(RoleAction.Drop, action.Action);
        Assert.Null(_desk!.Undo(action.Id, "operator"));
        Assert.Empty(_effects.InForce);
        Assert.Contains("is not in force", _desk.Undo(action.Id, "operator"));
        Assert.Contains("no action 99", _desk.Undo(99, "operator"));
    }

    [Fact]
    public void TheCapStopsTheFourthGuestAndOnlyTells()
    {
        Book(new PlaybookAction(ActionKind.Quarantine, ActionTarget.Vm, null), cap: 3);

        foreach (int i in (int[])[1, 2, 3, 4, 1])
        {
            Handle(Alert($"g{i}"));
        }

        Assert.Equal([true, true, true, false], new[] { "g1", "g2", "g3", "g4" }.Select(IsQuarantined));
        LedgerEntry capped = Assert.Single(_desk!.All, e => e.State == ActionState.Capped);
        Assert.Equal("g4", capped.Guest);
        Assert.Contains(_effects.Told, t => t.Entry.State == ActionState.Capped && t.Detail.Contains("somebody must decide", StringComparison.Ordinal));

        _time.Advance(TimeSpan.FromMinutes(11));
        Handle(Alert("g4"));
        Assert.True(IsQuarantined("g4"));
    }

    [Fact]
    public void TheCapHoldsOverARestart()
    {
        Book(new PlaybookAction(ActionKind.Quarantine, ActionTarget.Vm, null), cap: 2);
        Handle(Alert("g1"));
        Handle(Alert("g2"));

        Restart(cap: 2);
        Handle(Alert("g3"));

        Assert.False(IsQuarantined("g3"));
    }

    [Theory]
    [InlineData("g2")]
    [InlineData("g5")]
    [InlineData("g6")]
    public void WhoIsNeverTouchedIsNotTouched(string guest)
    {
        Book(new PlaybookAction(ActionKind.Quarantine, ActionTarget.Vm, null));

        Handle(Alert(guest));

        Assert.False(IsQuarantined(guest));
        Assert.Equal(ActionState.Refused, Assert.Single(_desk!.All).State);
    }

    [Fact]
    public void ATrialDoesNothingAndSaysSo()
    {
        Book(new PlaybookAction(ActionKind.Block, ActionTarget.Peer, null), dryRun: true);

        Handle(Alert("g1", peer: "203.0.113.9"));

        Assert.Empty(_effects.InForce);
        Assert.Equal(ActionState.DryRun, Assert.Single(_desk!.All).State);
    }

    [Fact]
    public void TheSameActionIsDoneOnce()
    {
        Book(new PlaybookAction(ActionKind.Block, ActionTarget.Peer, null));

        Handle(Alert("g1", peer: "203.0.113.9"));
        Handle(Alert("g1", peer: "203.0.113.9"));

        Assert.Single(_effects.InForce);
        Assert.Single(_desk!.All);
    }

    [Fact]
    public void ActionsInForceAreInForceAfterARestartAndTheirTimeGoesOn()
    {
        Book(new PlaybookAction(ActionKind.Block, ActionTarget.Peer, TimeSpan.FromMinutes(5)), more: new PlaybookAction(ActionKind.Quarantine, ActionTarget.Vm, TimeSpan.FromMinutes(1)));
        Handle(Alert("g1", peer: "203.0.113.9"));
        _registry.SetQuarantine("g1", false); // As if the registry's own file were lost.
        _effects.InForce = [];

        Restart();

        Assert.Single(_effects.InForce);
        Assert.True(IsQuarantined("g1"));
        _time.Advance(TimeSpan.FromMinutes(2));
        Restart();
        Assert.False(IsQuarantined("g1"));
        Assert.Single(_effects.InForce);
    }

    [Fact]
    public void ALineCutByACrashIsPassedOver()
    {
        Book(new PlaybookAction(ActionKind.Block, ActionTarget.Peer, null));
        Handle(Alert("g1", peer: "203.0.113.9"));
        _desk!.Dispose();
        File.AppendAllText(_folder.File(ActionLedger.FileName), "{\"id\":2,\"kind\":\"blo");

        Restart();

        Assert.Single(_effects.InForce);
        Handle(Alert("g1", peer: "203.0.113.10"));
        Assert.Equal(2, _effects.InForce.Length);
    }

    [Fact]
    public void ACountWithinAWindowIsNeeded()
    {
        Book(new PlaybookAction(ActionKind.Quarantine, ActionTarget.Vm, null), when: new PlaybookTrigger { Rules = [(1, 7)], Count = 3, Seconds = 10 });

        Handle(Alert("g1"));
        _time.Advance(TimeSpan.FromSeconds(11));
        Handle(Alert("g1"));
        Handle(Alert("g3"));
        Handle(Alert("g1"));
        Assert.False(IsQuarantined("g1"));
        Handle(Alert("g1"));

        Assert.True(IsQuarantined("g1"));
        Assert.False(IsQuarantined("g3"));
    }

    [Fact]
    public void SeveralGuestsCanBeNeeded()
    {
        Book(new PlaybookAction(ActionKind.Block, ActionTarget.Peer, null), when: new PlaybookTrigger { Rules = [(1, 7)], Count = 2, Guests = 2, By = TriggerScope.Peer });

        Handle(Alert("g1", peer: "203.0.113.9"));
        Handle(Alert("g1", peer: "203.0.113.9"));
        Assert.Empty(_effects.InForce);
        Handle(Alert("g3", peer: "203.0.113.9"));

        Assert.Single(_effects.InForce);
    }

    [Fact]
    public void OtherRulesSeveritiesAndRolesAreNoOccasion()
    {
        Book(new PlaybookAction(ActionKind.Quarantine, ActionTarget.Vm, null), when: new PlaybookTrigger { Categories = ["*trojan*"], MaxSeverity = 1, Roles = ["desktop"] });

        Handle(Alert("g1") with { Category = "A Network Trojan was detected", Severity = 2, Role = "desktop" });
        Handle(Alert("g1") with { Category = "A Network Trojan was detected", Severity = 1, Role = "iot" });
        Handle(Alert("g1") with { Category = "Misc activity", Severity = 1, Role = "desktop" });
        Assert.False(IsQuarantined("g1"));
        Handle(Alert("g1") with { Category = "A Network Trojan was detected", Severity = 1, Role = "desktop" });

        Assert.True(IsQuarantined("g1"));
    }

    [Fact]
    public void TheAuditLogShowsEveryChangeOfItself()
    {
        Book(new PlaybookAction(ActionKind.Quarantine, ActionTarget.Vm, null));
        foreach (string guest in (string[])["g1", "g3", "g4"])
        {
            Handle(Alert(guest));
        }

        _desk!.Dispose();
        _desk = null;
        string file = _folder.File(AuditLog.FileName);
        Assert.Equal(0, AuditLog.FindBreak(file));
        string[] lines = File.ReadAllLines(file);
        File.WriteAllLines(file, [lines[0], lines[1].Replace("g3", "g4", StringComparison.Ordinal), .. lines[2..]]);
        Assert.Equal(3, AuditLog.FindBreak(file));
        File.WriteAllLines(file, [lines[0], .. lines[2..]]);
        Assert.Equal(2, AuditLog.FindBreak(file));
    }

    /// <summary>New signatures find a file that three guests have had as clean: one record, and the playbook acts on each of the three and on nobody else.</summary>
    [Fact]
    public async Task AVerdictThatTurnsIsActedOnForEveryGuestThatHasTheContent()
    {
        Book(new PlaybookAction(ActionKind.Quarantine, ActionTarget.Vm, null), when: new PlaybookTrigger { Event = PlaybookOccasion.VerdictChanged, Roles = ["default"] });
        var scanner = new StubScanner { IgnoresMarker = true };
        await using var cache = new FileVerdictCache(new CacheOptions { Path = _folder.File("verdicts.db") });
        await using var scans = new ScanService(cache, [scanner]);
        var sink = new SharedEventSink();
        using var reporter = new VerdictChangeReporter(scans, sink);
        await scans.StartAsync(TestContext.Current.CancellationToken);
        foreach (string guest in (string[])["g1", "g3", "g2", "g4"])
        {
            if (guest == "g4")
            {
                scanner.IgnoresMarker = false;
                scanner.Generation = "2";
                await scans.RefreshGenerationAsync(TestContext.Current.CancellationToken);
            }

            await scans.SubmitAsync(
                System.IO.Pipelines.PipeReader.Create(new MemoryStream("xx STUB-MARKER"u8.ToArray())), new FileProvenance { TimeUs = 1, Guest = guest, Protocol = "http" }, null,
                TestContext.Current.CancellationToken);
        }

        await _engine!.StartAsync(TestContext.Current.CancellationToken);
        int records = 0;
        for (; sink.Ring.TryPeek(out Engine.Events.EventHeader header, out ReadOnlySpan<byte> json); sink.Ring.Advance(), records++)
        {
            _engine.Write(in header, json);
        }

        Assert.Equal(1, records);
        for (int i = 0; i < 400 && !IsQuarantined("g4"); i++)
        {
            await Task.Delay(25, TestContext.Current.CancellationToken);
        }

        await _engine.StopAsync(TestContext.Current.CancellationToken);
        Assert.Equal(["g1", "g3", "g4"], new[] { "g1", "g2", "g3", "g4", "g5", "g6" }.Where(IsQuarantined)); // g2 is never touched.
    }

    [Fact]
    public void AHitInAGuestIsAnOccasionOfItsOwnKindOnly()
    {
        using JsonDocument record = JsonDocument.Parse("""{"event_type":"guest_file","vm":{"name":"g3"},"fileinfo":{"filename":"/x"},"bridgeguard":{"verdict":"malicious","signature":"Evil"}}""");
        PlaybookEvent occasion = Assert.Single(PlaybookEvent.OfFile(record.RootElement));
        Assert.Equal(("g3", "Evil", PlaybookOccasion.GuestFile), (occasion.Vm, occasion.Signature, occasion.Event));
        Book(new PlaybookAction(ActionKind.Quarantine, ActionTarget.Vm, null), when: new PlaybookTrigger { Event = PlaybookOccasion.VerdictChanged });
        Handle(occasion);
        Assert.False(IsQuarantined("g3"));
        Book(new PlaybookAction(ActionKind.Quarantine, ActionTarget.Vm, null), when: new PlaybookTrigger { Event = PlaybookOccasion.GuestFile });
        Handle(occasion);
        Assert.True(IsQuarantined("g3"));
        using JsonDocument clean = JsonDocument.Parse("""{"event_type":"verdict_changed","bridgeguard":{"after":{"verdict":"clean"},"guests":["g1"]}}""");
        Assert.Empty(PlaybookEvent.OfFile(clean.RootElement)); // It turned out to be harmless.
    }

    [Fact]
    public void AnEventIsReadFromItsRecord()
    {
        using JsonDocument record = JsonDocument.Parse("""
            {"event_type":"alert","event_id":"1-0-1","src_ip":"10.0.0.2","dest_ip":"10.0.0.1","direction":"to_client",
             "alert":{"action":"blocked","gid":1,"signature_id":7,"rev":1,"signature":"x","category":"c","severity":2},
             "peer_vm":{"name":"g2","role":"web-server","tags":["a"]}}
            """);

        PlaybookEvent occasion = PlaybookEvent.From(record.RootElement)!;

        Assert.Equal("g2", occasion.Vm);
        Assert.Equal("web-server", occasion.Role);
        Assert.Equal("", occasion.SourceVm);
        Assert.Equal("g2", occasion.DestinationVm);
        Assert.Equal("10.0.0.1", occasion.Source.ToString());
        Assert.Equal("10.0.0.1", occasion.Peer.ToString());
        Assert.True(occasion.IsBlocked);
    }

    [Fact]
    [System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
    public async Task AHookRunsWithoutAShellAndIsLimitedInTime()
    {
        using HookRunner hooks = new();
        LedgerEntry entry = new() { Guest = "g1; touch /tmp/x", Id = 7 };
        string script = _folder.File("hook");
        File.WriteAllText(script, "#!/bin/sh\nprintf '%s|%s' \"$1\" \"$PATH$HOME\" > \"$2\"\n");
        File.SetUnixFileMode(script, UnixFileMode.UserRead | UnixFileMode.UserExecute);

        Assert.Null(await hooks.RunAsync([script, "{guest}-{id}", _folder.File("out")], entry, TimeSpan.FromSeconds(10)));
        Assert.Equal("g1; touch /tmp/x-7|/usr/sbin:/usr/bin:/sbin:/bin", File.ReadAllText(_folder.File("out")));
        Assert.Contains("killed", await hooks.RunAsync(["/bin/sleep", "30"], entry, TimeSpan.FromMilliseconds(200)));
        Assert.Contains("cannot be started", await hooks.RunAsync([_folder.File("none")], entry, TimeSpan.FromSeconds(1)));
        Assert.Contains("ended with 1", await hooks.RunAsync(["/bin/false"], entry, TimeSpan.FromSeconds(5)));
    }

    private static PlaybookEvent Alert(string guest, string peer = "203.0.113.1") => new()
    {
        Gid = 1,
        Sid = 7,
        Signature = "x",
        Category = "c",
        Severity = 2,
        Vm = guest,
        SourceVm = guest,
        Source = IpAddress.TryParse("10.0.0.1", out IpAddress source) ? source : default,
        Destination = IpAddress.TryParse(peer, out IpAddress address) ? address : default,
    };

    private bool IsQuarantined(string guest) => Array.Find(_registry.Current.All, g => g?.Name == guest)!.IsQuarantined;

    private PlaybooksModel _model = new();
    private PlaybookEngine? _engine;

    private void Book(PlaybookAction action, int cap = 10, bool dryRun = false, PlaybookTrigger? when = null, PlaybookAction? more = null)
    {
        _model = new PlaybooksModel
        {
            Playbooks = [new Playbook("book", "p:1:1") { When = when ?? new PlaybookTrigger { Rules = [(1, 7)] }, Then = more is null ? [action] : [action, more], CapTargets = cap, IsDryRun = dryRun }],
            NeverGuests = ["g2*", "tag:dc"],
            NeverNetworks = [(IpAddress.TryParse("10.0.0.6", out IpAddress six) ? six : default, 128)],
        };
        if (cap == 3 || cap == 2)
        {
            _model = _model with { NeverGuests = [], NeverNetworks = [] };
        }

        Open();
    }

    private void Restart(int cap = 10)
    {
        _model = _model with { Playbooks = [_model.Playbooks[0] with { CapTargets = cap }] };
        _desk!.Dispose();
        Open();
        _desk!.Resume();
    }

    private void Open()
    {
        _desk = new ActionDesk(new ActionLedger(_folder.File(ActionLedger.FileName)), new AuditLog(_folder.File(AuditLog.FileName)), _registry, _model, _effects, _time);
        _engine = new PlaybookEngine(_model, _desk, NullLogger<PlaybookEngine>.Instance, _time);
    }

    private void Handle(PlaybookEvent occasion) => _engine!.Handle(occasion);

    private sealed class FakeEffects : IActionEffects
    {
        public StandingAction[] InForce { get; set; } = [];

        public List<(LedgerEntry Entry, string Detail)> Told { get; } = [];

        public void Enforce(StandingAction[] actions) => InForce = actions;

        public string? Capture(LedgerEntry entry, bool begin) => null;

        public Task<string?> MarkAsync(LedgerEntry entry, bool begin) => Task.FromResult<string?>(null);

        public Task<string?> RunAsync(IReadOnlyList<string> arguments, LedgerEntry entry, TimeSpan timeout) => Task.FromResult<string?>(null);

        public void Tell(LedgerEntry entry, string detail) => Told.Add((entry, detail));
    }

    private sealed class ManualTime : TimeProvider
    {
        private DateTimeOffset _now = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

        public void Advance(TimeSpan span) => _now += span;

        public override DateTimeOffset GetUtcNow() => _now;
    }
}
