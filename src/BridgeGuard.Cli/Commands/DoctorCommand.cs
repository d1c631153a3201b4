using System.CommandLine;
using System.Runtime.InteropServices;
using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Daemon.Services;

namespace BridgeGuard.Cli.Commands;

/// <summary><c>bridgeguard doctor</c>: what this host lacks, a line each, and what a crash left behind.</summary>
internal static class DoctorCommand
{
    /// <summary>tcx programs came with Linux 6.6.</summary>
    private static readonly Version MinimumKernel = new(6, 6);

    public static Command Create()
    {
        Option<bool> fix = new("--fix") { Description = "remove what a crashed daemon left on the bridges; stop the daemon first" };
        Command command = new("doctor", "Check what the host offers; find and remove leftovers.") { fix };
        command.SetAction(parsed => Run(parsed.GetValue(fix)));
        return command;
    }

    private static int Run(bool fix)
    {
        int problems = 0;
        problems += Report("root or CAP_NET_ADMIN and CAP_BPF", Environment.IsPrivilegedProcess, "run as root");
        problems += Report("kernel 6.6 or later (tcx)", Environment.OSVersion.Version >= MinimumKernel, $"this is {Environment.OSVersion.Version}");
        problems += Report("/dev/net/tun", File.Exists("/dev/net/tun"), "load the module tun");
        problems += Report("/sys/fs/bpf (fail-closed ports)", Directory.Exists("/sys/fs/bpf"), "mount -t bpf bpf /sys/fs/bpf");
        problems += Report("libpcre2-8", NativeLibrary.TryLoad("libpcre2-8.so.0", out _), "install libpcre2-8-0; rules use the slower managed engine");
        problems += Report("libpcap", NativeLibrary.TryLoad("libpcap.so.0.8", out _), "install libpcap0.8; needed to replay captures");
        if (fix)
        {
            foreach (string removed in BridgeAttachment.Cleanup(new BridgeOptions { Bridges = [] }))
            {
                Console.WriteLine($"removed  {removed}");
            }
        }

        return problems == 0 ? ExitCodes.Ok : ExitCodes.ChecksFailed;
    }

    private static int Report(string what, bool ok, string advice)
    {
        Console.WriteLine(ok ? $"ok       {what}" : $"missing  {what}: {advice}");
        return ok ? 0 : 1;
    }
}
