using System.Diagnostics;
using Xunit;

namespace BridgeGuard.Host.Tests.Scanning;

/// <summary>The real server of a fleet's shared cache: Valkey where the machine has it, else Redis. <c>BRIDGEGUARD_TEST_REDIS</c> names another program.</summary>
internal static class RealRedis
{
    private static readonly string[] Programs = ["/usr/bin/valkey-server", "/usr/bin/redis-server"];

    public static string? Program { get; } = Environment.GetEnvironmentVariable("BRIDGEGUARD_TEST_REDIS") is { Length: > 0 } named ? named : Array.Find(Programs, File.Exists);

    /// <summary>What it says it is, for the test's output.</summary>
    public static string Version()
    {
        using Process asked = Process.Start(new ProcessStartInfo(Program!, "--version") { RedirectStandardOutput = true })!;
        string version = asked.StandardOutput.ReadToEnd().Trim();
        asked.WaitForExit();
        return version;
    }

    public static void SkipWithout()
    {
        if (Program is null)
        {
            Assert.Skip("needs valkey-server or redis-server (packaging/install-deps.sh)");
        }

        TestContext.Current.TestOutputHelper?.WriteLine(Version());
    }
}
