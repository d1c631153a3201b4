using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Attachments.Bridge.Decisions;
using BridgeGuard.Engine.Policy.Guests;
using BridgeGuard.Engine.Policy.Links;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Daemon.Plane;

/// <summary>Ends a flood of frames that a guest must not send (another's Ethernet or IP address) in the kernel, after the engine has told of the first ones.</summary>
/// <remarks>
/// The engine's link guard is exact and tells; the kernel's can only count and drop. So the kernel's counts while there is little, and drops for
/// <see cref="HoldMs"/> where more than <see cref="FloodFrames"/> come between two looks; then the engine sees, and tells of, a few again. Only what both
/// agree about is given to the kernel. Thread: any; one call at a time.
/// </remarks>
internal sealed class KernelGuard(BridgeDecisions decisions, Func<ushort, PortCounters> read)
{
    /// <summary>Frames between two looks (a second) from which on the engine need not see them: it tells of one a second.</summary>
    public const int FloodFrames = 20;

    public const long HoldMs = 60_000;

    private readonly Lock _gate = new();
    private readonly Dictionary<ushort, Watched> _ports = [];

    /// <summary>Guests, roles or ports have changed.</summary>
    public void Apply(EngineProgram program, IReadOnlyList<(PortInfo Port, ushort Guest)> ports)
    {
        lock (_gate)
        {
            var there = new HashSet<ushort>();
            foreach ((PortInfo port, ushort index) in ports)
            {
                GuestModel? guest = program.Guests.Get(index);
                if (guest is null || BindingsOf(guest, program.Policy.Model.Roles[guest.Role].Links) is not { } bindings)
                {
                    continue;
                }

                there.Add(port.PortId);
                if (_ports.TryGetValue(port.PortId, out Watched? known) && IsSame(known.Bindings, bindings))
                {
                    continue;
                }

                if (decisions.Guard(port.PortId, GuardMode.Report, bindings))
                {
                    _ports[port.PortId] = new Watched(bindings) { Guarded = read(port.PortId).Guarded.Frames };
                }
            }

            foreach (ushort gone in _ports.Keys.Where(id => !there.Contains(id)).ToArray())
            {
                decisions.Guard(gone, GuardMode.Off, []);
                _ports.Remove(gone);
            }
        }
    }

    /// <summary>To be called about once a second.</summary>
    /// <returns>Ports on which the kernel begins to drop.</returns>
    public IReadOnlyList<ushort> Look(long nowMs)
    {
        List<ushort> begun = [];
        lock (_gate)
        {
            foreach ((ushort id, Watched port) in _ports)
            {
                long guarded = read(id).Guarded.Frames;
                bool isFlood = guarded - port.Guarded > FloodFrames;
                port.Guarded = guarded;
                if (port.DropsUntilMs == 0 && isFlood && decisions.Guard(id, GuardMode.Drop, port.Bindings))
                {
                    port.DropsUntilMs = nowMs + HoldMs;
                    begun.Add(id);
                }
                else if (port.DropsUntilMs != 0 && nowMs >= port.DropsUntilMs && decisions.Guard(id, GuardMode.Report, port.Bindings))
                {
                    port.DropsUntilMs = 0;
                }
            }
        }

        return begun;
    }

    /// <summary>Who may send, where the role drops whatever else is sent; null where it does not, or where the engine judges by what the kernel does not know.</summary>
    public static PortBinding[]? BindingsOf(GuestModel guest, LinkGuardModel links)
    {
        if (links.MacSpoofing != GuardAction.Drop || links.Arp != GuardAction.Drop || guest.Macs.Length == 0)
        {
            return null;
        }

        // A guest without given addresses of a family may use any of it that is nobody's: only the engine knows which those are.
        bool isWhole = links.AddressSpoofing == GuardAction.Drop && Array.Exists(guest.Addresses, a => a.IsV4) && Array.Exists(guest.Addresses, a => !a.IsV4);
        System.Net.IPAddress[] addresses = isWhole ? [.. guest.Addresses.Select(KernelPolicy.AddressOf)] : [];
        return [.. guest.Macs.Select(mac => new PortBinding(KernelPolicy.MacOf(mac), addresses))];
    }

    private static bool IsSame(PortBinding[] first, PortBinding[] second) =>
        first.Length == second.Length && first.Zip(second).All(pair => pair.First.Mac.Equals(pair.Second.Mac) && pair.First.Addresses.SequenceEqual(pair.Second.Addresses));

    private sealed class Watched(PortBinding[] bindings)
    {
        public PortBinding[] Bindings { get; } = bindings;

        public long Guarded { get; set; }

        /// <summary>0: it only counts.</summary>
        public long DropsUntilMs { get; set; }
    }
}
