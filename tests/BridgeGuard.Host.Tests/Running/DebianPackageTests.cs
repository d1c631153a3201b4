using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Host.Tests.Attachments.Bridge;
using BridgeGuard.Host.Tests.Scanning;
using Xunit;

namespace BridgeGuard.Host.Tests.Running;

/// <summary>The Debian package: it builds, holds what it should, and its removal script leaves a clean bridge.</summary>
public sealed class DebianPackageTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void ThePackageHoldsProgramRulesConfigurationAndUnit()
    {
        string package = Build();
        string files = Run("dpkg-deb", $"-c {package}");
        foreach (string file in (string[])["./usr/bin/bridgeguard -> ../lib/bridgeguard/bridgeguard", "./usr/lib/bridgeguard/bridgeguard.dll", "./etc/bridgeguard/bridgeguard.yaml",
            "./usr/lib/systemd/system/bridgeguard.service", "./etc/libvirt/hooks/qemu.d/bridgeguard", "./usr/share/bridgeguard/rules/roles/desktop.yaml", "./usr/share/bridgeguard/rules/classification.config"])
        {
            Assert.Contains(file, files, StringComparison.Ordinal);
        }

        Assert.DoesNotContain(".pdb", files, StringComparison.Ordinal);
        Assert.Contains("Package: bridgeguard", Run("dpkg-deb", $"-f {package}"), StringComparison.Ordinal);

        // The configuration names what is in the package, and is valid where it is unpacked.
        string root = _folder.File("root");
        Run("dpkg-deb", $"-x {package} {root}");
        string yaml = Path.Combine(root, "etc/bridgeguard/bridgeguard.yaml");
        File.WriteAllText(yaml, File.ReadAllText(yaml).Replace("/usr/share/bridgeguard", Path.Combine(root, "usr/share/bridgeguard"), StringComparison.Ordinal));
        Run("dotnet", $"{Path.Combine(root, "usr/lib/bridgeguard/bridgeguard.dll")} config validate -c {yaml}");
    }

    /// <summary>The guest's package: the program as it was published (here for the runtime, as compiling ahead of time takes a minute), its unit, its settings.</summary>
    [Fact]
    public void TheAgentsPackageHoldsProgramUnitAndSettings()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/dpkg-deb"), "needs dpkg-deb");
        string published = _folder.File("published");
        Directory.CreateDirectory(published);
        File.Copy(Path.Combine(AppContext.BaseDirectory, "bridgeguard-agent"), Path.Combine(published, "bridgeguard-agent"));
        File.Copy(Directory.EnumerateFiles(AppContext.BaseDirectory, "libsodium.so", SearchOption.AllDirectories).First(), Path.Combine(published, "libsodium.so"));
        Run("env", $"BRIDGEGUARD_AGENT_PUBLISH={published} sh {Path.Combine(Repository(), "packaging/debian/build-agent-deb.sh")} {_folder.Path}");
        string package = Assert.Single(Directory.GetFiles(_folder.Path, "bridgeguard-agent_*.deb"));
        string files = Run("dpkg-deb", $"-c {package}");
        foreach (string file in (string[])["./usr/bin/bridgeguard-agent -> ../lib/bridgeguard-agent/bridgeguard-agent", "./usr/lib/bridgeguard-agent/libsodium.so",
            "./usr/lib/systemd/system/bridgeguard-agent.service", "./etc/default/bridgeguard-agent"])
        {
            Assert.Contains(file, files, StringComparison.Ordinal);
        }

        string root = _folder.File("agent-root");
        Run("dpkg-deb", $"-x {package} {root}");
        string unit = File.ReadAllText(Path.Combine(root, "usr/lib/systemd/system/bridgeguard-agent.service"));
        foreach (string own in (string[])["ProtectSystem", "PrivateTmp", "PrivateMounts", "ReadWritePaths", "ProtectHome"])
        {
            Assert.DoesNotContain("\n" + own, unit, StringComparison.Ordinal); // It would watch mounts of its own.
        }

        // Every variable that the unit names has a value, and the options are the program's.
        string settings = File.ReadAllText(Path.Combine(root, "etc/default/bridgeguard-agent"));
        foreach (string name in (string[])["BRIDGEGUARD_HOST", "BRIDGEGUARD_OPTIONS", "BRIDGEGUARD_PATHS"])
        {
            Assert.Contains(name, unit, StringComparison.Ordinal);
            Assert.Contains($"\n{name}=", settings, StringComparison.Ordinal);
        }

        string help = Run("dotnet", $"{Path.Combine(AppContext.BaseDirectory, "bridgeguard-agent.dll")} --help");
        foreach (string option in (string[])["--host", "--state", "--fallback", "--key"])
        {
            Assert.Contains(option + " ", help, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void RemovalLeavesACleanBridgeAndAnUpgradeLeavesInspectionAlone()
    {
        using BridgeLab lab = new();
        string control = _folder.File("control");
        Run("dpkg-deb", $"-e {Build()} {control}");
        using RunningDaemon daemon = new(lab, "alert icmp any any -> any any (msg:\"x\"; itype:99; sid:1;)\n", processes: 2, bridge: "{name: br0, fail: closed}", more: "heartbeat-ms: 100");
        string program = _folder.File("bridgeguard");
        File.WriteAllText(program, $"#!/bin/sh\nexec nsenter --net=/run/netns/{lab.Host} dotnet {Path.Combine(AppContext.BaseDirectory, "bridgeguard.dll")} \"$@\"\n");
        Run("chmod", $"+x {program}");
        string Script(string arguments) => Run("env", $"BRIDGEGUARD={program} BRIDGEGUARD_CONFIG={daemon.ConfigFile} sh {Path.Combine(control, "prerm")} {arguments}");

        Assert.Equal("", Script("upgrade 0.2.0"));
        Assert.Single(daemon.Planes);

        // Crashed, with ports that are closed now: the hardest thing to remove.
        daemon.KillDaemon();
        daemon.SignalPlane("KILL");
        Assert.False(BridgeLab.Ping(lab.A, BridgeLab.AddressB));
        Assert.Contains("pinned program links were removed", Script("remove"), StringComparison.Ordinal);
        Assert.True(BridgeLab.Until(() => BridgeLab.Ping(lab.A, BridgeLab.AddressB)));

        // Running.
        daemon.StartAgain();
        Assert.Contains("the daemon (process", Script("remove"), StringComparison.Ordinal);
        daemon.WaitForExit();
        Assert.True(BridgeLab.Until(() => daemon.Planes.Count == 0));
        Assert.True(BridgeLab.Ping(lab.A, BridgeLab.AddressB));
        Assert.Equal(0, BridgeLab.In(lab.Host, () => BridgeAttachment.RemovePins(BridgeOptions.DefaultPinFolder, BridgeAttachment.NamespaceOf(0))));
    }

    private string Build()
    {
        if (!File.Exists("/usr/bin/dpkg-deb"))
        {
            Assert.Skip("needs dpkg-deb");
        }

        Run("env", $"BRIDGEGUARD_PUBLISH={AppContext.BaseDirectory} sh {Path.Combine(Repository(), "packaging/debian/build-deb.sh")} {_folder.Path}");
        return Assert.Single(Directory.GetFiles(_folder.Path, "bridgeguard_*.deb"));
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

    private static string Run(string program, string arguments)
    {
        (int code, string output) = BridgeLab.Run(program, arguments);
        Assert.True(code == 0, $"{program} {arguments}: {output}");
        return output;
    }
}
