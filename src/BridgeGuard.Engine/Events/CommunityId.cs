using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Events;

/// <summary>Community ID flow hashing, version 1: one short name for a flow in every tool that saw it.</summary>
/// <remarks>
/// <c>"1:" + base64(SHA-1(seed, source, destination, protocol, 0, source port, destination port))</c>, all in network order, the smaller
/// endpoint first. ICMP types stand in for ports; a type whose answer has another type uses the answer as its second port.
/// </remarks>
internal static class CommunityId
{
    /// <summary>"1:" and 28 characters of base64 of 20 bytes.</summary>
    public const int TextLength = 30;

    /// <summary>Writes the identifier into <paramref name="text"/> (at least <see cref="TextLength"/> bytes).</summary>
    public static void Format(in FlowKey key, byte icmpType, byte icmpCode, ushort seed, Span<byte> text)
    {
        bool isV4 = key.IpVersion == 4;
        ushort sourcePort = key.SourcePort;
        ushort destinationPort = key.DestinationPort;
        bool isOneWay = false;
        bool hasPorts = key.Protocol is IpProtocols.Tcp or IpProtocols.Udp or IpProtocols.Sctp;
        if (key.Protocol is IpProtocols.Icmp or IpProtocols.IcmpV6)
        {
            hasPorts = true;
            sourcePort = icmpType;
            int answer = key.Protocol == IpProtocols.Icmp ? AnswerV4(icmpType) : AnswerV6(icmpType);
            isOneWay = answer < 0;
            destinationPort = isOneWay ? icmpCode : (ushort)answer;
        }

        IpAddress first = key.Source;
        IpAddress second = key.Destination;
        int order = first.CompareTo(second);
        if (!isOneWay && (order > 0 || (order == 0 && sourcePort > destinationPort)))
        {
            (first, second) = (second, first);
            (sourcePort, destinationPort) = (destinationPort, sourcePort);
        }

        Span<byte> input = stackalloc byte[40];
        int addressBytes = isV4 ? 4 : 16;
        BinaryPrimitives.WriteUInt16BigEndian(input, seed);
        int length = 2;
        first.Write(input[length..], isV4);
        length += addressBytes;
        second.Write(input[length..], isV4);
        length += addressBytes;
        input[length++] = key.Protocol;
        input[length++] = 0;
        if (hasPorts)
        {
            BinaryPrimitives.WriteUInt16BigEndian(input[length..], sourcePort);
            BinaryPrimitives.WriteUInt16BigEndian(input[(length + 2)..], destinationPort);
            length += 4;
        }

        Span<byte> hash = stackalloc byte[SHA1.HashSizeInBytes];
#pragma warning disable CA5350 // The specification names SHA-1; nothing secret depends on it.
        SHA1.HashData(input[..length], hash);
#pragma warning restore CA5350
        text[0] = (byte)'1';
        text[1] = (byte)':';
        Base64.EncodeToUtf8(hash, text[2..], out _, out _);
    }

    /// <summary>RFC 792: the type that answers a type, or -1.</summary>
    private static int AnswerV4(byte type) => type switch
    {
        0 => 8,
        8 => 0,
        9 => 10,
        10 => 9,
        13 => 14,
        14 => 13,
        15 => 16,
        16 => 15,
        17 => 18,
        18 => 17,
        _ => -1,
    };

    /// <summary>RFC 4443, 2710, 4861, 4620, 6740: the type that answers a type, or -1.</summary>
    private static int AnswerV6(byte type) => type switch
    {
        128 => 129,
        129 => 128,
        130 => 131,
        131 => 130,
        133 => 134,
        134 => 133,
        135 => 136,
        136 => 135,
        139 => 140,
        140 => 139,
        144 => 145,
        145 => 144,
        _ => -1,
    };
}
