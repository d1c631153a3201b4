using System.ComponentModel;
using System.Diagnostics;
using BridgeGuard.Attachments.Bridge;

namespace BridgeGuard.Attachments.Nfqueue;

/// <summary>The rules that send bridged packets to the queues: made at the start, taken away at the end, in a chain or table of our own.</summary>
/// <remarks>
/// iptables and ip6tables have a chain named for the first queue; FORWARD has one jump to it for each bridge, put first. br_netfilter is switched on for
/// the network namespace where it was off, and off again at the end. nftables has a table of its own in the bridge family. Nothing else is touched.
/// </remarks>
internal sealed class QueueRules(NfqueueOptions options) : IDisposable
{
    private const string BridgeNetfilter = "/proc/sys/net/bridge/";
    private static readonly string[] s_switches = ["bridge-nf-call-iptables", "bridge-nf-call-ip6tables"];

    private readonly List<string> _switched = [];
    private readonly List<string> _commands = [];
    private bool _hasTable;

    private string Chain => $"BRIDGEGUARD-{options.FirstQueue}";

    private string Table => $"bridgeguard_{options.FirstQueue}";

    /// <summary>Which way was taken; for the log.</summary>
    public NfqueueRules Way { get; private set; } = NfqueueRules.None;

    /// <summary>Makes the rules; null on success.</summary>
    public AttachmentError? Make()
    {
        if (options.Rules is NfqueueRules.Auto or NfqueueRules.NftBridge)
        {
            string? problem = MakeTable();
            if (problem is null)
            {
                Way = NfqueueRules.NftBridge;
                return null;
            }

            if (options.Rules == NfqueueRules.NftBridge)
            {
                return new AttachmentError(AttachmentErrorKind.Unsupported, $"nftables bridge queue: {problem}");
            }
        }

        if (options.Rules == NfqueueRules.None)
        {
            return null;
        }

        Way = NfqueueRules.Iptables;
        return MakeChains();
    }

    /// <summary>Takes everything of ours away; what an earlier run left too.</summary>
    public void Dispose()
    {
        if (_hasTable)
        {
            Run("nft", ["delete", "table", "bridge", Table]);
        }

        _commands.ForEach(RemoveChain);
        foreach (string name in _switched)
        {
            TryWrite(name, "0");
        }

        _commands.Clear();
        _switched.Clear();
        _hasTable = false;
    }

    private string? MakeTable()
    {
        string last = (options.FirstQueue + options.WorkerCount - 1).ToString(null as IFormatProvider);
        string flags = options.Fail == FailMode.Open ? " flags bypass" : "";
        string names = string.Join(", ", options.Bridges.Select(name => $"\"{name}\""));
        string text = $$"""
            table bridge {{Table}}
            delete table bridge {{Table}}
            table bridge {{Table}} {
              chain forward {
                type filter hook forward priority 0; policy accept;
                meta ibrname { {{names}} } queue{{flags}} to {{options.FirstQueue}}-{{last}}
              }
            }
            """;
        (int code, string output) = Run("nft", ["-f", "-"], text);
        _hasTable = code == 0;
        return code == 0 ? null : output;
    }

    private AttachmentError? MakeChains()
    {
        if (!Directory.Exists(BridgeNetfilter))
        {
            return new AttachmentError(AttachmentErrorKind.Unsupported, "this kernel has no br_netfilter (modprobe br_netfilter) and no nftables bridge queue");
        }

        foreach (string command in (string[])["iptables", "ip6tables"])
        {
            RemoveChain(command);
            _commands.Add(command);
            if (MakeChain(command) is { } problem)
            {
                return new AttachmentError(AttachmentErrorKind.Unsupported, $"{command}: {problem}");
            }
        }

        foreach (string name in s_switches)
        {
            if (File.ReadAllText(BridgeNetfilter + name).Trim() != "1")
            {
                if (!TryWrite(name, "1"))
                {
                    return new AttachmentError(AttachmentErrorKind.Permission, $"{BridgeNetfilter}{name}: cannot be written");
                }

                _switched.Add(name);
            }
        }

        return null;
    }

    private string? MakeChain(string command)
    {
        List<string> target = options.WorkerCount > 1
            ? ["-j", "NFQUEUE", "--queue-balance", $"{options.FirstQueue}:{options.FirstQueue + options.WorkerCount - 1}"]
            : ["-j", "NFQUEUE", "--queue-num", $"{options.FirstQueue}"];
        if (options.Fail == FailMode.Open)
        {
            target.Add("--queue-bypass");
        }

        (int code, string output) = Run(command, ["-w", "-N", Chain]);
        if (code == 0)
        {
            (code, output) = Run(command, ["-w", "-A", Chain, .. target]);
        }

        foreach (string bridge in options.Bridges)
        {
            if (code == 0)
            {
                (code, output) = Run(command, ["-w", "-I", "FORWARD", .. Jump(bridge)]);
            }
        }

        return code == 0 ? null : output;
    }

    private void RemoveChain(string command)
    {
        foreach (string bridge in options.Bridges)
        {
            // A run that was killed may have left its jump: the number of tries is bounded, not the number of runs.
            for (int i = 0; i < 8 && Run(command, ["-w", "-D", "FORWARD", .. Jump(bridge)]).Code == 0; i++)
            {
            }
        }

        Run(command, ["-w", "-F", Chain]);
        Run(command, ["-w", "-X", Chain]);
    }

    private string[] Jump(string bridge) => ["-i", bridge, "-m", "physdev", "--physdev-is-bridged", "-j", Chain];

    private static bool TryWrite(string name, string value)
    {
        try
        {
            File.WriteAllText(BridgeNetfilter + name, value);
            return true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Runs a program in the calling thread's network namespace.</summary>
    private static (int Code, string Output) Run(string program, string[] arguments, string? input = null)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(program, arguments)
            {
                RedirectStandardError = true,
                RedirectStandardOutput = true,
                RedirectStandardInput = true,
            })!;
            process.StandardInput.Write(input ?? "");
            process.StandardInput.Close();
            Task<string> output = process.StandardOutput.ReadToEndAsync();
            string errors = process.StandardError.ReadToEnd();
            process.WaitForExit();
            return (process.ExitCode, (errors + output.Result).Trim().ReplaceLineEndings(" "));
        }
        catch (Win32Exception)
        {
            return (127, $"{program} is not installed");
        }
    }
}
