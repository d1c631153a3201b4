using System.ComponentModel;
using System.Diagnostics;
using System.Text;

namespace BridgeGuard.Scanning.Scanners.Yara;

/// <summary>One run of an outside program: its exit code and the beginning of what it wrote.</summary>
internal sealed record ToolRun(int ExitCode, string Output, string Error)
{
    /// <summary>Text kept of each stream; the rest is read and forgotten, so that the program does not stand still.</summary>
    private const int MaxTextLength = 64 << 10;

    public string FirstError => Error.Split('\n', 2)[0].Trim();

    /// <summary>Runs to the end; cancelling kills it.</summary>
    /// <exception cref="ScannerException">The program is not installed.</exception>
    public static async Task<ToolRun> StartAsync(string program, IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        using var process = new Process
        {
            StartInfo = new ProcessStartInfo(program, arguments)
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            },
        };
        try
        {
            process.Start();
        }
        catch (Win32Exception e)
        {
            throw new ScannerException($"{program} cannot be started: {e.Message}", e);
        }

        process.StandardInput.Close();
        try
        {
            Task<string> output = ReadAsync(process.StandardOutput, cancellationToken);
            Task<string> error = ReadAsync(process.StandardError, cancellationToken);
            await process.WaitForExitAsync(cancellationToken).ConfigureAwait(false);
            return new ToolRun(process.ExitCode, await output.ConfigureAwait(false), await error.ConfigureAwait(false));
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            throw;
        }
    }

    private static async Task<string> ReadAsync(StreamReader reader, CancellationToken cancellationToken)
    {
        var text = new StringBuilder();
        char[] buffer = new char[4096];
        for (int read; (read = await reader.ReadAsync(buffer, cancellationToken).ConfigureAwait(false)) > 0;)
        {
            text.Append(buffer, 0, Math.Min(read, MaxTextLength - text.Length));
        }

        return text.ToString();
    }
}
