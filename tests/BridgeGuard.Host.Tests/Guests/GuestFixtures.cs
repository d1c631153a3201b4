namespace BridgeGuard.Host.Tests.Guests;

/// <summary>Hypervisors' files as they lie on a host, written for these tests after the formats' documentation.</summary>
internal static class GuestFixtures
{
    public const string LibvirtDefinition = """
        <!--
        WARNING: THIS IS AN AUTO-GENERATED FILE. CHANGES TO IT ARE LIKELY TO BE
        OVERWRITTEN AND LOST.
        -->
        <domain type='kvm'>
          <name>web1</name>
          <uuid>6f1c7f6e-3a4e-4f58-9d0b-0f6a2f4d9c11</uuid>
          <metadata>
            <libosinfo:libosinfo xmlns:libosinfo="http://libosinfo.org/xmlns/libvirt/domain/1.0">
              <libosinfo:os id="http://debian.org/debian/12"/>
            </libosinfo:libosinfo>
            <bg:guest xmlns:bg="https://bridgeguard.io/xmlns/guest/1">
              <bg:tag>web</bg:tag>
              <bg:tag>prod</bg:tag>
              <bg:tenant>acme</bg:tenant>
            </bg:guest>
          </metadata>
          <memory unit='KiB'>2097152</memory>
          <vcpu placement='static'>2</vcpu>
          <os><type arch='x86_64' machine='pc-q35-8.2'>hvm</type></os>
          <devices>
            <emulator>/usr/bin/qemu-system-x86_64</emulator>
            <interface type='bridge'>
              <mac address='52:54:00:11:22:33'/>
              <source bridge='br0'/>
              <vlan><tag id='20'/></vlan>
              <model type='virtio'/>
              <filterref filter='clean-traffic'>
                <parameter name='IP' value='10.0.0.11'/>
              </filterref>
            </interface>
            <interface type='hostdev' managed='yes'>
              <mac address='52:54:00:11:22:34'/>
              <source><address type='pci' domain='0x0000' bus='0x03' slot='0x10' function='0x1'/></source>
            </interface>
          </devices>
        </domain>
        """;

    public const string LibvirtRunning = """
        <domstatus state='running' reason='booted' pid='4711'>
          <taint flag='host-cpu'/>
          <domain type='kvm' id='7'>
            <name>web1</name>
            <uuid>6f1c7f6e-3a4e-4f58-9d0b-0f6a2f4d9c11</uuid>
            <devices>
              <interface type='network'>
                <mac address='52:54:00:11:22:33'/>
                <source network='lan' portid='0cb0b7d2-6b4c-4a86-8b1d-0c2a7b7d1f55'/>
                <actual type='bridge'><source bridge='br0'/></actual>
                <target dev='vnet7'/>
                <model type='virtio'/>
              </interface>
              <interface type='direct'>
                <mac address='52:54:00:11:22:35'/>
                <source dev='enp3s0' mode='passthrough'/>
                <target dev='macvtap0'/>
              </interface>
              <interface type='vhostuser'>
                <mac address='52:54:00:11:22:36'/>
                <source type='unix' path='/run/vhu1.sock' mode='server'/>
              </interface>
            </devices>
          </domain>
        </domstatus>
        """;

    public const string ProxmoxMachine = """
        #The orders database.
        #Ask the data team before you touch it.
        agent: 1
        boot: order=scsi0;net0
        cores: 4
        hostpci0: 0000:03:10.2,pcie=1
        ipconfig0: gw=10.0.30.1,ip=10.0.30.5/24
        memory: 8192
        meta: creation-qemu=8.1.5,ctime=1700000000
        name: sql-1
        net0: virtio=BC:24:11:2E:C5:4A,bridge=vmbr0,firewall=1,tag=30
        net1: virtio=BC:24:11:2E:C5:4B,bridge=vmbr1
        ostype: l26
        scsi0: local-lvm:vm-100-disk-0,size=64G
        smbios1: uuid=1b4e28ba-2fa1-11d2-883f-0016d3cca427
        tags: database;prod

        [before-upgrade]
        name: sql-0
        net0: virtio=BC:24:11:2E:C5:4C,bridge=vmbr9
        tags: old
        """;
}
