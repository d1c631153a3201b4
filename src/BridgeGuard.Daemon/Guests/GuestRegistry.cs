using System.Text.Json;
using BridgeGuard.Attachments.Guests;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Policy.Guests;

namespace BridgeGuard.Daemon.Guests;

/// <summary>Which guest changed, and how, for events and the log.</summary>
/// <param name="Kind"><c>appeared</c>, <c>gone</c>, <c>changed</c>, <c>role-conflict</c>, <c>unknown-role</c>, <c>uncovered</c>.</param>
public sealed record GuestChange(string Kind, string Guest, string Detail);

/// <summary>Makes the guest set of the sources, the roles' selectors and what the wire showed, and keeps each guest's index.</summary>
/// <remarks>Thread: any; changes are made under a lock and published as a new set. The file in the state directory keeps learnt addresses and quarantine over restarts.</remarks>
public sealed class GuestRegistry
{
    /// <summary>Addresses remembered for one guest beside those it was given; a router that shows more is not one guest's affair.</summary>
    public const int MaxLearnedPerGuest = 16;

    /// <summary>In the state directory.</summary>
    public const string StateFileName = "guests.json";

    private readonly Lock _gate = new();
    private readonly string? _stateFile;
    private readonly Dictionary<string, ushort> _indexes = [];
    private readonly Dictionary<ushort, List<IpAddress>> _learned = [];
    private readonly HashSet<string> _quarantined = [];
    private readonly HashSet<string> _told = [];
    private GuestsModel _model;
    private PolicyModel _policy;
    private GuestInventory _inventory = new([], []);
    private ushort _lastIndex;
    private uint _generation;

    /// <param name="model">Sources and selectors.</param>
    /// <param name="policy">The roles.</param>
    /// <param name="stateFile">Where learnt addresses and quarantine are kept; null: nowhere.</param>
    public GuestRegistry(GuestsModel model, PolicyModel policy, string? stateFile = null)
    {
        _model = model;
        _policy = policy;
        _stateFile = stateFile;
        LoadState();
        Rescan();
    }

    /// <summary>The set in force.</summary>
    public GuestSet Current { get; private set; } = GuestSet.Empty;

    public GuestInventory Inventory => _inventory;

    public PolicyModel Policy => _policy;

    /// <summary>Sources and selectors in force.</summary>
    public GuestsModel Model => _model;

    /// <summary>A new set is in force. Raised on the thread that changed it, outside the lock.</summary>
    public event Action<GuestSet>? Changed;

    /// <summary>Something to tell the operator.</summary>
    public event Action<GuestChange>? Told;

    /// <summary>Reads the sources again and publishes what has changed.</summary>
    public void Rescan()
    {
        GuestInventory inventory = GuestInventory.Read(_model);
        Update(() => _inventory = inventory);
    }

    /// <summary>A reload has brought other roles, selectors or configured guests.</summary>
    public void Apply(GuestsModel model, PolicyModel policy)
    {
        GuestInventory inventory = GuestInventory.Read(model);
        Update(
            () =>
            {
                (_model, _policy, _inventory) = (model, policy, inventory);
            },
            always: true);
    }

    /// <summary>The set that <see cref="Apply"/> would make of these; nothing is changed but that new guests get their numbers.</summary>
    public GuestSet Prepare(GuestsModel model, PolicyModel policy)
    {
        GuestInventory inventory = GuestInventory.Read(model);
        lock (_gate)
        {
            (GuestsModel, PolicyModel, GuestInventory) kept = (_model, _policy, _inventory);
            uint generation = _generation;
            string[] told = [.. _told];
            try
            {
                (_model, _policy, _inventory) = (model, policy, inventory);
                return Build([], always: true)!;
            }
            finally
            {
                (_model, _policy, _inventory) = kept;
                _generation = generation;
                _told.Clear();
                _told.UnionWith(told);
            }
        }
    }

    /// <summary>The set in force with the policy that numbers its roles.</summary>
    public (GuestSet Guests, PolicyModel Policy) Snapshot()
    {
        lock (_gate)
        {
            return (Current, _policy);
        }
    }

    /// <summary>The wire showed an address behind a guest's port; an address of another guest moves unless it was given to that one.</summary>
    public void Observe(ushort guest, IpAddress address) => Observe([(guest, address)]);

    /// <summary>The same of several, in the order in which they were seen.</summary>
    public void Observe(IReadOnlyList<(ushort Guest, IpAddress Address)> seen)
    {
        (ushort, IpAddress)[] news = [.. seen.Where(s => Current.Get(s.Guest) is { } known && !known.Owns(s.Address) && !(s.Address.IsV4 && s.Address.V4 == 0))];
        if (news.Length == 0)
        {
            return;
        }

        Update(() => Array.ForEach(news, Learn));
        SaveState();
    }

