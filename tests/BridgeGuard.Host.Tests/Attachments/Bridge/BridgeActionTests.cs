using System.Net.Sockets;
using BridgeGuard.Engine.Worker;
using Xunit;

namespace BridgeGuard.Host.Tests.Attachments.Bridge;

/// <summary>Reject and injection, watched from the guests.</summary>
public sealed class BridgeActionTests : IDisposable
{
    private readonly BridgeLab _lab = new();

    public void Dispose() => _lab.Dispose();

    private static bool Is(ReadOnlySpan<byte> frame, ReadOnlySpan<byte> text) => frame.IndexOf(text) >= 0;

    [Theory]
    [InlineData(BridgeLab.AddressB)]
    [InlineData(BridgeLab.Address6B)]
    public void ARejectedConnectionIsResetAtBothEnds(string address)
    {
        using RunningBridge bridge = RunningBridge.Start(_lab, static (Span<byte> frame, in FrameInfo _, FrameInjector _) =>
            Is(frame, "attack"u8) ? new Verdict { Action = VerdictAction.Drop, Reject = RejectTarget.Both } : Verdict.Pass);
        using Socket listener = BridgeLab.Listen(_lab.B, 9100);
        using Socket client = BridgeLab.Connect(_lab.A, address, 9100)!;
        using Socket server = listener.Accept();
        server.ReceiveTimeout = client.ReceiveTimeout = 3000;
        client.Send("hello"u8);
        byte[] buffer = new byte[100];
        Assert.Equal(5, server.Receive(buffer));
        client.Send("attack"u8);
        Assert.Equal(SocketError.ConnectionReset, Assert.Throws<SocketException>(() => client.Receive(buffer)).SocketErrorCode);
        Assert.Equal(SocketError.ConnectionReset, Assert.Throws<SocketException>(() => server.Receive(buffer)).SocketErrorCode);
        Assert.True(BridgeLab.Until(() => bridge.Attachment.Stats.Rejects == 2));
    }

    [Fact]
    public void ARejectedSynRefusesTheConnection()
    {
        using RunningBridge bridge = RunningBridge.Start(_lab, static (Span<byte> frame, in FrameInfo _, FrameInjector _) =>
            frame[12] == 8 && frame[13] == 0 && frame[23] == 6 ? new Verdict { Action = VerdictAction.Drop, Reject = RejectTarget.Source } : Verdict.Pass);
        using Socket listener = BridgeLab.Listen(_lab.B, 9100);
        long begun = Environment.TickCount64;
        Assert.Null(BridgeLab.Connect(_lab.A, BridgeLab.AddressB, 9100));
        Assert.InRange(Environment.TickCount64 - begun, 0, 2500); // Refused, not timed out.
    }

    [Theory]
    [InlineData(BridgeLab.AddressB)]
    [InlineData(BridgeLab.Address6B)]
    public void ARejectedDatagramIsAnsweredAsProhibited(string address)
    {
        using RunningBridge bridge = RunningBridge.Start(_lab, static (Span<byte> frame, in FrameInfo _, FrameInjector _) =>
            Is(frame, "attack"u8) ? new Verdict { Action = VerdictAction.Drop, Reject = RejectTarget.Source } : Verdict.Pass);
        using Socket sender = BridgeLab.Udp(_lab.A, address.Contains(':') ? "::" : "0.0.0.0", to: address, toPort: 9000);
        sender.ReceiveTimeout = 3000;
        sender.Send("attack"u8);

        // The kernel gives EHOSTUNREACH (IPv4) or EACCES (IPv6) to the socket only when the quoted packet is its own and the checksums are right.
        SocketError error = Assert.Throws<SocketException>(() => sender.Receive(new byte[10])).SocketErrorCode;
        Assert.Equal(address.Contains(':') ? SocketError.AccessDenied : SocketError.HostUnreachable, error);
    }

    [Fact]
    public void FramesOfTheEngineReachTheGuestOrEnterByItsPort()
    {
        ushort portB = 0;
        using RunningBridge bridge = RunningBridge.Start(_lab, (Span<byte> frame, in FrameInfo info, FrameInjector injector) =>
        {
            if (Is(frame, "ask"u8))
            {
                // An answer in the name of B, straight to A; and a datagram in the name of A that the bridge carries to B.
                Inject(injector, FrameBuilder.Udp(BridgeLab.AddressB, BridgeLab.AddressA, 9000, 9001, "answer", BridgeLab.MacB, BridgeLab.MacA), info.PortId, InjectDirection.ToPort);
                Inject(injector, FrameBuilder.Udp(BridgeLab.AddressA, BridgeLab.AddressB, 9001, 9000, "forged"), info.PortId, InjectDirection.FromPort);
                return new Verdict { Action = VerdictAction.Drop };
            }

            return Verdict.Pass;
        });
        portB = bridge.Port("pb").PortId;
        using Socket b = BridgeLab.Udp(_lab.B, port: 9000);
        using Socket a = BridgeLab.Udp(_lab.A, "0.0.0.0", 9001, BridgeLab.AddressB, 9000);
        a.Send("ask"u8);
        byte[] buffer = new byte[100];
        Assert.Equal("answer"u8, buffer.AsSpan(0, a.Receive(buffer)));
        Assert.Equal("forged"u8, buffer.AsSpan(0, b.Receive(buffer)));
        Assert.True(BridgeLab.Until(() => bridge.Attachment.Stats.Injected == 2));
        Assert.False(b.Poll(200_000, SelectMode.SelectRead)); // The asked one itself never came.
    }

    [Fact]
    public void TheHostIsAGuestOfItsOwnPort()
    {
        using RunningBridge bridge = RunningBridge.Start(_lab, static (Span<byte> frame, in FrameInfo info, FrameInjector injector) =>
        {
            if (Is(frame, "ask"u8))
            {
                string mac = string.Join(':', Convert.ToHexString(frame[6..12]).Chunk(2).Select(pair => new string(pair)));
                Inject(injector, FrameBuilder.Udp(BridgeLab.AddressA, BridgeLab.AddressHost, 9000, 9001, "to the host", BridgeLab.MacA, mac), info.PortId, InjectDirection.ToPort);
                Inject(injector, FrameBuilder.Udp(BridgeLab.AddressHost, BridgeLab.AddressA, 9001, 9000, "from the host", mac, BridgeLab.MacA), info.PortId, InjectDirection.FromPort);
                return new Verdict { Action = VerdictAction.Drop };
            }

            return Verdict.Pass;
        });
        using Socket a = BridgeLab.Udp(_lab.A, port: 9000);
        using Socket host = BridgeLab.Udp(_lab.Host, "0.0.0.0", 9001, BridgeLab.AddressA, 9000);
        host.Send("ask"u8);
        byte[] buffer = new byte[100];
        Assert.Equal("to the host"u8, buffer.AsSpan(0, host.Receive(buffer)));
        Assert.Equal("from the host"u8, buffer.AsSpan(0, a.Receive(buffer)));
    }

    private static void Inject(FrameInjector injector, byte[] frame, ushort portId, InjectDirection direction)
    {
        Assert.True(injector.TryAdd(frame.Length, portId, direction, out Span<byte> made));
        frame.CopyTo(made);
    }
}
