using System.Diagnostics;
using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Attachments.Interop;
using Xunit;

namespace BridgeGuard.Host.Tests.Attachments.Bridge;

/// <summary>What <c>bridgeguard doctor</c> says of a host: one line for each thing that is missing, with what helps.</summary>
public sealed class HostProbeTests : IDisposable
{
    private readonly BridgeLab _lab = new();

    public void Dispose() => _lab.Dispose();

    [Fact]
    public void APortWithoutOffloadsIsNamedWithTheCommandThatHelps()
    {
        Assert.Equal(0, BridgeLab.Run("ip", $"netns exec {_lab.Host} ethtool -K pa gso off gro off").Code);
        IReadOnlyList<HostFinding> findings = BridgeLab.In(_lab.Host, () => HostProbe.Look());
        HostFinding finding = Assert.Single(findings, finding => finding.What.StartsWith("offloads", StringComparison.Ordinal));
        Assert.Equal((HostFindingKind.Note, "offloads of pa"), (finding.Kind, finding.What));
        Assert.Contains("ethtool -K pa gso on gro on", finding.Advice, StringComparison.Ordinal);
        Assert.All(findings, finding => Assert.DoesNotContain('\n', finding.ToString()));
        Assert.DoesNotContain(findings, finding => finding.Kind == HostFindingKind.Missing);
    }

    [Fact]
    public void WithoutPrivilegesEachIsAskedForInALineOfItsOwn()
    {
        string output = "";
        int code = 0;

        // A program that a thread without capabilities starts has none, whoever's it is.
        Thread thread = new(() =>
        {
            ThreadPrivileges.Keep([]);
            ProcessStartInfo start = new("dotnet", [Path.Combine(AppContext.BaseDirectory, "bridgeguard.dll"), "doctor"]) { RedirectStandardOutput = true };
            using Process doctor = Process.Start(start)!;
            output = doctor.StandardOutput.ReadToEnd();
            doctor.WaitForExit();
            code = doctor.ExitCode;
        });
        thread.Start();
        thread.Join();
        Assert.NotEqual(0, code);
        string[] lines = output.Split('\n');
        Assert.Contains(lines, line => line.StartsWith("missing  privilege CAP_NET_ADMIN: ", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.StartsWith("missing  privilege CAP_BPF: ", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.StartsWith("note     privilege CAP_NET_RAW: ", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.StartsWith("missing  the kernel takes the eBPF programs: ", StringComparison.Ordinal));
    }
}
