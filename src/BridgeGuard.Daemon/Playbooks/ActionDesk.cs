using System.Globalization;
using BridgeGuard.Daemon.Guests;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy.Guests;
using BridgeGuard.Engine.Policy.Roles;
using BridgeGuard.Engine.Policy.Standing;

namespace BridgeGuard.Daemon.Playbooks;

/// <summary>What the desk needs others to do. The daemon's side of each effect; tests have their own.</summary>
public interface IActionEffects
{
    /// <summary>These are in force on the data plane, and no others.</summary>
    void Enforce(StandingAction[] actions);

    /// <summary>A guest's frames are kept, or no longer; null when done, else what went wrong.</summary>
    string? Capture(LedgerEntry entry, bool begin);

    /// <summary>An address is in a set, or no longer.</summary>
    Task<string?> MarkAsync(LedgerEntry entry, bool begin);

    Task<string?> RunAsync(IReadOnlyList<string> arguments, LedgerEntry entry, TimeSpan timeout);

    /// <summary>Tells outputs and webhooks.</summary>
    void Tell(LedgerEntry entry, string detail);
}

/// <summary>Carries actions out, writes them down, ends them at their time, takes them back: the one place where something is done to a guest.</summary>
/// <remarks>Order: ledger (on the disk), then the effect, then ledger again and audit. Thread: any; one action at a time.</remarks>
public sealed class ActionDesk : IDisposable
{
    private readonly Lock _gate = new();
    private readonly ActionLedger _ledger;
    private readonly AuditLog _audit;
    private readonly GuestRegistry _registry;
    private PlaybooksModel _model;
    private readonly IActionEffects _effects;
    private readonly TimeProvider _time;
    private readonly Dictionary<string, List<(long AtUs, string Target)>> _touched = [];

    public ActionDesk(ActionLedger ledger, AuditLog audit, GuestRegistry registry, PlaybooksModel model, IActionEffects effects, TimeProvider? time = null)
    {
        _ledger = ledger;
        _audit = audit;
        _registry = registry;
        _model = model;
        _effects = effects;
        _time = time ?? TimeProvider.System;
    }

    public IReadOnlyList<LedgerEntry> All => _ledger.All;

