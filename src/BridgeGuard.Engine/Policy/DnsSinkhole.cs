using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Engine.Policy;

/// <summary>Answers a DNS query over UDP in the server's name: with the sinkhole's address, or with "no such name".</summary>
/// <remarks>
/// RFC 1035 §4.1. The question is repeated as it came; an A question gets one record, everything else an empty answer, so that a client asking
/// AAAA first does not wait. The query itself is dropped by the caller.
/// </remarks>
public static class DnsSinkhole
{
    private const int HeaderBytes = 12;
    private const int AnswerBytes = 16;
    private const ushort TypeA = 1;

    /// <summary>Short, so that a false positive that was corrected is forgotten soon.</summary>
    private const uint TtlSeconds = 10;

    /// <summary>Puts the answer into the injector; false when the packet is not one question over UDP or there is no room.</summary>
    /// <param name="query">The client's packet.</param>
    /// <param name="sinkhole">IPv4 address to answer with; null: name error.</param>
    /// <param name="injector">Where the answer goes.</param>
    public static bool TryAnswer(Packet query, IpAddress? sinkhole, FrameInjector injector)
    {
        ReadOnlySpan<byte> dns = query.Payload;
        if (!query.IsUdp || query.EthernetOffset < 0 || dns.Length < HeaderBytes || (dns[2] & 0x80) != 0
            || BinaryPrimitives.ReadUInt16BigEndian(dns[4..]) != 1 || !TryFindQuestionEnd(dns, out int questionEnd, out ushort type))
        {
            return false;
        }

        bool withAddress = sinkhole is { IsV4: true } && type == TypeA;
        int linkLength = query.NetworkOffset - query.EthernetOffset;
        bool v4 = query.IpVersion == 4;
        int ipLength = v4 ? 20 : 40;
        int dnsLength = questionEnd + (withAddress ? AnswerBytes : 0);
        int total = linkLength + ipLength + 8 + dnsLength;
        if (!injector.TryAdd(total, query.Info.PortId, InjectDirection.ToPort, out Span<byte> frame))
        {
            return false;
        }

        frame.Clear();
        Span<byte> source = query.Buffer.AsSpan(query.EthernetOffset, linkLength);
        source.CopyTo(frame);
        source[..6].CopyTo(frame[6..]);
        source.Slice(6, 6).CopyTo(frame);
        Span<byte> ip = frame[linkLength..];
        WriteIp(ip, query, v4, 8 + dnsLength);
        Span<byte> udp = ip[ipLength..];
        BinaryPrimitives.WriteUInt16BigEndian(udp, query.DestinationPort);
        BinaryPrimitives.WriteUInt16BigEndian(udp[2..], query.SourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(udp[4..], (ushort)(8 + dnsLength));
        Span<byte> answer = udp[8..];
        dns[..questionEnd].CopyTo(answer);
        answer[2] = (byte)(0x80 | (dns[2] & 0x79)); // Response, opcode and RD as asked.
        answer[3] = (byte)(0x80 | (sinkhole is null ? 3 : 0)); // Recursion available; NXDOMAIN without a sinkhole.
        answer.Slice(6, 6).Clear();
        if (withAddress)
        {
            answer[7] = 1;
            Span<byte> record = answer[questionEnd..];
            BinaryPrimitives.WriteUInt16BigEndian(record, 0xc00c); // The name of the question.
            BinaryPrimitives.WriteUInt16BigEndian(record[2..], TypeA);
            BinaryPrimitives.WriteUInt16BigEndian(record[4..], 1);
            BinaryPrimitives.WriteUInt32BigEndian(record[6..], TtlSeconds);
            BinaryPrimitives.WriteUInt16BigEndian(record[10..], 4);
            sinkhole!.Value.Write(record[12..], asV4: true);
        }

        Checksums.WriteInto(ip, v4, IpProtocols.Udp, ipLength);
        return true;
    }

    /// <summary>The name that a DNS message over UDP asks for first, with dots; false when there is none or it is compressed.</summary>
    /// <param name="into">At least 255 bytes.</param>
    public static bool TryReadName(ReadOnlySpan<byte> dns, Span<byte> into, out int length)
    {
        length = 0;
        if (dns.Length < HeaderBytes || !TryFindQuestionEnd(dns, out int end, out _) || end - HeaderBytes - 5 > 254)
        {
            return false;
        }

        int at = HeaderBytes;
        while (dns[at] != 0)
        {
            if (length > 0)
            {
                into[length++] = (byte)'.';
            }

            dns.Slice(at + 1, dns[at]).CopyTo(into[length..]);
            length += dns[at];
            at += dns[at] + 1;
        }

        return length > 0;
    }

    private static void WriteIp(Span<byte> ip, Packet query, bool v4, int payloadLength)
    {
        if (v4)
        {
            ip[0] = 0x45;
            BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)(20 + payloadLength));
            ip[6] = 0x40;
            ip[8] = 64;
            ip[9] = IpProtocols.Udp;
            query.DestinationAddress.Write(ip[12..], asV4: true);
            query.SourceAddress.Write(ip[16..], asV4: true);
            return;
        }

        ip[0] = 0x60;
        BinaryPrimitives.WriteUInt16BigEndian(ip[4..], (ushort)payloadLength);
        ip[6] = IpProtocols.Udp;
        ip[7] = 64;
        query.DestinationAddress.Write(ip[8..], asV4: false);
        query.SourceAddress.Write(ip[24..], asV4: false);
    }

    /// <summary>Questions are not compressed, so labels run forward to the root and two 16-bit fields follow.</summary>
    private static bool TryFindQuestionEnd(ReadOnlySpan<byte> dns, out int end, out ushort type)
    {
        int at = HeaderBytes;
        end = 0;
        type = 0;
        while (at < dns.Length && dns[at] != 0)
        {
            if (dns[at] > 63)
            {
                return false;
            }

            at += dns[at] + 1;
        }

        if (at + 5 > dns.Length)
        {
            return false;
        }

        type = BinaryPrimitives.ReadUInt16BigEndian(dns[(at + 1)..]);
        end = at + 5;
        return true;
    }
}
