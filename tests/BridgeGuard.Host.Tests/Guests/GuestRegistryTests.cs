using System.Globalization;
using BridgeGuard.Attachments.Guests;
using BridgeGuard.Daemon.Guests;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Policy.Guests;
using BridgeGuard.Engine.Policy.Roles;
using BridgeGuard.Host.Tests.Attachments.Bridge;
using BridgeGuard.Host.Tests.Scanning;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace BridgeGuard.Host.Tests.Guests;

/// <summary>Identity stays with the guest, roles follow selectors, and what the wire shows is remembered.</summary>
public sealed class GuestRegistryTests : IDisposable
{
    private static readonly PolicyModel Policy = new([new RoleModel { Name = "default" }, new RoleModel { Name = "web-server" }, new RoleModel { Name = "database" }, new RoleModel { Name = "quarantine" }], []);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void AGuestKeepsItsIndexOverRebootAndPortRenaming()
    {
        Write("a.yaml", "name: a\nuuid: 6f1c7f6e-3a4e-4f58-9d0b-0f6a2f4d9c11\nports: [vnet1]\nmacs: [\"52:54:00:00:00:01\"]\n");
        Write("b.yaml", "name: b\nports: [vnet2]\n");
        GuestRegistry registry = Registry();
        ushort a = registry.Current.FindByPortName("vnet1");

        File.Delete(_folder.File("a.yaml"));
        registry.Rescan();
        Assert.Null(registry.Current.Get(a));
        Assert.Equal(0, registry.Current.FindByPortName("vnet1"));
        Write("a.yaml", "name: a-renamed\nuuid: 6f1c7f6e-3a4e-4f58-9d0b-0f6a2f4d9c11\nports: [vnet9]\nmacs: [\"52:54:00:00:00:01\"]\n");
        registry.Rescan();

        Assert.Equal(a, registry.Current.FindByPortName("vnet9"));
        Assert.Equal("a-renamed", registry.Current.Get(a)!.Name);
    }

    [Fact]
    public void TwoGuestsThatSwapAddressesKeepTheirNames()
    {
        Write("a.yaml", "name: a\nmacs: [\"52:54:00:00:00:01\"]\n");
        Write("b.yaml", "name: b\nmacs: [\"52:54:00:00:00:02\"]\n");
        GuestRegistry registry = Registry();
        ushort a = registry.Current.FindByMac(0x525400000001);
        ushort b = registry.Current.FindByMac(0x525400000002);
        registry.Observe(a, Address("10.0.0.1"));
        registry.Observe(b, Address("10.0.0.2"));
        Assert.Equal(a, registry.Current.FindByAddress(Address("10.0.0.1")));

        registry.Observe(a, Address("10.0.0.2"));
        registry.Observe(b, Address("10.0.0.1"));

        Assert.Equal(a, registry.Current.FindByAddress(Address("10.0.0.2")));
        Assert.Equal(b, registry.Current.FindByAddress(Address("10.0.0.1")));
        Assert.Equal(a, registry.Current.Find(0, 0x525400000001, Address("10.0.0.1")));
    }

    [Fact]
    public void WhatTheWireShowedIsKnownAfterARestart()
    {
        Write("a.yaml", "name: a\nmacs: [\"52:54:00:00:00:01\"]\n");
        GuestRegistry registry = Registry(stateFile: true);
        registry.Observe(registry.Current.FindByMac(0x525400000001), Address("10.0.0.1"));
        Assert.True(registry.SetQuarantine("a", true));

        GuestRegistry again = Registry(stateFile: true);

        ushort a = again.Current.FindByAddress(Address("10.0.0.1"));
        Assert.Equal("a", again.Current.Get(a)!.Name);
        Assert.True(again.Current.Get(a)!.IsQuarantined);
        Assert.Equal(3, again.Current.RoleOf(a));
    }

