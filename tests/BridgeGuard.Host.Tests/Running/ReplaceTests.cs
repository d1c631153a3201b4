using System.Net.Sockets;
using System.Text;
using BridgeGuard.Host.Tests.Attachments.Bridge;
using Xunit;

namespace BridgeGuard.Host.Tests.Running;

/// <summary><c>replace</c> on a real bridge: the receiver's kernel takes the rewritten segment, so its checksum is right, in both of its forms.</summary>
public sealed class ReplaceTests : IDisposable
{
    private readonly BridgeLab _lab = new();

    public void Dispose() => _lab.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void TheReceiverGetsTheOtherBytesAndNothingElseChanges(bool offloads)
    {
        foreach (string space in (string[])[_lab.A, _lab.B])
        {
            (int code, string text) = BridgeLab.Run("ip", $"netns exec {space} ethtool -K eth0 tx {(offloads ? "on" : "off")} tso {(offloads ? "on" : "off")}");
            Assert.SkipUnless(code == 0, $"needs ethtool: {text}");
        }

        using RunningDaemon daemon = new(_lab, """
            alert tcp any any -> any 9100 (msg:"tcp"; content:"attack"; replace:"harmle"; sid:1;)
            alert udp any any -> any 9100 (msg:"udp"; content:"attack"; replace:"harmle"; sid:2;)

            """, processes: 2);
        foreach (string address in (string[])[BridgeLab.AddressB, BridgeLab.Address6B])
        {
            using Socket listener = BridgeLab.Listen(_lab.B, 9100);
            using Socket client = BridgeLab.Connect(_lab.A, address, 9100)!;
            using Socket server = listener.Accept();
            byte[] sent = Encoding.ASCII.GetBytes(new string('a', 5000) + "attack" + new string('b', 5000));
            client.Send(sent);
            byte[] got = new byte[sent.Length];
            server.ReceiveTimeout = 5000;
            for (int at = 0; at < got.Length;)
            {
                at += server.Receive(got, at, got.Length - at, SocketFlags.None);
            }

            Assert.Equal(Encoding.ASCII.GetString(sent).Replace("attack", "harmle", StringComparison.Ordinal), Encoding.ASCII.GetString(got));
            client.Send("and on"u8);
            Assert.Equal(6, server.Receive(got));

            using Socket b = BridgeLab.Udp(_lab.B, bind: address, port: 9100);
            using Socket a = BridgeLab.Udp(_lab.A, bind: address == BridgeLab.AddressB ? BridgeLab.AddressA : BridgeLab.Address6A, to: address, toPort: 9100);
            a.Send("an attack!"u8);
            Assert.Equal("an harmle!", Encoding.ASCII.GetString(got, 0, b.Receive(got)));
        }

        Assert.Equal(0, daemon.Stop());
    }
}
