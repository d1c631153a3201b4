using System.Text.Json.Nodes;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Guests;
using BridgeGuard.Daemon.Plane;
using BridgeGuard.Daemon.Services;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Policy.Standing;
using BridgeGuard.Outputs;
using Microsoft.Extensions.DependencyInjection;

namespace BridgeGuard.Daemon.Playbooks;

/// <summary>Carries effects out in the daemon: the data plane is told, programs are run, outputs hear of it.</summary>
/// <remarks>The parts are asked for when they are needed: outputs feed playbooks, and playbooks write to outputs.</remarks>
internal sealed class DaemonEffects(IServiceProvider services, GuestRegistry registry) : IActionEffects, IDisposable
{
    private static readonly TimeSpan MarkTimeout = TimeSpan.FromSeconds(10);

    private readonly HookRunner _hooks = new();
    private readonly EveWriter _writer = new();
    private readonly Lock _gate = new();
    private readonly Dictionary<ulong, LedgerEntry> _captures = [];

    public void Enforce(StandingAction[] actions) => services.GetRequiredService<PolicyPublisher>().Apply(actions);

    public string? Capture(LedgerEntry entry, bool begin)
    {
        lock (_gate)
        {
            if (begin)
            {
                _captures[entry.Id] = entry;
            }
            else
            {
                _captures.Remove(entry.Id);
            }

            return SendCaptures();
        }
    }

    public Task<string?> MarkAsync(LedgerEntry entry, bool begin)
    {
        string[] set = entry.Name.Split(' ');
        string[] addresses = entry.Address.Length > 0
            ? [entry.Address]
            : [.. Array.Find(registry.Current.All, g => g?.Name == entry.Guest) is { } guest ? guest.Addresses.Concat(guest.LearnedAddresses).Where(a => a.IsV4).Select(a => a.ToString()) : []];
        return addresses.Length == 0
            ? Task.FromResult<string?>($"'{entry.Target}' has no address that a set could take")
            : _hooks.RunAsync(["/usr/sbin/nft", begin ? "add" : "delete", "element", set[0], set[1], set[2], $"{{ {string.Join(", ", addresses)} }}"], entry, MarkTimeout);
    }

    public Task<string?> RunAsync(IReadOnlyList<string> arguments, LedgerEntry entry, TimeSpan timeout) => _hooks.RunAsync(arguments, entry, timeout);

    public void Tell(LedgerEntry entry, string detail)
    {
        lock (_gate)
        {
            _writer.Begin();
            _writer.Timestamp("timestamp"u8, entry.AtUs);
            _writer.Text("event_type"u8, "guard"u8);
            _writer.StartObject("guard"u8);
            _writer.Text("event"u8, "action"u8);
            _writer.Number("action_id"u8, (long)entry.Id);
            _writer.Text("action"u8, YamlSection.Hyphenated(entry.Kind.ToString()));
            _writer.Text("state"u8, YamlSection.Hyphenated(entry.State.ToString()));
            _writer.Text("target"u8, entry.Target);
            _writer.Text("by"u8, entry.By);
            _writer.Text("why"u8, entry.Why);
            if (entry.EventId.Length > 0)
            {
                _writer.Text("event_id"u8, entry.EventId);
            }

            if (detail.Length > 0)
            {
                _writer.Text("detail"u8, detail);
            }

            _writer.EndObject();
            if (entry.Guest.Length > 0)
            {
                _writer.StartObject("vm"u8);
                _writer.Text("name"u8, entry.Guest);
                _writer.EndObject();
            }

            EventHeader header = new() { Kind = EventKind.Guard, TimestampUs = entry.AtUs, Severity = 1 };
            ReadOnlySpan<byte> json = _writer.End();
            var outputs = services.GetRequiredService<OutputHost>();
            outputs.Shared.Write(in header, json);
            if (entry.Kind == ActionKind.Webhook && entry.State == ActionState.Done)
            {
                outputs.SendTo(entry.Name, in header, json);
            }
        }
    }

    public void Dispose()
    {
        _hooks.Dispose();
        _writer.Dispose();
    }

    /// <summary>All of them again when the data plane has begun anew.</summary>
    public void Renew()
    {
        lock (_gate)
        {
            if (_captures.Count > 0)
            {
                SendCaptures();
            }
        }
    }

    private string? SendCaptures()
    {
        var orders = new JsonArray();
        foreach (LedgerEntry entry in _captures.Values)
        {
            var guest = Array.Find(registry.Current.All, g => g?.Name == entry.Guest);
            orders.Add(new JsonObject
            {
                ["id"] = entry.Id,
                ["macs"] = new JsonArray([.. (entry.Guest.Length > 0 ? guest?.Macs ?? [] : []).Select(m => (JsonNode)m)]),
                ["address"] = entry.Address,
            });
        }

        try
        {
            services.GetRequiredService<IDataPlane>().Ask("capture", new JsonObject { ["captures"] = orders });
            return null;
        }
        catch (PlaneException e)
        {
            return e.Message;
        }
    }
}
