using System.Security.Cryptography;
using BridgeGuard.Agent.Host;
using BridgeGuard.Agent.OnAccess;

namespace BridgeGuard.Agent;

/// <summary>The guest's program: watches what is opened and run, and asks the host about it.</summary>
internal static class Program
{
    private const int BadUsage = 2;
    private const int CannotWatch = 5;

    private static async Task<int> Main(string[] arguments)
    {
        if (arguments is ["--help"] or ["-h"] or [])
        {
            Console.WriteLine(AgentOptions.Help);
            return arguments.Length == 0 ? BadUsage : 0;
        }

        if (AgentOptions.TryParse(arguments, out AgentOptions options) is { } error)
        {
            await Console.Error.WriteLineAsync($"bridgeguard-agent: {error}; --help shows the options");
            return BadUsage;
        }

        // Where the system lacks the library for it the runtime ends the program: now, and not at the first file that somebody opens.
        _ = SHA256.HashData([]);
        using var stop = new CancellationTokenSource();
        using PosixSignals signals = new(stop);
        using var host = new HostClient(options);
        var judge = new FileJudge(options, host);
        try
        {
            using FanotifyWatch watch = FanotifyWatch.Open(options.Paths, options.WholeFileSystems);
            await Console.Error.WriteLineAsync($"bridgeguard-agent: watching {string.Join(", ", options.Paths)}, asking {options.Host}");
            await watch.RunAsync(judge.MayOpenAsync, stop.Token);
        }
        catch (IOException e)
        {
            await Console.Error.WriteLineAsync($"bridgeguard-agent: {e.Message}");
            return CannotWatch;
        }
        finally
        {
            judge.Save();
        }

        await Console.Error.WriteLineAsync($"bridgeguard-agent: {judge.Counters}");
        return 0;
    }
}
