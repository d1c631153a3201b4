using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Attachments.Nfqueue;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Services;
using BridgeGuard.Engine.Policy.Guests;
using FailMode = BridgeGuard.Daemon.Configuration.FailMode;
using PortMode = BridgeGuard.Daemon.Configuration.PortMode;

namespace BridgeGuard.Daemon.Plane;

/// <summary>The name of a data plane's punt device: one of two, so that a data plane can take over from the other.</summary>
/// <param name="Name">As <c>ip link</c> shows it.</param>
/// <param name="TakesOver">Another data plane inspects until this one does.</param>
public sealed record PuntDeviceName(string Name, bool TakesOver = false)
{
    public static readonly PuntDeviceName First = new(BridgeOptions.DefaultPuntDevice);

    /// <summary>The one that a data plane with the given name does not have.</summary>
    public static PuntDeviceName NextTo(string name) =>
        name == BridgeOptions.DefaultPuntDevice ? new PuntDeviceName(BridgeOptions.SecondPuntDevice, TakesOver: true) : First with { TakesOver = true };
}

/// <summary>What the configuration says about bridges, ports and roles, in the attachment's words.</summary>
internal static class BridgeOptionsReader
{
    /// <summary>One attachment takes all bridges; what differs between them goes to each by its name.</summary>
    public static BridgeOptions Of(DaemonModel model, Func<DaemonModel> current, GuestTable guests, PuntDeviceName device) => new()
    {
        Bridges = [.. model.Bridges.Where(bridge => bridge.Mode != PortMode.Off || bridge.Ports.Any(port => port.Mode is not (null or PortMode.Off))).Select(bridge => bridge.Name)],
        WorkerCount = model.Workers,
        HeartbeatMs = model.HeartbeatMs,
        BacklogFrames = model.BacklogFrames,
        JoinSegments = model.JoinSegments,
        PuntDevice = device.Name,
        Hook = model.Hook,
        TakesOver = device.TakesOver,
        BridgeDefaults = model.Bridges.ToDictionary(bridge => bridge.Name, bridge => OptionsOf(bridge.Mode, bridge.Fail)),
        Ports = model.Bridges.SelectMany(bridge => bridge.Ports).ToDictionary(port => port.Name, port => OptionsOf(port.Mode, port.Fail)),
        RoleOptions = port => OfRole(current(), guests.Guests, port),
    };

    /// <summary>The same for netfilter queues, which have one fail mode for all ports.</summary>
    public static NfqueueOptions QueuesOf(DaemonModel model) => model.Nfqueue with
    {
        Bridges = [.. model.Bridges.Where(bridge => bridge.Mode != PortMode.Off).Select(bridge => bridge.Name)],
        WorkerCount = model.Workers,
        Fail = model.Bridges.Any(bridge => bridge.Fail.Crash == FailMode.Closed) ? Attachments.Bridge.FailMode.Closed : Attachments.Bridge.FailMode.Open,
    };

    private static PortOptions? OfRole(DaemonModel model, GuestSet guests, string port)
    {
        ushort guest = guests.FindByPortName(port);
        return guest != 0 && model.RoleFails.Count > 0 && guests.RoleOf(guest) < model.Policy.Roles.Length && model.RoleFails.TryGetValue(model.Policy.Roles[guests.RoleOf(guest)].Name, out FailChoice? fail) ? OptionsOf(null, fail) : null;
    }

    private static PortOptions OptionsOf(PortMode? mode, FailChoice fail) => new()
    {
        Mode = mode switch
        {
            null => null,
            PortMode.Off => Attachments.Bridge.PortMode.Off,
            PortMode.Tap => Attachments.Bridge.PortMode.Mirror,
            PortMode.Monitor => Attachments.Bridge.PortMode.Monitor,
            _ => Attachments.Bridge.PortMode.Inline,
        },
        WhenCrashed = ModeOf(fail.Crash),
        WhenStale = ModeOf(fail.Hang),
        WhenOverloaded = ModeOf(fail.Overload),
        WhenStarting = ModeOf(fail.Start),
        WhenStopped = ModeOf(fail.Stop),
    };

    private static Attachments.Bridge.FailMode? ModeOf(FailMode? mode) => mode switch
    {
        null => null,
        FailMode.Closed => Attachments.Bridge.FailMode.Closed,
        _ => Attachments.Bridge.FailMode.Open,
    };
}
