using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Tests.Protocols;
using BridgeGuard.Testing.Packets;

namespace BridgeGuard.Fuzz;

/// <summary>The sample conversations of every protocol as captures, one file each: for comparing with other programs, and for golden cases.</summary>
internal static class SampleCaptures
{
    private const string Client = "10.0.0.1";
    private const string Server = "10.0.0.2";
    private const ushort FirstPort = 20_001;
    private const int SegmentBytes = 1400;
    private const long StartUs = 1_700_000_000_000_000;
    private const int StepUs = 500;

    /// <summary>How WebSocket begins.</summary>
    private static readonly Turn[] Upgrade =
    [
        Turn.Client("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n"),
        Turn.Server("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"),
    ];

    public static void Write(string folder)
    {
        Directory.CreateDirectory(folder);
        foreach ((string name, ProtocolSamples samples) in ProtocolSamples.All())
        {
            List<byte[]> frames = [];
            for (int i = 0; i < samples.Conversations.Count; i++)
            {
                Turn[] turns = samples.Protocol is { FollowsUpgrade: true, Patterns.Length: 0 } ? [.. Upgrade, .. samples.Conversations[i]] : samples.Conversations[i];
                Add(frames, samples, turns, (ushort)(FirstPort + i));
            }

            Save(Path.Combine(folder, name + ".pcap"), frames);
        }
    }

    private static void Add(List<byte[]> frames, ProtocolSamples samples, Turn[] turns, ushort client)
    {
        byte transport = samples.IsDatagram ? IpProtocols.Udp : IpProtocols.Tcp;
        ushort server = samples.Protocol.ProbePorts.FirstOrDefault(probe => probe.Transport == transport) is { First: > 0 } known ? known.First : (ushort)80;
        if (samples.IsDatagram)
        {
            frames.AddRange(turns.Select(turn => turn.Direction == Direction.ToServer
                ? FrameBuilder.Udp(Client, client, Server, server, turn.Bytes)
                : FrameBuilder.Udp(Server, server, Client, client, turn.Bytes)));
            return;
        }

        uint[] next = [1000, 5000];
        byte[] Segment(Direction direction, string flags, byte[] bytes)
        {
            bool up = direction == Direction.ToServer;
            (uint sequence, uint acknowledgement) = (next[up ? 0 : 1], flags == "S" ? 0 : next[up ? 1 : 0]);
            next[up ? 0 : 1] += (uint)bytes.Length + (flags.Contains('S', StringComparison.Ordinal) || flags.Contains('F', StringComparison.Ordinal) ? 1u : 0);
            return up ? FrameBuilder.Tcp(Client, client, Server, server, sequence, acknowledgement, flags, bytes) : FrameBuilder.Tcp(Server, server, Client, client, sequence, acknowledgement, flags, bytes);
        }

        frames.AddRange([Segment(Direction.ToServer, "S", []), Segment(Direction.ToClient, "SA", []), Segment(Direction.ToServer, "A", [])]);
        foreach (Turn turn in turns)
        {
            frames.AddRange(turn.Bytes.Chunk(SegmentBytes).Select(part => Segment(turn.Direction, "PA", part)));
            frames.Add(Segment(turn.Direction.Opposite(), "A", []));
        }

        frames.AddRange([Segment(Direction.ToServer, "FA", []), Segment(Direction.ToClient, "FA", []), Segment(Direction.ToServer, "A", [])]);
    }

    private static void Save(string path, List<byte[]> frames)
    {
        using FileStream file = File.Create(path);
        Span<byte> header = stackalloc byte[24];
        BinaryPrimitives.WriteUInt32LittleEndian(header, 0xa1b2c3d4);
        BinaryPrimitives.WriteUInt16LittleEndian(header[4..], 2);
        BinaryPrimitives.WriteUInt16LittleEndian(header[6..], 4);
        header[8..16].Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(header[16..], 262_144);
        BinaryPrimitives.WriteUInt32LittleEndian(header[20..], (uint)LinkType.Ethernet);
        file.Write(header);
        long now = StartUs;
        foreach (byte[] frame in frames)
        {
            now += StepUs;
            BinaryPrimitives.WriteUInt32LittleEndian(header, (uint)(now / 1_000_000));
            BinaryPrimitives.WriteUInt32LittleEndian(header[4..], (uint)(now % 1_000_000));
            BinaryPrimitives.WriteUInt32LittleEndian(header[8..], (uint)frame.Length);
            BinaryPrimitives.WriteUInt32LittleEndian(header[12..], (uint)frame.Length);
            file.Write(header[..16]);
            file.Write(frame);
        }
    }
}
