using System.Diagnostics;
using BridgeGuard.Attachments.Guests;
using BridgeGuard.Daemon.Guests;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Host.Tests.Scanning;
using Xunit;

namespace BridgeGuard.Host.Tests.Guests;

/// <summary>What libvirt's, Proxmox VE's and our own files say of guests.</summary>
public sealed class GuestSourcesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly List<GuestFileProblem> _problems = [];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void ALibvirtDomainIsReadWithNamesTagsSystemAndPorts()
    {
        Write("qemu/web1.xml", GuestFixtures.LibvirtDefinition);

        GuestRecord guest = Assert.Single(LibvirtDomains.Read(_folder.File("qemu"), isRunning: false, _problems));

        Assert.Empty(_problems);
        Assert.Equal("web1", guest.Name);
        Assert.Equal("6f1c7f6e-3a4e-4f58-9d0b-0f6a2f4d9c11", guest.Uuid);
        Assert.Equal(["web", "prod"], guest.Tags);
        Assert.Equal("acme", guest.Tenant);
        Assert.Equal("debian12", guest.Os);
        Assert.Equal(2, guest.Nics.Count);
        Assert.Equal(0x525400112233u, guest.Nics[0].Mac);
        Assert.Equal("br0", guest.Nics[0].Bridge);
        Assert.Equal(20, guest.Nics[0].Vlan);
        Assert.Equal("10.0.0.11", Assert.Single(guest.Nics[0].Addresses).ToString());
        Assert.Contains("SR-IOV", guest.Nics[1].Uncovered);
    }

    [Fact]
    public void ARunningDomainNamesItsPort()
    {
        Write("run/web1.xml", GuestFixtures.LibvirtRunning);

        GuestRecord guest = Assert.Single(LibvirtDomains.Read(_folder.File("run"), isRunning: true, _problems));

        Assert.Equal(["vnet7"], guest.Nics[0].Ports);
        Assert.Equal("br0", guest.Nics[0].Bridge);
        Assert.Contains("macvtap (passthrough) on enp3s0", guest.Nics[1].Uncovered);
        Assert.Contains("vhost-user", guest.Nics[2].Uncovered);
    }

    [Fact]
    public void BrokenXmlHasItsPlaceAndDoesNotHideOthers()
    {
        Write("qemu/bad.xml", "<domain type='kvm'>\n  <name>x</nam>\n</domain>");
        Write("qemu/entity.xml", "<!DOCTYPE d [<!ENTITY a SYSTEM \"file:///etc/passwd\">]>\n<domain><name>&a;</name></domain>");
        Write("qemu/web1.xml", GuestFixtures.LibvirtDefinition);

        Assert.Single(LibvirtDomains.Read(_folder.File("qemu"), isRunning: false, _problems));

        Assert.Equal(2, _problems.Count);
        Assert.Contains(_problems, p => p.Line == 2 && p.File.EndsWith("bad.xml", StringComparison.Ordinal));
    }

    [Fact]
    public void AProxmoxMachineHasThePortsOfItsFirewallBridge()
    {
        Write("pve/qemu-server/100.conf", GuestFixtures.ProxmoxMachine);
        Write("pve/qemu-server/9000.conf", "name: golden\ntemplate: 1\nnet0: virtio=BC:24:11:00:00:99,bridge=vmbr0\n");

        GuestRecord guest = Assert.Single(ProxmoxGuests.Read(_folder.File("pve/qemu-server"), isContainer: false, _problems));

        Assert.Empty(_problems);
        Assert.Equal("sql-1", guest.Name);
        Assert.Equal("1b4e28ba-2fa1-11d2-883f-0016d3cca427", guest.Uuid);
        Assert.Equal(["database", "prod"], guest.Tags);
        Assert.Equal("l26", guest.Os);
        Assert.Equal(["fwpr100p0", "tap100i0"], guest.Nics[0].Ports);
        Assert.Equal(0xBC24112EC54Au, guest.Nics[0].Mac);
        Assert.Equal(30, guest.Nics[0].Vlan);
        Assert.Equal("10.0.30.5", Assert.Single(guest.Nics[0].Addresses).ToString());
        Assert.Equal(["tap100i1", "fwpr100p1"], guest.Nics[1].Ports);
        Assert.Contains("passed through", guest.Nics[2].Uncovered);
        Assert.Equal(3, guest.Nics.Count);
    }

    [Fact]
    public void AProxmoxContainerHasItsAddressesFromItsOwnFile()
    {
        Write("pve/lxc/101.conf", "arch: amd64\nhostname: proxy-1\nostype: debian\ntags: proxy\nnet0: name=eth0,bridge=vmbr0,hwaddr=BC:24:11:AA:BB:CC,ip=10.0.0.9/24,ip6=fd00::9/64,gw=10.0.0.1\n");

        GuestRecord guest = Assert.Single(ProxmoxGuests.Read(_folder.File("pve/lxc"), isContainer: true, _problems));

        Assert.Equal("proxy-1", guest.Name);
        Assert.Equal("veth101i0", guest.Nics[0].Ports[0]);
        Assert.Equal(2, guest.Nics[0].Addresses.Count);
    }

    [Fact]
    public void ABadLineOfProxmoxHasItsPlace()
    {
        Write("pve/qemu-server/7.conf", "name: x\nnet0: virtio=BC:24,bridge=vmbr0\nrubbish\n");

        Assert.Single(ProxmoxGuests.Read(_folder.File("pve/qemu-server"), isContainer: false, _problems));

        Assert.Equal([2, 3], _problems.Select(p => p.Line));
    }

    [Fact]
    public void RecordsOfOneGuestAreOneGuest()
    {
        Write("qemu/web1.xml", GuestFixtures.LibvirtDefinition);
        Write("run/web1.xml", GuestFixtures.LibvirtRunning);
        Write("vms/web1.yaml", "name: web1\ntags: [pci]\nrole: web-server\nmacs: [\"52:54:00:11:22:33\"]\naddresses: [10.0.0.12]\n");

        MergedGuest guest = Assert.Single(GuestInventory.Read(new GuestsModel { Libvirt = _folder.File("qemu"), LibvirtRunning = _folder.File("run"), VmFiles = _folder.File("vms") }).Guests);

        Assert.Equal("6f1c7f6e-3a4e-4f58-9d0b-0f6a2f4d9c11", guest.Key);
        Assert.Equal("web-server", guest.Role);
        Assert.Equal(["pci", "web", "prod"], guest.Tags);
        GuestNic nic = guest.Nics.First(n => n.Mac == 0x525400112233);
        Assert.Equal(["vnet7"], nic.Ports);
        Assert.Equal(["10.0.0.12", "10.0.0.11"], nic.Addresses.Select(a => a.ToString()));
    }

    [Fact]
    public void AVmFileWithAMistakeIsNamedAndLeftOut()
    {
        Write("vms/a.yaml", "name: a\nmac: [\"52:54:00:00:00:01\"]\n");

        GuestInventory inventory = GuestInventory.Read(new GuestsModel { VmFiles = _folder.File("vms") });

        Assert.Empty(inventory.Guests);
        Assert.Contains(inventory.Problems, p => p.Line == 2 && p.Message.Contains("unknown option 'mac', did you mean 'macs'?", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("52:54:00:12:34:56", 0x525400123456)]
    [InlineData("52-54-00-12-34-56", 0x525400123456)]
    [InlineData("01:00:5e:00:00:01", 0)]
    [InlineData("52:54:00:12:34", 0)]
    [InlineData("00:00:00:00:00:00", 0)]
    [InlineData("", 0)]
    public void EthernetAddressesOfStationsAreRead(string text, ulong expected)
    {
        Assert.Equal(expected != 0, GuestText.TryParseMac(text, out ulong mac));
        Assert.Equal(expected, mac);
    }

    [Fact]
    public void TheLibvirtHookTellsOfAGuestBeforeItsPortIsThere()
    {
        const string Xml = "<domain type='kvm'><name>web 1</name><uuid>11111111-2222-3333-4444-555555555555</uuid><devices>"
            + "<interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='br0'/></interface></devices></domain>";
        using TemporaryFolder folder = new();
        GuestsModel model = new() { LibvirtHook = folder.File("hook") };
        Assert.Empty(GuestInventory.Read(model).Guests);

        Assert.Equal(0, Hook(folder, "web 1", "prepare", "begin", Xml));
        MergedGuest guest = Assert.Single(GuestInventory.Read(model).Guests);
        Assert.Equal(("web 1", 0x525400000001ul), (guest.Name, guest.Nics[0].Mac));

        // What says nothing, or is no name, changes nothing and stops nobody.
        Assert.Equal(0, Hook(folder, "web 1", "started", "begin", ""));
        Assert.Equal(0, Hook(folder, "web 1", "migrate", "begin", "x"));
        Assert.Equal(0, Hook(folder, "../up", "prepare", "begin", Xml));
        Assert.Equal(0, Hook(folder, "", "prepare", "begin", Xml));
        Assert.Single(GuestInventory.Read(model).Guests);
        Assert.Equal(["web 1.xml"], Directory.GetFiles(folder.File("hook")).Select(Path.GetFileName));

        Assert.Equal(0, Hook(folder, "web 1", "release", "end", Xml));
        Assert.Empty(GuestInventory.Read(model).Guests);
        Assert.Empty(GuestInventory.Read(model).Problems);
    }

    private static int Hook(TemporaryFolder folder, string guest, string operation, string step, string xml)
    {
        ProcessStartInfo start = new(Path.Combine(Policies.ShippedRoles.Root, "packaging", "libvirt", "bridgeguard"), [guest, operation, step, "-"]) { RedirectStandardInput = true };
        start.Environment["BRIDGEGUARD_LIBVIRT_FOLDER"] = folder.File("hook");
        using Process process = Process.Start(start)!;
        try
        {
            process.StandardInput.Write(xml);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It did not want to read.
        }

        process.WaitForExit();
        return process.ExitCode;
    }

    [Fact]
    public void AddressesWithoutMeaningAreNone()
    {
        Assert.True(GuestText.TryParseAddress("10.0.0.1/24", out IpAddress address));
        Assert.Equal("10.0.0.1", address.ToString());
        Assert.False(GuestText.TryParseAddress("dhcp", out _));
        Assert.False(GuestText.TryParseAddress("0.0.0.0", out _));
    }

    private void Write(string name, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_folder.File(name))!);
        File.WriteAllText(_folder.File(name), text);
    }
}
