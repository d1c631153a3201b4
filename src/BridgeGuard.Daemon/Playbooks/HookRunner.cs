using System.Diagnostics;

namespace BridgeGuard.Daemon.Playbooks;

/// <summary>Runs programs for playbooks: arguments as they are, no shell, a clean environment, a time limit, a few at a time.</summary>
public sealed class HookRunner : IDisposable
{
    /// <summary>Programs at a time; more wait, and give up after their own time limit.</summary>
    public const int MaxRunning = 4;

    /// <summary>Output that is kept for the audit log.</summary>
    private const int KeptOutput = 1000;

    private readonly SemaphoreSlim _slots = new(MaxRunning, MaxRunning);

    /// <summary>Runs a program; null when it ended with 0, else what went wrong, one line.</summary>
    /// <param name="arguments">Program and arguments.</param>
    /// <param name="entry">Fills <c>{guest}</c>, <c>{address}</c>, <c>{id}</c>, <c>{event}</c>, <c>{by}</c> in arguments.</param>
    /// <param name="timeout">Then it is killed with its children.</param>
    public async Task<string?> RunAsync(IReadOnlyList<string> arguments, LedgerEntry entry, TimeSpan timeout)
    {
        if (!await _slots.WaitAsync(timeout))
        {
            return $"{MaxRunning} hooks are running already and none has ended within {timeout.TotalSeconds:0} s";
        }

        try
        {
            return await StartAsync(arguments, entry, timeout);
        }
        finally
        {
            _slots.Release();
        }
    }

    public void Dispose() => _slots.Dispose();

    private static async Task<string?> StartAsync(IReadOnlyList<string> arguments, LedgerEntry entry, TimeSpan timeout)
    {
        var start = new ProcessStartInfo(arguments[0]) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true, UseShellExecute = false };
        start.Environment.Clear();
        start.Environment["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin";
        start.Environment["LC_ALL"] = "C";
        foreach (string argument in arguments.Skip(1))
        {
            start.ArgumentList.Add(Fill(argument, entry));
        }

        try
        {
            using Process process = Process.Start(start)!;
            process.StandardInput.Close();
            Task<string> errors = process.StandardError.ReadToEndAsync();
            Task<string> output = process.StandardOutput.ReadToEndAsync();
            using CancellationTokenSource limit = new(timeout);
            try
            {
                await process.WaitForExitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                process.Kill(entireProcessTree: true);
                return $"{arguments[0]} was killed after {timeout.TotalSeconds:0} s";
            }

            string said = (await errors).Trim();
            await output;
            return process.ExitCode == 0 ? null : $"{arguments[0]} ended with {process.ExitCode}: {said[..Math.Min(said.Length, KeptOutput)].ReplaceLineEndings(" ")}";
        }
        catch (Exception e) when (e is System.ComponentModel.Win32Exception or IOException)
        {
            return $"{arguments[0]} cannot be started: {e.Message}";
        }
    }

    /// <summary>One pass, so that a value with braces in it is not filled again.</summary>
    private static string Fill(string argument, LedgerEntry entry) => System.Text.RegularExpressions.Regex.Replace(argument, "\\{(guest|address|id|event|by)\\}", match => match.Groups[1].Value switch
    {
        "guest" => entry.Guest,
        "address" => entry.Address,
        "id" => entry.Id.ToString(System.Globalization.CultureInfo.InvariantCulture),
        "event" => entry.EventId,
        _ => entry.By,
    });
}
