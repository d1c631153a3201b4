using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using BridgeGuard.Host.Tests.Attachments.Bridge;
using Xunit;
using FrameBuilder = BridgeGuard.Testing.Packets.FrameBuilder;

namespace BridgeGuard.Host.Tests.Evasion;

/// <summary>
/// A real TCP to attack: a namespace with 10.0.0.2 behind a veth and a listening socket on port 8000. What its kernel answers comes back to the attacker, and what its
/// program would have read is what counts. Removed at the end.
/// </summary>
internal sealed class TcpKernelHost : IDisposable
{
    public const ushort Port = 8000;
    private const int MarkerPort = 2000;
    private static int s_count;

    private readonly string _sender;
    private readonly string _receiver;
    private readonly Socket _wire;
    private readonly Socket _listener;
    private readonly Socket _marker;
    private readonly byte[] _buffer = new byte[70_000];
    private int _markers;
    private ushort _nextPort = 10_000;

    public TcpKernelHost()
    {
        if (!OperatingSystem.IsLinux() || Environment.UserName != "root")
        {
            Assert.Skip("needs root on Linux to make network namespaces");
        }

        if (!File.Exists("/usr/sbin/ip") && !File.Exists("/sbin/ip") && !File.Exists("/usr/bin/ip"))
        {
            Assert.Skip("needs iproute2");
        }

        string prefix = $"bgt{Environment.ProcessId}-{Interlocked.Increment(ref s_count)}";
        (_sender, _receiver) = ($"{prefix}-s", $"{prefix}-r");
        BridgeLab.Ip($"netns add {_sender}");
        BridgeLab.Ip($"netns add {_receiver}");
        BridgeLab.Ip($"link add wire netns {_sender} type veth peer name eth0 address 02:00:00:00:00:02 netns {_receiver}");
        BridgeLab.Ip($"-n {_receiver} addr add 10.0.0.2/24 dev eth0");
        BridgeLab.Ip($"-n {_sender} link set wire up");
        BridgeLab.Ip($"-n {_receiver} link set eth0 up");
        BridgeLab.Ip($"-n {_receiver} neigh replace 10.0.0.1 lladdr 02:00:00:00:00:01 dev eth0 nud permanent");
        _wire = BridgeLab.In(_sender, () => RawSockets.Open("wire"));
        _wire.Blocking = false;
        (_listener, _marker) = BridgeLab.In(_receiver, () =>
        {
            Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            listener.Bind(new IPEndPoint(IPAddress.Any, Port));
            listener.Listen(64);
            listener.Blocking = false;
            Socket marker = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { ReceiveTimeout = 5000 };
            marker.Bind(new IPEndPoint(IPAddress.Any, MarkerPort));
            return (listener, marker);
        });
        Assert.True(BridgeLab.Until(TryMark), "the receiving namespace never answered");
    }

    /// <summary>A port that no connection has had.</summary>
    public ushort TakePort() => _nextPort++;

    public void Send(byte[] frame) => _wire.Send(frame);

    /// <summary>The next frame that the host sent to <paramref name="port"/>; null when there is none yet.</summary>
    public byte[]? TakeAnswer(ushort port)
    {
        while (_wire.Available > 0)
        {
            int length = _wire.Receive(_buffer);
            ReadOnlySpan<byte> frame = _buffer.AsSpan(0, length);
            if (length >= 54 && frame[12] == 8 && frame[13] == 0 && frame[23] == 6 && frame[5] == 1 && BinaryPrimitives.ReadUInt16BigEndian(frame[36..]) == port)
            {
                return frame.ToArray();
            }
        }

        return null;
    }

    /// <summary>Waits until the host has taken every frame that was sent.</summary>
    public void Settle() => Assert.True(TryMark(), "the marker behind the frames was lost");

    /// <summary>What the program behind the socket of the connection from <paramref name="port"/> can read now, and whether the other end has closed; ends it.</summary>
    public (string Text, bool Closed) Read(ushort port)
    {
        Settle();
        while (_listener.Poll(0, SelectMode.SelectRead))
        {
            using Socket socket = _listener.Accept();
            if (((IPEndPoint)socket.RemoteEndPoint!).Port != port)
            {
                continue;
            }

            socket.Blocking = false;
            StringBuilder text = new();
            bool closed = false;
            try
            {
                int length;
                while ((length = socket.Receive(_buffer)) > 0)
                {
                    text.Append(Encoding.Latin1.GetString(_buffer, 0, length));
                }

                closed = true;
            }
            catch (SocketException error) when (error.SocketErrorCode is SocketError.WouldBlock or SocketError.ConnectionReset)
            {
                closed = error.SocketErrorCode == SocketError.ConnectionReset;
            }

            socket.LingerState = new LingerOption(true, 0);
            return (text.ToString(), closed);
        }

        return ("", false);
    }

    public void Dispose()
    {
        _wire.Dispose();
        _listener.Dispose();
        _marker.Dispose();
        BridgeLab.Run("ip", $"netns del {_sender}");
        BridgeLab.Run("ip", $"netns del {_receiver}");
    }

    private bool TryMark()
    {
        string marker = $"marker {++_markers}";
        _wire.Send(FrameBuilder.Udp("10.0.0.1", 1000, "10.0.0.2", MarkerPort, Encoding.ASCII.GetBytes(marker)));
        try
        {
            while (Encoding.ASCII.GetString(_buffer, 0, _marker.Receive(_buffer)) != marker)
            {
            }

            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