    [Fact]
    public void AnAddressThatWasGivenIsNotTakenBySeeingItElsewhere()
    {
        Write("a.yaml", "name: a\nmacs: [\"52:54:00:00:00:01\"]\naddresses: [10.0.0.1]\n");
        Write("b.yaml", "name: b\nmacs: [\"52:54:00:00:00:02\"]\n");
        GuestRegistry registry = Registry();

        registry.Observe(registry.Current.FindByMac(0x525400000002), Address("10.0.0.1"));

        Assert.Equal("a", registry.Current.Get(registry.Current.FindByAddress(Address("10.0.0.1")))!.Name);
    }

    [Fact]
    public void SelectorsGiveRolesAndNamesGoBeforePatterns()
    {
        Write("a.yaml", "name: web-1\nports: [p1]\n");
        Write("b.yaml", "name: x\ntags: [db]\nports: [p2]\n");
        Write("c.yaml", "name: y\nos: debian12\nvlan: 20\nports: [p3]\n");
        Write("d.yaml", "name: z\nrole: database\ntags: [web]\nports: [p4]\n");
        Write("e.yaml", "name: web-special\nports: [p5]\n");
        GuestRegistry registry = Registry(
            new RoleSelector("web-server", "r:1:1") { Names = ["web-*"], Vlans = [(20, 29)], Tags = ["web"] },
            new RoleSelector("database", "r:2:1") { Tags = ["db"], Guests = ["web-special"] });

        Assert.Equal(["web-server", "database", "web-server", "database", "database"], new[] { "p1", "p2", "p3", "p4", "p5" }.Select(p => RoleOf(registry, p)));
    }

    [Fact]
    public void AGuestThatAppearsWithTwoRolesHasTheDefaultOneLoudly()
    {
        Write("a.yaml", "name: a\nports: [p1]\n");
        GuestRegistry registry = Registry(new RoleSelector("web-server", "r:1:1") { Names = ["web*"] }, new RoleSelector("database", "r:2:1") { Tags = ["db"] });
        var told = new List<GuestChange>();
        registry.Told += told.Add;
        Write("b.yaml", "name: web1\ntags: [db]\nports: [p2]\n");
        registry.Rescan();

        Assert.Equal("default", RoleOf(registry, "p2"));
        Assert.Contains(told, t => t.Kind == "role-conflict" && t.Detail.Contains("web-server and database", StringComparison.Ordinal));
    }

    [Fact]
    public void UncoveredInterfacesAreTold()
    {
        Directory.CreateDirectory(_folder.File("qemu"));
        GuestRegistry registry = new(new GuestsModel { Libvirt = _folder.File("qemu") }, Policy);
        var told = new List<GuestChange>();
        registry.Told += told.Add;
        File.WriteAllText(Path.Combine(_folder.File("qemu"), "web1.xml"), GuestFixtures.LibvirtDefinition);
        registry.Rescan();

        Assert.Contains(told, t => t.Kind == "uncovered" && t.Guest == "web1" && t.Detail.Contains("SR-IOV", StringComparison.Ordinal));
        GuestListing listing = GuestListing.Of(registry, [new BridgePort("vnet99", 9, "br0")], ["br0"], []);
        Assert.Contains("SR-IOV", Assert.Single(listing.Guests).Uncovered[0]);
        Assert.Equal(["vnet99"], listing.UnknownPorts);
    }

    [Fact]
    public void AnUnchangedRescanPublishesNothing()
    {
        Write("a.yaml", "name: a\nports: [p1]\n");
        GuestRegistry registry = Registry();
        GuestSet before = registry.Current;
        int changes = 0;
        registry.Changed += _ => changes++;

        registry.Rescan();

        Assert.Equal(0, changes);
        Assert.Same(before, registry.Current);
    }

