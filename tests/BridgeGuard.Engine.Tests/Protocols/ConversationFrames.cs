using BridgeGuard.Engine.Packets;
using BridgeGuard.Testing.Packets;

namespace BridgeGuard.Engine.Tests.Protocols;

/// <summary>The frames of one conversation, on the port where its protocol is looked for; over TCP each segment is acknowledged.</summary>
/// <param name="samples">The protocol, and whether it goes over UDP.</param>
/// <param name="clientPort">Tells conversations apart.</param>
public sealed class ConversationFrames(ProtocolSamples samples, ushort clientPort)
{
    private const string ClientAddress = "10.0.0.1";
    private const string ServerAddress = "10.0.0.2";
    private const int SegmentBytes = 1400;

    /// <summary>How a protocol begins that nothing else betrays.</summary>
    private static readonly Turn[] Upgrade =
    [
        Turn.Client("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"),
        Turn.Server("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"),
    ];

    private readonly uint[] _next = [1000, 2000];

    private readonly ushort _port = samples.Protocol.ProbePorts
        .FirstOrDefault(probe => probe.Transport == (samples.IsDatagram ? IpProtocols.Udp : IpProtocols.Tcp)) is { First: > 0 } known ? known.First : (ushort)80;

    /// <summary>What comes before the first turn: TCP's handshake, and HTTP's where the protocol begins there.</summary>
    public IEnumerable<byte[]> Open()
    {
        if (samples.IsDatagram)
        {
            return [];
        }

        List<byte[]> frames = [Segment(Direction.ToServer, "S", []), Segment(Direction.ToClient, "SA", []), Segment(Direction.ToServer, "A", [])];
        foreach (Turn turn in samples.Protocol is { FollowsUpgrade: true, Patterns.Length: 0 } ? Upgrade : [])
        {
            frames.AddRange(Say(turn));
        }

        return frames;
    }

    public IEnumerable<byte[]> Say(Turn turn)
    {
        if (samples.IsDatagram)
        {
            return [turn.Direction == Direction.ToServer
                ? FrameBuilder.Udp(ClientAddress, clientPort, ServerAddress, _port, turn.Bytes)
                : FrameBuilder.Udp(ServerAddress, _port, ClientAddress, clientPort, turn.Bytes)];
        }

        return turn.Bytes.Chunk(SegmentBytes).SelectMany(part => (byte[][])[Segment(turn.Direction, "PA", part), Segment(turn.Direction.Opposite(), "A", [])]);
    }

    private byte[] Segment(Direction direction, string flags, byte[] bytes)
    {
        bool toServer = direction == Direction.ToServer;
        uint sequence = _next[toServer ? 0 : 1];
        uint acknowledgement = flags == "S" ? 0 : _next[toServer ? 1 : 0];
        _next[toServer ? 0 : 1] += (uint)bytes.Length + (flags.Contains('S', StringComparison.Ordinal) ? 1u : 0);
        return toServer
            ? FrameBuilder.Tcp(ClientAddress, clientPort, ServerAddress, _port, sequence, acknowledgement, flags, bytes)
            : FrameBuilder.Tcp(ServerAddress, _port, ClientAddress, clientPort, sequence, acknowledgement, flags, bytes);
    }
}