    private void Learn((ushort Guest, IpAddress Address) seen)
    {
        foreach (List<IpAddress> others in _learned.Values)
        {
            others.Remove(seen.Address);
        }

        if (!_learned.TryGetValue(seen.Guest, out List<IpAddress>? own))
        {
            _learned[seen.Guest] = own = [];
        }

        if (own.Count == MaxLearnedPerGuest)
        {
            own.RemoveAt(0);
        }

        own.Add(seen.Address);
    }

    /// <summary>Puts a guest into quarantine or lets it out; false when there is no such guest.</summary>
    public bool SetQuarantine(string nameOrUuid, bool isQuarantined)
    {
        MergedGuest? guest = _inventory.Guests.FirstOrDefault(g => g.Name == nameOrUuid || g.Uuid == nameOrUuid);
        if (guest is null)
        {
            return false;
        }

        Update(() => _ = isQuarantined ? _quarantined.Add(guest.Key) : _quarantined.Remove(guest.Key));
        SaveState();
        return true;
    }

    /// <summary>The role of a guest by selectors alone, with every role that claims it.</summary>
    public static IReadOnlyList<string> RolesFor(MergedGuest guest, IReadOnlyList<RoleSelector> selectors)
    {
        if (guest.Role is { } role)
        {
            return [role];
        }

        string[] named = [.. selectors.Where(s => s.IsExplicit(guest.Name, guest.Uuid)).Select(s => s.Role).Distinct()];
        return named.Length > 0 ? named : [.. selectors.Where(s => s.Fits(guest)).Select(s => s.Role).Distinct()];
    }

    private void Update(Action change, bool always = false)
    {
        var told = new List<GuestChange>();
        GuestSet? next;
        lock (_gate)
        {
            change();
            next = Build(told, always);
            if (next is not null)
            {
                foreach ((_, ushort index) in _indexes.Where(i => Current.Get(i.Value) is not null && next.Get(i.Value) is null))
                {
                    _learned.Remove(index);
                }

                Current = next;
            }
        }

        told.ForEach(t => Told?.Invoke(t));
        if (next is not null)
        {
            Changed?.Invoke(next);
        }
    }

    /// <summary>Null when nothing has changed, unless it is wanted <paramref name="always"/>.</summary>
    private GuestSet? Build(List<GuestChange> told, bool always)
    {
        var guests = new GuestModel?[Math.Max(_lastIndex + _inventory.Guests.Count + 1, Current.All.Length)];
        var seen = new HashSet<string>();
        foreach (MergedGuest guest in _inventory.Guests)
        {
            if (!_indexes.TryGetValue(guest.Key, out ushort index))
            {
                if (seen.Count >= GuestSet.MaxGuests - 1 || (index = NextIndex()) == 0)
                {
                    Tell(told, "ignored", guest.Name, $"more than {GuestSet.MaxGuests - 1} guests");
                    continue;
                }

                _indexes[guest.Key] = index;
            }

            seen.Add(guest.Key);
            guests[index] = ModelOf(guest, index, told);
        }

        GuestModel?[] all = guests[..Math.Max(_lastIndex + 1, 1)];
        foreach ((string key, ushort index) in _indexes)
        {
            if (!seen.Contains(key) && Current.Get(index) is { } gone)
            {
                told.Add(new GuestChange("gone", gone.Name, ""));
            }
        }

        if (!always && IsSame(all, Current.All))
        {
            return null;
        }

        for (ushort i = 1; i < all.Length; i++)
        {
            if (all[i] is { } guest && Current.Get(i) is null)
            {
                told.Add(new GuestChange("appeared", guest.Name, _policy.Roles[guest.Role].Name));
            }
        }

        return new GuestSet(all, ++_generation);
    }

    private ushort NextIndex()
    {
        if (_lastIndex < GuestSet.MaxGuests - 1)
        {
            return ++_lastIndex;
        }

        // All numbers were given out once: the one whose guest has gone longest is free again.
        string? oldest = _indexes.Keys.FirstOrDefault(k => !_inventory.Guests.Any(g => g.Key == k));
        if (oldest is null)
        {
            return 0;
        }

        ushort index = _indexes[oldest];
        _indexes.Remove(oldest);
        _learned.Remove(index);
        return index;
    }

