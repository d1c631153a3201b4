using System.Buffers.Binary;
using System.Net;

namespace BridgeGuard.Host.Tests.Evasion;

/// <summary>One TCP segment as an attacker makes it: right by default, wrong where a test says so.</summary>
internal sealed record TcpSegment
{
    public const int Ethernet = 14;
    private const int Ip = 20;
    private const int Tcp = 20;

    /// <summary>Letters of RFC 9293's flags: S A F R P U.</summary>
    public string Flags { get; init; } = "PA";

    /// <summary>Where the data begins, counted from the first data byte (ISN + 1).</summary>
    public int Offset { get; init; }

    public byte[] Data { get; init; } = [];

    /// <summary>Added to the acknowledgement, which is right at 0.</summary>
    public int AckShift { get; init; }

    public byte Ttl { get; init; } = 64;

    public ushort Urgent { get; init; }

    public ushort Window { get; init; } = 65_000;

    /// <summary>Whole words.</summary>
    public byte[] Options { get; init; } = [];

    public bool BadChecksum { get; init; }

    public bool BadIpChecksum { get; init; }

    /// <summary>Lost between the engine and the host: inspected, never received.</summary>
    public bool IsLost { get; init; }

    /// <summary>For another station: the host's kernel does not take it.</summary>
    public bool OtherMac { get; init; }

    /// <summary>The frame, from port <paramref name="port"/> of 10.0.0.1 to port 8000 of 10.0.0.2.</summary>
    public byte[] ToFrame(ushort port, uint isn, uint serverNext)
    {
        int header = Tcp + Options.Length;
        byte[] frame = new byte[Ethernet + Ip + header + Data.Length];
        byte[] target = [2, 0, 0, 0, 0, OtherMac ? (byte)9 : (byte)2];
        byte[] source = [2, 0, 0, 0, 0, 1];
        target.CopyTo(frame, 0);
        source.CopyTo(frame, 6);
        frame[12] = 8;
        Span<byte> ip = frame.AsSpan(Ethernet);
        ip[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)ip.Length);
        ip[8] = Ttl;
        ip[9] = 6;
        IPAddress.Parse("10.0.0.1").TryWriteBytes(ip[12..], out _);
        IPAddress.Parse("10.0.0.2").TryWriteBytes(ip[16..], out _);
        BinaryPrimitives.WriteUInt16BigEndian(ip[10..], (ushort)(Finish(Sum(ip[..Ip])) ^ (BadIpChecksum ? 0x0101 : 0)));
        Span<byte> tcp = ip[Ip..];
        BinaryPrimitives.WriteUInt16BigEndian(tcp, port);
        BinaryPrimitives.WriteUInt16BigEndian(tcp[2..], TcpKernelHost.Port);
        bool syn = Flags.Contains('S');
        BinaryPrimitives.WriteUInt32BigEndian(tcp[4..], isn + (uint)Offset + (syn ? 0u : 1u));
        BinaryPrimitives.WriteUInt32BigEndian(tcp[8..], Flags.Contains('A') ? serverNext + (uint)AckShift : 0);
        tcp[12] = (byte)(header / 4 << 4);
        for (int i = 0; i < 6; i++)
        {
            tcp[13] |= (byte)(Flags.Contains("FSRPAU"[i]) ? 1 << i : 0);
        }

        BinaryPrimitives.WriteUInt16BigEndian(tcp[14..], Window);
        BinaryPrimitives.WriteUInt16BigEndian(tcp[18..], Urgent);
        Options.CopyTo(tcp[Tcp..]);
        Data.CopyTo(tcp[header..]);
        uint pseudo = Sum(ip.Slice(12, 8)) + 6 + (uint)tcp.Length;
        BinaryPrimitives.WriteUInt16BigEndian(tcp[16..], (ushort)(Finish(pseudo + Sum(tcp)) ^ (BadChecksum ? 0x0101 : 0)));
        return frame;
    }

    private static uint Sum(ReadOnlySpan<byte> bytes)
    {
        uint sum = 0;
        for (int i = 0; i < bytes.Length; i++)
        {
            sum += (i & 1) == 0 ? (uint)bytes[i] << 8 : bytes[i];
        }

        return sum;
    }

    private static ushort Finish(uint sum)
    {
        while (sum >> 16 != 0)
        {
            sum = (sum & 0xffff) + (sum >> 16);
        }

        return (ushort)~sum;
    }
}
