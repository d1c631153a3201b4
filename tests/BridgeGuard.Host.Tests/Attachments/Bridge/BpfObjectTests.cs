using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using BridgeGuard.Attachments.Bridge;
using Xunit;

namespace BridgeGuard.Host.Tests.Attachments.Bridge;

/// <summary>The committed object is what its sources say, and both halves agree on layouts.</summary>
public sealed class BpfObjectTests
{
    private static string Folder([CallerFilePath] string here = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "../../../../src/BridgeGuard.Attachments/Bridge/Bpf"));

    [Fact]
    public void TheSourcesHaveNotChangedSinceTheObjectWasBuilt()
    {
        byte[] sources = [.. new[] { "kernel.h", "bridgeguard.h", "bridge.bpf.c" }.SelectMany(name => File.ReadAllBytes(Path.Combine(Folder(), name)))];
        string recorded = File.ReadAllText(Path.Combine(Folder(), "built.sha256")).Trim();
        Assert.Equal(recorded, Convert.ToHexStringLower(SHA256.HashData(sources)));
    }

    [Fact]
    public void RebuildingGivesTheCommittedObject()
    {
        string version = File.ReadAllText(Path.Combine(Folder(), "built.version")).Trim();
        string installed;
        try
        {
            installed = BridgeLab.Run("clang", "--version").Output;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip("needs clang");
            return;
        }

        Assert.SkipUnless(installed.Contains($"version {version}", StringComparison.Ordinal), $"needs clang {version}, the version the object was built with");
        using ScratchFolder scratch = new();
        (int code, string output) = BridgeLab.Run("sh", $"{Folder()}/build.sh {scratch.Path}");
        Assert.True(code == 0, output);
        Assert.Equal(File.ReadAllBytes(Path.Combine(Folder(), "bridge.bpf.o")), File.ReadAllBytes(Path.Combine(scratch.Path, "bridge.bpf.o")));
    }

    [Fact]
    public void LayoutsHaveTheSizesThatTheMapsDeclare()
    {
        Dictionary<string, (uint Key, uint Value)> maps = BpfObject.Embedded().Maps.ToDictionary(map => map.Name, map => (map.KeySize, map.ValueSize));
        Assert.Equal((4u, (uint)KernelLayout.StateBytes), maps["bg_state"]);
        Assert.Equal((4u, (uint)Unsafe.SizeOf<KernelPort>()), maps["bg_ports"]);
        Assert.Equal((4u, (uint)Unsafe.SizeOf<KernelTarget>()), maps["bg_targets"]);
        Assert.Equal((4u, (uint)Unsafe.SizeOf<KernelPortCounters>()), maps["bg_counters"]);
        Assert.Equal(((uint)Unsafe.SizeOf<FlowKey>(), (uint)Unsafe.SizeOf<KernelFlow>()), maps["bg_pass"]);
        Assert.Equal(((uint)Unsafe.SizeOf<FlowKey>(), (uint)Unsafe.SizeOf<KernelFlow>()), maps["bg_drop"]);
        Assert.Equal(((uint)Unsafe.SizeOf<KernelMac>(), (uint)Unsafe.SizeOf<KernelBlocked>()), maps["bg_macs"]);
        Assert.Equal(((uint)Unsafe.SizeOf<KernelIp>(), (uint)Unsafe.SizeOf<KernelBlocked>()), maps["bg_ips"]);
        Assert.Equal(((uint)Unsafe.SizeOf<FlowKey>(), (uint)Unsafe.SizeOf<KernelFlowAct>()), maps["bg_acts"]);
        Assert.Equal(((uint)Unsafe.SizeOf<KernelRemedy>(), (uint)Unsafe.SizeOf<KernelCount>()), maps["bg_remedies"]);
        Assert.Equal(((uint)Unsafe.SizeOf<KernelBindingKey>(), (uint)Unsafe.SizeOf<KernelBinding>()), maps["bg_bindings"]);
        Assert.Equal((4u, (uint)Unsafe.SizeOf<KernelLimit>()), maps["bg_limits"]);
    }

    [Fact]
    public void ACutOrForeignObjectIsRefusedWithoutReadingPastIt()
    {
        byte[] whole = File.ReadAllBytes(Path.Combine(Folder(), "bridge.bpf.o"));
        for (int length = 0; length < whole.Length; length += 97)
        {
            byte[] cut = whole[..length];
            Assert.ThrowsAny<Exception>(() => BpfObject.Parse(cut));
        }
    }
}