    private GuestModel ModelOf(MergedGuest guest, ushort index, List<GuestChange> told)
    {
        IReadOnlyList<string> roles = RolesFor(guest, _model.Selectors);
        if (roles.Count > 1)
        {
            Tell(told, "role-conflict", guest.Name, $"it fits the roles {string.Join(" and ", roles)}; until one is left it has the default role");
        }

        int role = roles.Count == 1 ? _policy.FindRole(roles[0]) : 0;
        if (role < 0)
        {
            Tell(told, "unknown-role", guest.Name, $"role '{roles[0]}' does not exist; it has the default role");
            role = 0;
        }

        foreach (GuestNic nic in guest.Nics)
        {
            if (nic.Uncovered is { } why)
            {
                Tell(told, "uncovered", guest.Name, why);
            }
        }

        bool isQuarantined = _quarantined.Contains(guest.Key);
        if (isQuarantined && _policy.FindRole("quarantine") is > 0 and var cell)
        {
            role = cell;
        }

        return new GuestModel
        {
            Name = guest.Name,
            Uuid = guest.Uuid,
            Role = (byte)role,
            Macs = [.. guest.Nics.Where(n => n.Mac != 0).Select(n => n.Mac).Distinct()],
            Addresses = [.. guest.Nics.SelectMany(n => n.Addresses).Distinct()],
            LearnedAddresses = _learned.TryGetValue(index, out List<IpAddress>? learned) ? [.. learned] : [],
            Ports = [.. guest.Nics.SelectMany(n => n.Ports).Distinct()],
            Tags = [.. guest.Tags],
            Os = guest.Os,
            Tenant = guest.Tenant,
            Bridge = guest.Nics.Select(n => n.Bridge).FirstOrDefault(b => b.Length > 0) ?? "",
            Vlan = guest.Nics.Select(n => n.Vlan).FirstOrDefault(v => v != 0),
            IsQuarantined = isQuarantined,
        };
    }

    /// <summary>Tells the same thing once, not with every rescan.</summary>
    private void Tell(List<GuestChange> told, string kind, string guest, string detail)
    {
        if (_told.Add($"{kind} {guest} {detail}"))
        {
            told.Add(new GuestChange(kind, guest, detail));
        }
    }

    private static bool IsSame(GuestModel?[] first, GuestModel?[] second)
    {
        if (first.Length != second.Length)
        {
            return false;
        }

        for (int i = 0; i < first.Length; i++)
        {
            if (!IsSame(first[i], second[i]))
            {
                return false;
            }
        }

        return true;
    }

    private static bool IsSame(GuestModel? a, GuestModel? b) => a is null || b is null
        ? a is null && b is null
        : a.Name == b.Name && a.Uuid == b.Uuid && a.Role == b.Role && a.Os == b.Os && a.Tenant == b.Tenant && a.Bridge == b.Bridge && a.Vlan == b.Vlan
            && a.IsQuarantined == b.IsQuarantined && a.Macs.SequenceEqual(b.Macs) && a.Addresses.SequenceEqual(b.Addresses)
            && a.LearnedAddresses.SequenceEqual(b.LearnedAddresses) && a.Ports.SequenceEqual(b.Ports) && a.Tags.SequenceEqual(b.Tags);

    private void LoadState()
    {
        if (_stateFile is null || !File.Exists(_stateFile))
        {
            return;
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(_stateFile));
            foreach (JsonProperty guest in document.RootElement.EnumerateObject())
            {
                ushort index = NextIndex();
                _indexes[guest.Name] = index;
                _learned[index] = [.. guest.Value.GetProperty("addresses").EnumerateArray().Select(a => IpAddress.TryParse(a.GetString(), out IpAddress ip) ? ip : default).Where(a => a != default)];
                if (guest.Value.GetProperty("quarantined").GetBoolean())
                {
                    _quarantined.Add(guest.Name);
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or KeyNotFoundException or InvalidOperationException)
        {
            // The wire shows it all again; quarantine is also in the ledger of actions.
            Told?.Invoke(new GuestChange("state", _stateFile, $"cannot be read: {e.Message}"));
        }
    }

    private void SaveState()
    {
        if (_stateFile is null)
        {
            return;
        }

        lock (_gate)
        {
            try
            {
                string temporary = _stateFile + ".new";
                using (FileStream stream = File.Create(temporary))
                using (Utf8JsonWriter json = new(stream))
                {
                    json.WriteStartObject();
                    foreach (MergedGuest guest in _inventory.Guests)
                    {
                        json.WriteStartObject(guest.Key);
                        json.WriteBoolean("quarantined", _quarantined.Contains(guest.Key));
                        json.WriteStartArray("addresses");
                        foreach (IpAddress address in _indexes.TryGetValue(guest.Key, out ushort index) && _learned.TryGetValue(index, out List<IpAddress>? own) ? own : [])
                        {
                            json.WriteStringValue(address.ToString());
                        }

                        json.WriteEndArray();
                        json.WriteEndObject();
                    }

                    json.WriteEndObject();
                }

                File.Move(temporary, _stateFile, overwrite: true);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                Told?.Invoke(new GuestChange("state", _stateFile, $"cannot be written: {e.Message}"));
            }
        }
    }
}