    [Fact]
    public async Task AChangedFileIsPickedUpWithoutARestart()
    {
        Write("a.yaml", "name: a\nports: [p1]\n");
        GuestsModel model = new() { VmFiles = _folder.Path, RescanSeconds = 3600 };
        GuestRegistry registry = new(model, Policy);
        using GuestWatcher watcher = new(registry, NullLogger<GuestWatcher>.Instance);
        await watcher.StartAsync(TestContext.Current.CancellationToken);
        await Task.Delay(300, TestContext.Current.CancellationToken);

        Write("b.yaml", "name: b\nports: [p2]\n");

        Assert.True(BridgeLab.Until(() => registry.Current.FindByPortName("p2") != 0));
        await watcher.StopAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public void FiveHundredGuestsAreFoundByPortMacAndAddress()
    {
        GuestModel?[] guests = [null, .. Enumerable.Range(1, 500).Select(i => new GuestModel { Name = $"g{i}", Macs = [0x525400000000u + (ulong)i], Ports = [$"tap{i}i0"], Addresses = [IpAddress.FromV4(0x0a000000u + (uint)i)] })];
        GuestSet set = new(guests, 1);

        Assert.Equal(500, set.Count);
        Assert.Equal(321, set.FindByPortName("tap321i0"));
        Assert.Equal(123, set.FindByMac(0x525400000000u + 123));
        Assert.Equal(500, set.FindByAddress(IpAddress.FromV4(0x0a000000u + 500)));
        Assert.Equal(7, set.Find(7, 0x525400000000u + 123, default));
    }

    [Fact]
    public void AThousandGuestsOfFilesAreFoundByTheirPortsAndKeepTheirIndexes()
    {
        const int count = 1000;
        for (int i = 0; i < count; i++)
        {
            File.WriteAllText(_folder.File($"g{i}.yaml"), string.Create(CultureInfo.InvariantCulture, $"name: g{i}\nports: [tap{i}i0]\nmacs: [\"02:00:00:00:{i >> 8:x2}:{i & 255:x2}\"]\ntags: [{(i % 2 == 0 ? "desk" : "other")}]\n"));
        }

        GuestRegistry registry = Registry(new RoleSelector("database", "r.yaml:1:1") { Tags = ["desk"] });
        Assert.Equal(count, registry.Current.Count);
        ushort[] before = [.. Enumerable.Range(0, count).Select(i => registry.Current.FindByPortName($"tap{i}i0"))];
        Assert.Equal(count, before.Distinct().Count(i => i != 0));
        Assert.All(Enumerable.Range(0, count), i => Assert.Equal($"g{i}", registry.Current.Get(registry.Current.FindByMac(0x020000000000u | (uint)i))!.Name));
        Assert.Equal(("database", "default"), (RoleOf(registry, "tap998i0"), RoleOf(registry, "tap999i0")));

        // One goes, one is renamed: nobody else is another.
        File.Delete(_folder.File("g500.yaml"));
        Write("g7.yaml", "name: g7\nports: [renamed]\nmacs: [\"02:00:00:00:00:07\"]\n");
        registry.Rescan();
        Assert.Equal(count - 1, registry.Current.Count);
        Assert.Equal(before[7], registry.Current.FindByPortName("renamed"));
        Assert.All(Enumerable.Range(0, count).Where(i => i is not (7 or 500)), i => Assert.Equal(before[i], registry.Current.FindByPortName($"tap{i}i0")));
    }

    private static IpAddress Address(string text) => IpAddress.TryParse(text, out IpAddress address) ? address : default;

    private static string RoleOf(GuestRegistry registry, string port) => Policy.Roles[registry.Current.RoleOf(registry.Current.FindByPortName(port))].Name;

    private GuestRegistry Registry(params RoleSelector[] selectors) => new(new GuestsModel { VmFiles = _folder.Path, Selectors = selectors }, Policy);

    private GuestRegistry Registry(bool stateFile) => new(new GuestsModel { VmFiles = _folder.Path }, Policy, stateFile ? _folder.File("guests.json") : null);

    private void Write(string name, string text)
    {
        File.WriteAllText(_folder.File(name) + ".new", text);
        File.Move(_folder.File(name) + ".new", _folder.File(name), overwrite: true);
    }
}