    private long NowUs => (_time.GetUtcNow().UtcTicks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;

    /// <summary>After a start: what was in force is in force again, what ran out meanwhile is ended.</summary>
    public void Resume()
    {
        lock (_gate)
        {
            foreach (LedgerEntry entry in _ledger.All.Where(e => e.IsInForce))
            {
                if (entry.ExpiresUs != 0 && entry.ExpiresUs <= NowUs)
                {
                    End(entry, ActionState.Expired, "its time ran out while nobody was there");
                }
                else if (entry.State == ActionState.Begun || entry.Kind is ActionKind.Quarantine or ActionKind.Capture or ActionKind.Mark)
                {
                    Carry(entry, "after a restart");
                }
            }

            Enforce();
        }
    }

    /// <summary>The event with its guest's role and tags, which records about files do not have.</summary>
    public PlaybookEvent Described(PlaybookEvent occasion) => Array.Find(_registry.Current.All, g => g?.Name == occasion.Vm) is { } guest
        ? occasion with { Role = _registry.Policy.Roles[guest.Role].Name, Tags = guest.Tags }
        : occasion;

    /// <summary>Does what a playbook wants, unless its target must not be touched, its cap is reached, or it is a trial.</summary>
    /// <returns>What became of it; null when the same action is in force on the target already.</returns>
    public LedgerEntry? Do(Playbook book, PlaybookAction action, PlaybookEvent occasion)
    {
        (string guest, IpAddress address) = TargetOf(action.Target, occasion);
        var entry = new LedgerEntry
        {
            Kind = action.Kind,
            Guest = guest,
            Address = guest.Length > 0 || address == default ? "" : address.ToString(),
            By = book.Name,
            EventId = occasion.Id,
            Why = string.Create(CultureInfo.InvariantCulture, $"{occasion.Gid}:{occasion.Sid} {occasion.Signature}"),
            Rate = action.Rate,
            Mark = action.Mark,
            RedirectTarget = action.RedirectTarget + 1,
            Name = action.Name,
            Arguments = action.Arguments,
            UndoArguments = action.UndoArguments,
            TimeoutSeconds = (int)action.Timeout.TotalSeconds,
        };
        return Do(entry, action.For, book);
    }

    /// <summary>The same for an operator: no cap holds, but who is never touched is not touched.</summary>
    public LedgerEntry? Do(LedgerEntry wanted, TimeSpan? time, Playbook? book = null)
    {
        lock (_gate)
        {
            long now = NowUs;
            LedgerEntry entry = wanted with { CreatedUs = now, AtUs = now, ExpiresUs = time is { } span ? now + (long)span.TotalMicroseconds : 0 };
            bool touches = entry.Kind is not (ActionKind.Webhook or ActionKind.Hook);
            if (touches && entry.Target.Length == 0)
            {
                return Note(entry, ActionState.Refused, "the event names nobody to act on");
            }

            if (touches && _ledger.All.Any(e => e.IsInForce && e.Kind == entry.Kind && e.Guest == entry.Guest && e.Address == entry.Address))
            {
                return null;
            }

            if (touches && IsNeverTouched(entry, out string why))
            {
                return Note(entry, ActionState.Refused, why);
            }

            if (book is { IsDryRun: true })
            {
                return Note(entry, ActionState.DryRun, "a trial: nothing was done");
            }

            if (book is not null && touches && IsCapped(book, entry.Target, now))
            {
                return Note(entry, ActionState.Capped, $"{book.CapTargets} targets within {book.CapWindow.TotalMinutes:0} minutes are the most for this playbook; somebody must decide");
            }

            LedgerEntry begun = _ledger.Write(entry with { State = ActionState.Begun });
            LedgerEntry done = Carry(begun, "");
            Enforce();
            return done;
        }
    }

    /// <summary>Takes an action back; null when it is done, else why not.</summary>
    public string? Undo(ulong id, string by)
    {
        lock (_gate)
        {
            LedgerEntry? entry = _ledger.Find(id);
            if (entry is null)
            {
                return $"there is no action {id}";
            }

            if (!entry.IsInForce)
            {
                return $"action {id} is not in force, it is {RoleWord(entry.State)}";
            }

            End(entry, ActionState.Undone, $"undone by {by}");
            Enforce();
            return null;
        }
    }

    /// <summary>Ends what has run out. To be called about twice a second.</summary>
    public void Expire()
    {
        lock (_gate)
        {
            long now = NowUs;
            LedgerEntry[] over = [.. _ledger.All.Where(e => e.IsInForce && e.ExpiresUs != 0 && e.ExpiresUs <= now)];
            foreach (LedgerEntry entry in over)
            {
                End(entry, ActionState.Expired, "its time is over");
            }

            if (over.Length > 0)
            {
                Enforce();
            }
        }
    }

    /// <summary>A reload has brought another never-touch list; what is in force stays.</summary>
    public void Apply(PlaybooksModel model)
    {
        lock (_gate)
        {
            _model = model;
            Enforce();
        }
    }

    /// <summary>Guests have changed: actions on guests follow them.</summary>
    public void Refresh()
    {
        lock (_gate)
        {
            Enforce();
        }
    }

    public void Dispose()
    {
        _ledger.Dispose();
        _audit.Dispose();
    }

    private static (string Guest, IpAddress Address) TargetOf(ActionTarget target, PlaybookEvent occasion) => target switch
    {
        ActionTarget.Vm => (occasion.Vm, default),
        ActionTarget.Peer => (occasion.PeerVm, occasion.Peer),
        ActionTarget.Source => (occasion.SourceVm, occasion.Source),
        _ => (occasion.DestinationVm, occasion.Destination),
    };

    private static string RoleWord(ActionState state) => Configuration.YamlSection.Hyphenated(state.ToString());

    private LedgerEntry Carry(LedgerEntry entry, string detail)
    {
        string? problem = entry.Kind switch
        {
            ActionKind.Quarantine => _registry.SetQuarantine(entry.Guest, true) ? null : $"there is no guest '{entry.Guest}'",
            ActionKind.Capture => _effects.Capture(entry, begin: true),
            ActionKind.Mark when entry.Name.Length > 0 => Later(_effects.MarkAsync(entry, begin: true), entry),
            ActionKind.Hook => Later(_effects.RunAsync(entry.Arguments, entry, TimeSpan.FromSeconds(Math.Max(entry.TimeoutSeconds, 1))), entry),
            _ => null,
        };
        bool isLasting = entry.Kind is not (ActionKind.Webhook or ActionKind.Hook) || entry.UndoArguments.Count > 0;
        ActionState state = problem is not null ? ActionState.Failed : isLasting ? ActionState.Active : ActionState.Done;
        return Note(entry, state, problem ?? detail);
    }

    /// <summary>Programs are not waited for; what they say comes into the audit log when they end.</summary>
    private string? Later(Task<string?> work, LedgerEntry entry)
    {
        work.ContinueWith(
            done =>
            {
                string? problem = done.IsFaulted ? done.Exception!.GetBaseException().Message : done.Result;
                if (problem is not null)
                {
                    lock (_gate)
                    {
                        Note(_ledger.Find(entry.Id) ?? entry, ActionState.Failed, problem);
                    }
                }
            },
            TaskScheduler.Default);
        return null;
    }

    private void End(LedgerEntry entry, ActionState state, string detail)
    {
        string? problem = null;
        switch (entry.Kind)
        {
            case ActionKind.Quarantine:
                _registry.SetQuarantine(entry.Guest, false);
                break;
            case ActionKind.Capture:
                problem = _effects.Capture(entry, begin: false);
                break;
            case ActionKind.Mark when entry.Name.Length > 0:
                Later(_effects.MarkAsync(entry, begin: false), entry);
                break;
            case ActionKind.Hook when entry.UndoArguments.Count > 0:
                Later(_effects.RunAsync(entry.UndoArguments, entry, TimeSpan.FromSeconds(Math.Max(entry.TimeoutSeconds, 1))), entry);
                break;
        }

        Note(entry, state, problem ?? detail);
    }

    private LedgerEntry Note(LedgerEntry entry, ActionState state, string detail)
    {
        LedgerEntry noted = _ledger.Write(entry with { State = state, AtUs = NowUs });
        _audit.Write(noted, detail);
        _effects.Tell(noted, detail);
        return noted;
    }

    private bool IsNeverTouched(LedgerEntry entry, out string why)
    {
        why = "";
        if (entry.Guest.Length > 0)
        {
            GuestModel? guest = Array.Find(_registry.Current.All, g => g?.Name == entry.Guest);
            foreach (string never in _model.NeverGuests)
            {
                bool fits = never.StartsWith("tag:", StringComparison.Ordinal)
                    ? guest is not null && guest.Tags.Contains(never[4..], StringComparer.OrdinalIgnoreCase)
                    : System.IO.Enumeration.FileSystemName.MatchesSimpleExpression(never, entry.Guest);
                if (fits)
                {
                    why = $"'{entry.Guest}' is never touched ({never})";
                    return true;
                }
            }

            // A guest is not safe from what its addresses are safe from.
            foreach (IpAddress address in guest?.Addresses ?? [])
            {
                if (IsNeverNetwork(address))
                {
                    why = $"'{entry.Guest}' has the address {address}, which is never touched";
                    return true;
                }
            }

            return false;
        }

        if (IpAddress.TryParse(entry.Address, out IpAddress own) && IsNeverNetwork(own))
        {
            why = $"{entry.Address} is never touched";
            return true;
        }

        return false;
    }

    private bool IsNeverNetwork(IpAddress address) =>
        new Engine.Policy.Contracts.ServiceRule { Peers = [.. _model.NeverNetworks] } is { Peers.Length: > 0 } networks && networks.Covers(0, 0, 0, address);

    /// <summary>Different targets count, not actions: the second action on a guest does not widen the damage.</summary>
    private bool IsCapped(Playbook book, string target, long now)
    {
        if (!_touched.TryGetValue(book.Name, out List<(long AtUs, string Target)>? touched))
        {
            // After a restart the ledger remembers.
            _touched[book.Name] = touched = [.. _ledger.All.Where(e => e.By == book.Name && e.State is ActionState.Active or ActionState.Undone or ActionState.Expired).Select(e => (e.CreatedUs, e.Target))];
        }

        touched.RemoveAll(t => now - t.AtUs > (long)book.CapWindow.TotalMicroseconds);
        if (touched.Exists(t => t.Target == target))
        {
            return false;
        }

        if (touched.Count >= book.CapTargets)
        {
            return true;
        }

        touched.Add((now, target));
        return false;
    }

    private void Enforce() => _effects.Enforce([.. _ledger.All.Where(e => e.IsInForce).Select(Standing).OfType<StandingAction>().Take(StandingActions.MaxActions)]);

    private StandingAction? Standing(LedgerEntry entry)
    {
        RoleAction? action = entry.Kind switch
        {
            ActionKind.Block => RoleAction.Drop,
            ActionKind.RateLimit => RoleAction.RateLimit,
            ActionKind.Tarpit => RoleAction.Tarpit,
            ActionKind.Redirect => RoleAction.Redirect,
            ActionKind.BlockPage => RoleAction.BlockPage,
            ActionKind.Bypass => RoleAction.Bypass,
            ActionKind.Mark when entry.Mark != 0 => RoleAction.Mark,
            _ => null,
        };
        int guest = entry.Guest.Length == 0 ? 0 : Array.FindIndex(_registry.Current.All, g => g?.Name == entry.Guest);
        IpAddress address = default;
        if (action is null || guest < 0 || (entry.Guest.Length == 0 && !IpAddress.TryParse(entry.Address, out address)))
        {
            return null;
        }

        return new StandingAction
        {
            Id = entry.Id,
            Guest = (ushort)guest,
            Peer = entry.Guest.Length == 0 ? address : null,
            Action = action.Value,
            // By name: numbers change with the list of targets, and this may have been written down before a reload.
            Target = entry.Kind == ActionKind.Redirect && entry.Name.Length > 0 ? Array.FindIndex(_registry.Policy.Targets, t => t.Name == entry.Name) : entry.RedirectTarget - 1,
            Rate = entry.Rate,
            Mark = entry.Mark,
            ExpiresUs = entry.ExpiresUs == 0 ? long.MaxValue : entry.ExpiresUs,
            Why = $"{entry.By}: action {entry.Id}",
        };
    }
}
