using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using BridgeGuard.Host.Tests.Attachments.Bridge;
using BridgeGuard.Host.Tests.Scanning;
using Xunit;

namespace BridgeGuard.Host.Tests.Running;

/// <summary>A real guest (<see cref="QemuGuest"/>) with virtio-net on a TAP of the bridge.</summary>
public sealed class QemuGuestTests : IDisposable
{
    private const int PageBytes = 300_000;

    private readonly BridgeLab _lab = new();
    private readonly TemporaryFolder _folder = new();
    private readonly byte[] _page = RandomNumberGenerator.GetBytes(PageBytes);
    private readonly CancellationTokenSource _stop = new();

    public void Dispose()
    {
        _stop.Cancel();
        _lab.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void ARealGuestDownloadsIsBlockedAndOutlivesTheDaemon()
    {
        using QemuGuest guest = QemuGuest.Find();
        string disk = _folder.File("initrd");
        guest.MakeDisk($$"""
            ip link set lo up
            ip addr add 10.77.0.9/24 dev eth0
            ip link set eth0 up
            ask() { printf "GET $1 HTTP/1.0\r\nHost: b\r\n\r\n" | timeout 5 nc -w 3 {{BridgeLab.AddressB}} 8000; }
            echo READY
            while true; do
              echo "GOOD $(ask /good | tail -c {{PageBytes}} | md5sum | cut -c1-32)"
              if ask /ev1l | grep -q 200; then echo "EVIL passed"; else echo "EVIL blocked"; fi
            done
            """).Save(disk);
        using Socket listener = BridgeLab.Listen(_lab.B, 8000);
        new Thread(() => Serve(listener)) { IsBackground = true }.Start();
        BridgeLab.Ip($"-n {_lab.Host} tuntap add tq mode tap vnet_hdr");
        BridgeLab.Ip($"-n {_lab.Host} link set tq master br0 up");
        using RunningDaemon daemon = new(
            _lab, """drop http any any -> any any (msg:"exploit"; flow:established,to_server; http.uri; content:"/ev1l"; sid:1;)""");
        guest.Boot(disk, 256, _lab.Host, "-netdev", "tap,id=n,ifname=tq,script=no,downscript=no", "-device", "virtio-net-pci,netdev=n,romfile=,mac=02:77:00:00:00:09");
        string good = $"GOOD {Convert.ToHexStringLower(MD5.HashData(_page))}";
        Assert.True(guest.Until(good, 2, 20_000), $"the guest cannot download: {guest.Console}");
        Assert.True(guest.Until("EVIL blocked", 2, 20_000), $"the guest is not blocked: {guest.Console}");
        Assert.DoesNotContain("EVIL passed", guest.Console, StringComparison.Ordinal);
        Assert.True(BridgeLab.Until(() => daemon.Records("alert").Count > 0));

        daemon.KillDaemon();
        int before = guest.Count(good);
        Assert.True(guest.Until(good, before + 3, 20_000), $"the guest's traffic did not survive: {guest.Console}");
        Assert.True(guest.Until("EVIL passed", 1, 20_000), "with the daemon dead and the port open nothing is blocked");
    }

    private void Serve(Socket listener)
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                using Socket client = listener.Accept();
                client.ReceiveTimeout = client.SendTimeout = 3000;
                byte[] request = new byte[4096];
                int got = client.Receive(request);
                byte[] body = request.AsSpan(0, got).IndexOf("/good"u8) >= 0 ? _page : "x"u8.ToArray();
                client.Send(Encoding.ASCII.GetBytes($"HTTP/1.0 200 OK\r\nContent-Length: {body.Length}\r\n\r\n"));
                client.Send(body);
            }
            catch (SocketException)
            {
                // A blocked request never ends; the next one comes.
            }
            catch (ObjectDisposedException)
            {
                return;
            }
        }
    }
}
