using System.Diagnostics;

namespace BridgeGuard.Host.Tests.Scanning;

/// <summary>A real clamd with small signature databases of our own; absent where clamd or the exam files are not there.</summary>
internal sealed class RealClamd : IDisposable
{
    private const string Program = "/usr/sbin/clamd";

    private readonly Process _process;
    private readonly TemporaryFolder _folder;

    private RealClamd(Process process, TemporaryFolder folder, string files)
    {
        _process = process;
        _folder = folder;
        Files = files;
    }

    public static string SkipReason => "needs /usr/sbin/clamd (packages clamav-daemon, clamdscan) and ../shared/exam/files";

    /// <summary>The exam's folder of test files.</summary>
    public string Files { get; }

    public string SocketPath => _folder.File("clamd.sock");

    public string DatabaseFolder => _folder.File("db");

    /// <summary>Starts one, or returns null when something it needs is not there.</summary>
    public static async Task<RealClamd?> StartAsync()
    {
        if (FindFiles() is not { } files || !File.Exists(Program))
        {
            return null;
        }

        var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder.File("db"));
        foreach (string file in Directory.GetFiles(Path.Combine(files, "clamdb")))
        {
            File.WriteAllBytes(Path.Combine(folder.File("db"), Path.GetFileName(file)), File.ReadAllBytes(file));
        }

        File.WriteAllText(folder.File("clamd.conf"), $"""
            Foreground yes
            DatabaseDirectory {folder.File("db")}
            LocalSocket {folder.File("clamd.sock")}
            TemporaryDirectory {folder.Path}
            StreamMaxLength 30M
            User {Environment.UserName}
            """);
        var process = Process.Start(new ProcessStartInfo(Program, ["-c", folder.File("clamd.conf")])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        process.OutputDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        for (int i = 0; i < 200 && !File.Exists(folder.File("clamd.sock")) && !process.HasExited; i++)
        {
            await Task.Delay(50);
        }

        return new RealClamd(process, folder, files);
    }

    public void Dispose()
    {
        _process.Kill();
        _process.WaitForExit(5000);
        _process.Dispose();
        _folder.Dispose();
    }

    private static string? FindFiles()
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            string files = Path.Combine(at.FullName, "shared", "exam", "files");
            if (Directory.Exists(files))
            {
                return files;
            }
        }

        return null;
    }
}
