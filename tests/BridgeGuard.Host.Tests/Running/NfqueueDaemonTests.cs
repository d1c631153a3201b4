using System.Net.Sockets;
using BridgeGuard.Host.Tests.Attachments.Bridge;
using BridgeGuard.Host.Tests.Attachments.Nfqueue;
using Xunit;

namespace BridgeGuard.Host.Tests.Running;

/// <summary>The whole program with <c>attach: nfqueue</c>.</summary>
public sealed class NfqueueDaemonTests : IDisposable
{
    private readonly BridgeLab _lab = new();

    public NfqueueDaemonTests() => RunningQueue.SkipUnlessPossible(_lab);

    public void Dispose() => _lab.Dispose();

    [Fact]
    public void RulesDropAndTheHostIsCleanAfterwards()
    {
        // Somebody else's, in the chain that ours is called from and in one of their own; the first of them is still the first afterwards.
        foreach (string rule in (string[])["-N OTHERS", "-A OTHERS -j RETURN", "-A FORWARD -s 10.9.9.9 -j DROP", "-A FORWARD -j OTHERS"])
        {
            Assert.Equal(0, BridgeLab.Run("ip", $"netns exec {_lab.Host} iptables -w {rule}").Code);
        }

        string before = Rules();
        Assert.Contains("10.9.9.9", before, StringComparison.Ordinal);
        using (RunningDaemon daemon = new(
            _lab, """drop udp any any -> any any (msg:"bad word"; content:"attack"; sid:1;)""", more: "attach: nfqueue\nnfqueue: {first-queue: 77, rules: iptables}"))
        {
            Assert.Contains("--queue-num 77", Rules(), StringComparison.Ordinal);
            using Socket b = BridgeLab.Udp(_lab.B, port: 9000);
            using Socket a = BridgeLab.Udp(_lab.A, to: BridgeLab.AddressB, toPort: 9000);
            byte[] buffer = new byte[100];
            a.Send("hello"u8);
            Assert.Equal(5, b.Receive(buffer));
            a.Send("attack"u8);
            a.Send("hello again"u8);
            Assert.Equal(11, b.Receive(buffer));
            Assert.True(BridgeLab.Until(() => daemon.Records("alert").Count == 1));
            Assert.Equal("blocked", daemon.Records("alert")[0].GetProperty("alert").GetProperty("action").GetString());
            Assert.True(BridgeLab.Until(() => daemon.Coverage("pa").GetProperty("inspectedBytes").GetInt64() > 0));
            Assert.Equal(0, daemon.Stop());
        }

        Assert.Equal(before, Rules());
        Assert.True(BridgeLab.Ping(_lab.A, BridgeLab.AddressB));
    }

    [Fact]
    public void APacketGoesOnWithTheBitsThatItsRuleSets()
    {
        BridgeLab.Run("ip", $"netns exec {_lab.Host} iptables -w -t mangle -A POSTROUTING -p udp --dport 9000 -m mark --mark 0x47");
        using RunningDaemon daemon = new(
            _lab, """alert udp any any -> any any (msg:"marked"; content:"attack"; nfq_set_mark:0x4f/0xf0; sid:1;)""",
            more: "attach: nfqueue\nnfqueue: {first-queue: 77, rules: iptables}");

        // Other marks of the host stay: this one comes before the queue.
        BridgeLab.Run("ip", $"netns exec {_lab.Host} iptables -w -t mangle -A PREROUTING -p udp --dport 9000 -j MARK --set-mark 0x37");
        using Socket b = BridgeLab.Udp(_lab.B, port: 9000);
        using Socket a = BridgeLab.Udp(_lab.A, to: BridgeLab.AddressB, toPort: 9000);
        byte[] buffer = new byte[100];
        foreach (string text in (string[])["attack", "hello", "attack", "hello"])
        {
            a.Send(System.Text.Encoding.ASCII.GetBytes(text));
            Assert.Equal(text.Length, b.Receive(buffer));
        }

        string counted = BridgeLab.Run("ip", $"netns exec {_lab.Host} iptables -w -t mangle -L POSTROUTING -v -x -n").Output.Split('\n')
            .Single(line => line.Contains("mark match 0x47", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[0];
        Assert.Equal("2", counted);
    }

    private string Rules() => BridgeLab.Run("ip", $"netns exec {_lab.Host} iptables -w -S").Output;
}
