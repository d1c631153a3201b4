using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.Json;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Engine.Detection;

namespace BridgeGuard.Daemon.Services;

/// <summary>Compiles the rules of a reload in a process of its own, which leaves the set in the cache.</summary>
/// <remarks>
/// Inside the daemon a compile of 40,000 rules makes hundreds of megabytes of objects, and the collections that they cause stop the workers for a hundred
/// milliseconds at a time. Loading the finished set makes a few hundred arrays. Thread: the reload's.
/// </remarks>
public static class CompilerProcess
{
    /// <summary>The verb of the program that compiles: <c>bridgeguard rules compile</c>.</summary>
    private static readonly string[] Verb = ["rules", "compile"];

    private static readonly TimeSpan LongestCompile = TimeSpan.FromMinutes(5);

    /// <summary>What a reload is worth against traffic: a third of a normal share of the CPU.</summary>
    private const int Niceness = 10;

    /// <summary>Runs the compiler for this process; false with a reason when it did not end well.</summary>
    public static bool TryRun(DaemonModel model, out string problem) => TryRun(model, VariableNames.Shared.All(), out problem);

    /// <summary>The same for a process whose flow variables have these names, by number.</summary>
    public static bool TryRun(DaemonModel model, IReadOnlyList<string> names, out string problem)
    {
        problem = "";
        ProcessStartInfo start = new(Environment.ProcessPath!) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardError = true };
        if (Path.GetFileNameWithoutExtension(start.FileName) == "dotnet")
        {
            start.ArgumentList.Add(Assembly.GetEntryAssembly()!.Location);
        }

        foreach (string argument in (IEnumerable<string>)[.. Verb, "--names-from-stdin", .. model.Arguments])
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment["DOTNET_gcConcurrent"] = "0";
        start.Environment.Remove("DOTNET_GCgen0size");
        try
        {
            using Process compiler = Process.Start(start)!;
            using (compiler.StandardInput)
            {
                // Numbers of flow variables are those of the process that runs the rules: the compiler begins with them.
                JsonSerializer.Serialize(compiler.StandardInput.BaseStream, names);
            }

            Task<string> said = compiler.StandardError.ReadToEndAsync();
            if (!compiler.WaitForExit(LongestCompile))
            {
                compiler.Kill();
                problem = $"the compiler did not end within {LongestCompile.TotalMinutes} minutes";
                return false;
            }

            if (compiler.ExitCode is not (ExitCodes.Ok or ExitCodes.BadRules))
            {
                string[] lines = said.Result.Split('\n', StringSplitOptions.RemoveEmptyEntries);
                problem = $"the compiler ended with {compiler.ExitCode}: {(lines.Length > 0 ? lines[^1] : "no word why")}";
                return false;
            }

            return true;
        }
        catch (Exception error) when (error is System.ComponentModel.Win32Exception or IOException or InvalidOperationException)
        {
            problem = error.Message;
            return false;
        }
    }

    /// <summary>Runs work on a thread that yields to the workers.</summary>
    public static T RunGently<T>(Func<T> work)
    {
        T? result = default;
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                BeNice();
                result = work();
            }
            catch (Exception error)
            {
                failure = error; // Thrown again where it was asked for.
            }
        })
        {
            Name = "rule-compiler",
            IsBackground = true,
        };
        thread.Start();
        thread.Join();
        return failure is null ? result! : throw new InvalidOperationException("compiling the rules failed", failure);
    }

    /// <summary>Lets others go first, for the calling thread or (first thread) process; without effect where the kernel refuses.</summary>
    public static void BeNice() => _ = setpriority(0, 0, Niceness);

    /// <summary>
    /// The same for a whole process that has only begun: in a session of its own, as kernels that schedule by session (autogroup) compare niceness only within one.
    /// </summary>
    public static void BeNiceApart()
    {
        BeNice();
        if (setsid() < 0)
        {
            return;
        }

        try
        {
            File.WriteAllText("/proc/self/autogroup", Niceness.ToString(System.Globalization.CultureInfo.InvariantCulture));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // A kernel without it, or one that does not want to be asked now.
        }
    }

#pragma warning disable SYSLIB1054 // LibraryImport makes unsafe code, which this project does not allow.
    [DllImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int setpriority(int which, uint who, int niceness);

    [DllImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int setsid();
#pragma warning restore SYSLIB1054
}
