using System.Diagnostics;

namespace BridgeGuard.Host.Tests.Outputs;

/// <summary>A tmpfs that can be full, mounted for one test.</summary>
internal sealed class SmallDisk : IDisposable
{
    public SmallDisk(string path, string size)
    {
        Path = path;
        Directory.CreateDirectory(path);
        IsMounted = Run("mount", "-t", "tmpfs", "-o", "size=" + size, "tmpfs", path) == 0;
    }

    public string Path { get; }

    public bool IsMounted { get; }

    public void Resize(string size)
    {
        if (Run("mount", "-o", "remount,size=" + size, Path) != 0)
        {
            throw new InvalidOperationException("remount failed");
        }
    }

    public void Dispose()
    {
        if (IsMounted)
        {
            Run("umount", "-l", Path);
        }
    }

    private static int Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode;
    }
}
