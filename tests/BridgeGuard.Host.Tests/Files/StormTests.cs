using BridgeGuard.Host.Tests.Attachments.Bridge;
using Xunit;

namespace BridgeGuard.Host.Tests.Files;

/// <summary>A slice of <c>bench/storm.py</c>: clients of every kind between real servers, guests with agents and clamdscan, a real clamd that counts what it judged.</summary>
public sealed class StormTests
{
    [Fact]
    public void ClientsOfEveryKindWithTheSameFilesCostOneScanAFile()
    {
        foreach (string program in (string[])["clamd", "nginx", "vsftpd", "smbd", "in.tftpd"])
        {
            Assert.SkipUnless(File.Exists("/usr/sbin/" + program), $"needs {program} (packaging/install-deps.sh)");
        }

        foreach (string program in (string[])["smbclient", "clamdscan", "python3", "curl"])
        {
            Assert.SkipUnless(File.Exists("/usr/bin/" + program), $"needs {program} (packaging/install-deps.sh)");
        }

        Assert.SkipUnless(Environment.IsPrivilegedProcess, "needs root");
        string agent = Path.Combine(AppContext.BaseDirectory, "bridgeguard-agent.dll");
        (int code, string output) = BridgeLab.Run(
            "timeout", $"-k 5 240 python3 {Repository()}/bench/storm.py --clients 20 --files 10 --at-once 8 --agent \"dotnet {agent}\" dotnet {Path.Combine(AppContext.BaseDirectory, "bridgeguard.dll")}");
        Assert.True(code == 0, output);
        Assert.Contains("clamd judged 10 contents; scans 10,", output, StringComparison.Ordinal);
    }

    private static string Repository()
    {
        DirectoryInfo? root = new(AppContext.BaseDirectory);
        while (root is not null && !File.Exists(Path.Combine(root.FullName, "BridgeGuard.sln")))
        {
            root = root.Parent;
        }

        return root?.FullName ?? throw new InvalidOperationException("the tests are not in their repository");
    }
}
