using System.Net.Sockets;
using System.Text;
using BridgeGuard.Host.Tests.Attachments.Bridge;
using BridgeGuard.Testing.Packets;
using Xunit;
using FrameBuilder = BridgeGuard.Testing.Packets.FrameBuilder;

namespace BridgeGuard.Host.Tests.Evasion;

/// <summary>
/// A real host to attack: a namespace with 10.0.0.2 and fd00::2 behind a veth, and an UDP socket on port 2000 that tells what its kernel made of
/// the frames it was sent. Removed at the end.
/// </summary>
internal sealed class KernelHost : IDisposable
{
    private const int UdpLevel = 17;
    private const int NoChecksumOverIpv6 = 102;
    private static int s_count;

    private readonly string _sender;
    private readonly string _receiver;
    private readonly Socket _wire;
    private readonly Socket _socket;
    private int _markers;

    public KernelHost()
    {
        if (!OperatingSystem.IsLinux() || Environment.UserName != "root")
        {
            Assert.Skip("needs root on Linux to make network namespaces");
        }

        if (!File.Exists("/usr/sbin/ip") && !File.Exists("/sbin/ip") && !File.Exists("/usr/bin/ip"))
        {
            Assert.Skip("needs iproute2");
        }

        string prefix = $"bge{Environment.ProcessId}-{Interlocked.Increment(ref s_count)}";
        (_sender, _receiver) = ($"{prefix}-s", $"{prefix}-r");
        BridgeLab.Ip($"netns add {_sender}");
        BridgeLab.Ip($"netns add {_receiver}");
        BridgeLab.Ip($"link add wire netns {_sender} type veth peer name eth0 address 02:00:00:00:00:02 netns {_receiver}");
        BridgeLab.Ip($"-n {_receiver} addr add 10.0.0.2/24 dev eth0");
        BridgeLab.Ip($"-n {_receiver} addr add fd00::2/64 dev eth0 nodad");
        BridgeLab.Ip($"-n {_sender} link set wire up");
        BridgeLab.Ip($"-n {_receiver} link set eth0 up");
        _wire = BridgeLab.In(_sender, () => RawSockets.Open("wire"));
        _socket = BridgeLab.In(_receiver, () =>
        {
            Socket socket = new(AddressFamily.InterNetworkV6, SocketType.Dgram, ProtocolType.Udp) { DualMode = true, ReceiveTimeout = 2000, ReceiveBufferSize = 1 << 20 };
            socket.SetRawSocketOption(UdpLevel, NoChecksumOverIpv6, BitConverter.GetBytes(1));
            socket.Bind(new System.Net.IPEndPoint(System.Net.IPAddress.IPv6Any, 2000));
            return socket;
        });

        // The device needs a moment to come up; the first marker that arrives says that it has.
        Assert.True(BridgeLab.Until(() => TryReceive([], out _)), "the receiving namespace never answered");
    }

    /// <summary>Sends frames and gives the payloads of the datagrams that the socket got, in order.</summary>
    public List<string> Receive(IReadOnlyList<byte[]> frames)
    {
        Assert.True(TryReceive(frames, out List<string> payloads), "the marker behind the frames was lost");
        return payloads;
    }

    public void Dispose()
    {
        _wire.Dispose();
        _socket.Dispose();
        BridgeLab.Run("ip", $"netns del {_sender}");
        BridgeLab.Run("ip", $"netns del {_receiver}");
    }

    private bool TryReceive(IReadOnlyList<byte[]> frames, out List<string> payloads)
    {
        payloads = [];
        foreach (byte[] frame in frames)
        {
            _wire.Send(frame);
        }

        string marker = $"marker {++_markers}";
        _wire.Send(FrameBuilder.Udp("10.0.0.1", 1000, "10.0.0.2", 2000, Encoding.ASCII.GetBytes(marker)));
        byte[] buffer = new byte[70_000];
        try
        {
            while (true)
            {
                string payload = Encoding.Latin1.GetString(buffer, 0, _socket.Receive(buffer));
                if (payload == marker)
                {
                    return true;
                }

                if (!payload.StartsWith("marker ", StringComparison.Ordinal))
                {
                    payloads.Add(payload);
                }
            }
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
