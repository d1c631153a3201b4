using BridgeGuard.Attachments.Bridge;

namespace BridgeGuard.Daemon.Plane;

/// <summary>What is in a run directory and belongs to nobody who lives.</summary>
public static class PlaneLeftovers
{
    public static IReadOnlyList<HostFinding> Find(RunFolder folder)
    {
        var findings = new List<HostFinding>();
        (List<PlaneStatus> planes, List<string> dead) = Look(folder);
        int daemon = PlaneStop.RunningDaemon(folder);
        foreach (PlaneStatus plane in planes)
        {
            findings.Add(daemon != 0
                ? new HostFinding(HostFindingKind.Ok, $"data plane (process {plane.ProcessId}) of the daemon (process {daemon})")
                : new HostFinding(HostFindingKind.Note, $"data plane (process {plane.ProcessId})", "it inspects without a daemon, its events wait: start the daemon, or bridgeguard stop"));
        }

        if (dead.Count > 0)
        {
            findings.Add(new HostFinding(HostFindingKind.Leftover, $"{dead.Count} sockets of data planes that have died in {folder.Path}", "bridgeguard doctor --fix removes them"));
        }

        if (daemon == 0 && planes.Count == 0 && folder.Files(RunFolder.EventKind).Count is > 0 and int rings)
        {
            findings.Add(new HostFinding(HostFindingKind.Note, $"{rings} event rings in {folder.Path}", "the next start of the daemon writes what is in them"));
        }

        return findings;
    }

    /// <summary>Removes dead sockets; a line for what was done. Rings stay: there may be events in them.</summary>
    public static IReadOnlyList<string> Fix(RunFolder folder)
    {
        List<string> dead = Look(folder).Dead;
        dead.ForEach(File.Delete);
        return dead.Count == 0 ? [] : [$"{dead.Count} sockets of data planes that have died"];
    }

    private static (List<PlaneStatus> Planes, List<string> Dead) Look(RunFolder folder)
    {
        var planes = new List<PlaneStatus>();
        var dead = new List<string>();
        foreach (string socket in folder.Sockets())
        {
            using PlaneClient? client = PlaneClient.TryConnect(socket, (_, _) => { });
            if (client is null)
            {
                dead.Add(socket);
                continue;
            }

            try
            {
                planes.Add(client.Status(TimeSpan.FromSeconds(3)));
            }
            catch (PlaneException)
            {
                planes.Add(PlaneStatus.None);
            }
        }

        return (planes, dead);
    }
}
