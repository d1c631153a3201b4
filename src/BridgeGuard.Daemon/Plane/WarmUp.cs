using System.Buffers.Binary;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Daemon.Plane;

/// <summary>
/// Sends some conversations through an engine of their own before the real one sees its first frame: what the runtime compiles at first use would else
/// hold a guest's packet, on a busy host longer than the heartbeat allows, and ports that fail closed would drop.
/// </summary>
internal static class WarmUp
{
    private const int Rounds = 40;
    private const int HeadBytes = 14 + 20;
    private const byte Icmp = 1;
    private const byte Tcp = 6;
    private const byte Udp = 17;
    private const byte Syn = 2;
    private const byte Push = 8;
    private const byte Ack = 16;
    private const byte Fin = 1;

    public static void Run(EngineSettings settings, EngineProgram program)
    {
        var small = new EngineSettings
        {
            IsInline = settings.IsInline,
            AppLayer = settings.AppLayer,
            Detection = settings.Detection,
            Eve = settings.Eve,
            Stream = settings.Stream,
            Flow = new FlowSettings { MaxFlows = 1024 },
        };
        using var worker = new PacketWorker(new WorkerEnvironment { Settings = small, Events = new Nowhere() }, 0) { Program = program };
        byte[] buffer = new byte[2048];
        long now = 1_000_000;
        for (ushort round = 0; round < Rounds; round++)
        {
            ushort client = (ushort)(40_000 + round);
            Send(Ip(buffer, Icmp, true, [8, 0, 0, 0, 0, 1, 0, 1]));
            Send(Ip(buffer, Udp, true, [.. Ports(client, 53), 0, 37, 0, 0, .. "\0\u0001\u0001\0\0\u0001\0\0\0\0\0\0\u0007example\u0003com\0\0\u0001\0\u0001"u8]));
            Send(Segment(client, true, 100, 0, Syn, default));
            Send(Segment(client, false, 500, 101, Syn | Ack, default));
            Send(Segment(client, true, 101, 501, Ack, default));
            ReadOnlySpan<byte> request = "GET / HTTP/1.1\r\nHost: example.com\r\nUser-Agent: warm\r\n\r\n"u8;
            ReadOnlySpan<byte> response = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"u8;
            Send(Segment(client, true, 101, 501, Push | Ack, request));
            Send(Segment(client, false, 501, 101 + (uint)request.Length, Push | Ack, response));
            Send(Segment(client, true, 101 + (uint)request.Length, 501 + (uint)response.Length, Fin | Ack, default));
            Send(Segment(client, false, 501 + (uint)response.Length, 102 + (uint)request.Length, Fin | Ack, default));
            worker.Tick(now += 200_000);
        }

        worker.Finish();

        int Segment(ushort client, bool toServer, uint sequence, uint acknowledged, byte flags, ReadOnlySpan<byte> payload)
        {
            byte[] header = new byte[20];
            (toServer ? Ports(client, 80) : Ports(80, client)).CopyTo(header, 0);
            BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(4), sequence);
            BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(8), acknowledged);
            (header[12], header[13], header[14]) = (0x50, flags, 0xff);
            return Ip(buffer, Tcp, toServer, [.. header, .. payload]);
        }

        void Send(int length)
        {
            FrameInfo info = new() { TimestampUs = now += 100, LinkType = LinkType.Ethernet, Checksum = ChecksumState.Valid };
            worker.Process(buffer, 0, length, in info);
            worker.Injector.Clear();
        }
    }

    /// <summary>A frame at the start of the buffer, from or to a documentation address (RFC 5737); its length.</summary>
    private static int Ip(byte[] buffer, byte protocol, bool toServer, byte[] payload)
    {
        Span<byte> frame = buffer;
        frame[..HeadBytes].Clear();
        (frame[0], frame[6], frame[12]) = (2, 2, 8);
        Span<byte> ip = frame[14..];
        ip[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)(20 + payload.Length));
        (ip[8], ip[9]) = (64, protocol);
        BinaryPrimitives.WriteUInt32BigEndian(ip[12..], toServer ? 0xC0000201 : 0xC0000202);
        BinaryPrimitives.WriteUInt32BigEndian(ip[16..], toServer ? 0xC0000202 : 0xC0000201);
        uint sum = 0;
        for (int i = 0; i < 20; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(ip[i..]);
        }

        sum = (sum & 0xffff) + (sum >> 16);
        BinaryPrimitives.WriteUInt16BigEndian(ip[10..], (ushort)~((sum & 0xffff) + (sum >> 16)));
        payload.CopyTo(frame[HeadBytes..]);
        return HeadBytes + payload.Length;
    }

    private static byte[] Ports(ushort from, ushort to) => [(byte)(from >> 8), (byte)from, (byte)(to >> 8), (byte)to];

    private sealed class Nowhere : IEventSink
    {
        public void Write(in EventHeader header, ReadOnlySpan<byte> json)
        {
        }
    }
}
