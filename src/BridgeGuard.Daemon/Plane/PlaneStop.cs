using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using BridgeGuard.Attachments.Bridge;

namespace BridgeGuard.Daemon.Plane;

/// <summary><c>bridgeguard stop</c>: ends the daemon and its data plane, whatever state they are in, and leaves a clean bridge.</summary>
public static class PlaneStop
{
    private static readonly TimeSpan DaemonTime = TimeSpan.FromSeconds(25);
    private static readonly TimeSpan PlaneTime = TimeSpan.FromSeconds(15);

    /// <summary>One line for each thing that was done; none when nothing was there.</summary>
    public static IReadOnlyList<string> Run(RunFolder folder)
    {
        var done = new List<string>();
        var spaces = new HashSet<string> { BridgeAttachment.NamespaceOf(0) };
        int daemon = RunningDaemon(folder);
        if (daemon != 0)
        {
            spaces.Add(BridgeAttachment.NamespaceOf(daemon));
            done.Add(End(daemon, DaemonTime) ? $"the daemon (process {daemon}) has ended" : $"the daemon (process {daemon}) did not end when asked and was ended");
        }

        foreach (string socket in folder.Sockets())
        {
            if (PlaneClient.TryConnect(socket, (_, _) => { }) is { } client)
            {
                EndPlane(client, spaces, done);
            }

            File.Delete(socket);
        }

        foreach (string space in spaces)
        {
            int removed = BridgeAttachment.RemovePins(BridgeOptions.DefaultPinFolder, space);
            if (removed > 0)
            {
                done.Add($"{removed} pinned program links were removed: ports that were closed are open");
            }
        }

        return done;
    }

    /// <summary>The process that holds the folder's lock; 0 when there is none.</summary>
    public static int RunningDaemon(RunFolder folder)
    {
        if (!File.Exists(folder.LockFile))
        {
            return 0;
        }

        using FileStream? own = folder.TryLock();
        return own is null && File.Exists(folder.PidFile)
            && int.TryParse(File.ReadAllText(folder.PidFile), NumberStyles.None, CultureInfo.InvariantCulture, out int process) ? process : 0;
    }

    private static void EndPlane(PlaneClient client, HashSet<string> spaces, List<string> done)
    {
        using (client)
        {
            int process = 0;
            try
            {
                process = client.Status(TimeSpan.FromSeconds(3)).ProcessId;
                spaces.Add(BridgeAttachment.NamespaceOf(process));
                client.Ask("stop", new JsonObject { ["clean"] = true }, TimeSpan.FromSeconds(3));
            }
            catch (PlaneException)
            {
                // It hangs; a process that does not say its number is found by its socket no more, so it is left to the kernel's choice for the port.
            }

            if (client.WaitForEnd(PlaneTime) && PlaneProcess.WaitForExit(process, PlaneTime))
            {
                done.Add($"the data plane (process {process}) has ended");
            }
            else if (process != 0)
            {
                PlaneProcess.Kill(process);
                client.WaitForEnd(PlaneTime);
                done.Add($"the data plane (process {process}) did not end when asked and was ended");
            }
            else
            {
                done.Add("a data plane does not answer: end the process 'bridgeguard data-plane' by hand");
            }
        }
    }

    private static bool End(int processId, TimeSpan patience)
    {
        try
        {
            using Process process = Process.GetProcessById(processId);
            BridgeAttachment.Terminate(processId);
            if (process.WaitForExit(patience))
            {
                return true;
            }

            process.Kill();
            process.WaitForExit(patience);
            return false;
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException)
        {
            return true;
        }
    }
}
