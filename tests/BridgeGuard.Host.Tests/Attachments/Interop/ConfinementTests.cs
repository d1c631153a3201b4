using System.Diagnostics;
using BridgeGuard.Attachments.Interop;
using BridgeGuard.Host.Tests.Attachments.Bridge;
using Xunit;

namespace BridgeGuard.Host.Tests.Attachments.Interop;

/// <summary>What the data plane gives up: tried out, not read from a table.</summary>
public sealed class ConfinementTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("bg-confined-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void UnderLandlockFilesAreChangedInTheNamedFoldersOnlyAndOtherProgramsDoNotStart()
    {
        string open = Directory.CreateDirectory(Path.Combine(_folder, "open")).FullName;
        string closed = Directory.CreateDirectory(Path.Combine(_folder, "closed")).FullName;
        File.WriteAllText(Path.Combine(closed, "kept"), "as it was");
        string? problem = null;
        string[] refused = [];
        OnAThread(() =>
        {
            problem = ThreadPrivileges.Keep([]) ?? Landlock.Restrict([open, "/dev/null", "/nowhere"], ["/bin/true"]);
            File.WriteAllText(Path.Combine(open, "new"), "x");
            File.Move(Path.Combine(open, "new"), Path.Combine(open, "moved"));
            File.Delete(Path.Combine(open, "moved"));
            Assert.Equal("as it was", File.ReadAllText(Path.Combine(closed, "kept")));
            refused =
            [
                .. new (string Name, Action Try)[]
                {
                    ("create", () => File.WriteAllText(Path.Combine(closed, "new"), "x")),
                    ("write", () => File.AppendAllText(Path.Combine(closed, "kept"), "x")),
                    ("delete", () => File.Delete(Path.Combine(closed, "kept"))),
                    ("folder", () => Directory.CreateDirectory(Path.Combine(closed, "sub"))),
                    ("link", () => File.CreateSymbolicLink(Path.Combine(open, "link"), Path.Combine(closed, "kept"))),
                    ("run", () => Process.Start("/bin/ls").WaitForExit()),
                }.Where(attempt => IsRefused(attempt.Try)).Select(attempt => attempt.Name),
            ];
        });
        Assert.SkipWhen(problem?.Contains("no Landlock", StringComparison.Ordinal) ?? false, problem ?? "");
        Assert.Null(problem);
        Assert.Equal(["create", "write", "delete", "folder", "link", "run"], refused);
        Assert.Equal("as it was", File.ReadAllText(Path.Combine(closed, "kept")));
    }

    [Fact]
    public void UnderTheFilterNoProgramStartsAndDangerousCallsAreRefused() =>
        Assert.Equal("filter: in force; execve: refused; setns: 1; mount: 1; socket(AF_ALG): 97; socket(AF_UNIX): made; late thread, setns: 1", BridgeChild.RunConfined());

    private static bool IsRefused(Action attempt)
    {
        try
        {
            attempt();
            return false;
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException or System.ComponentModel.Win32Exception)
        {
            return true;
        }
    }

    private static void OnAThread(Action action)
    {
        Exception? failure = null;
        Thread thread = new(() =>
        {
            try
            {
                action();
            }
            catch (Exception e)
            {
                failure = e;
            }
        });
        thread.Start();
        thread.Join();
        Assert.Null(failure);
    }
}
