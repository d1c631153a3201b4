using System.Diagnostics;
using System.Globalization;

namespace BridgeGuard.Scanning.Isolation;

/// <summary>Which rights this process can take from a child, and the commands in front of its own that do it.</summary>
/// <remarks>Root may be less than root: a service's bounding set or filter (as the packaged unit's) allows some of it only. What cannot be had is said, not assumed.</remarks>
internal static class ScannerRights
{
    private const int ProbeMs = 10_000;

    /// <summary>The words in front of the program; empty where nothing can be taken away.</summary>
    /// <param name="needsNetwork">It keeps the network.</param>
    /// <param name="userId">User and group that it becomes.</param>
    /// <param name="missing">What could not be taken away, for the log; null when all could.</param>
    public static IReadOnlyList<string> Prefix(bool needsNetwork, int userId, out string? missing)
    {
        missing = null;
        if (!Environment.IsPrivilegedProcess)
        {
            return [];
        }

        string user = userId.ToString(CultureInfo.InvariantCulture);
        string[] network = ["unshare", "--net", "--"];
        string[] rights = ["setpriv", "--reuid", user, "--regid", user, "--clear-groups", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all", "--"];
        bool keepsNetwork = !needsNetwork && !Works(network);
        bool keepsRights = !Works(rights);
        string?[] left = [keepsNetwork ? "a network namespace of its own (the filter on system calls refuses sockets all the same)" : null, keepsRights ? "a user of its own" : null];
        missing = keepsNetwork || keepsRights ? string.Join(" and ", left.Where(word => word is not null)) : null;
        return [.. needsNetwork || keepsNetwork ? [] : network, .. keepsRights ? [] : rights];
    }

    private static bool Works(string[] prefix)
    {
        try
        {
            using Process probe = Process.Start(new ProcessStartInfo(prefix[0], [.. prefix.Skip(1), "true"]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
            if (!probe.WaitForExit(ProbeMs))
            {
                probe.Kill();
                return false;
            }

            return probe.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false; // util-linux is not there.
        }
    }
}
