using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Golden.Tests;

/// <summary>A capture as a network with smaller segments would have carried it: each TCP segment over IPv4 is two, cut where its number says.</summary>
internal static class SplitCapture
{
    private const int FileHeader = 24;
    private const int RecordHeader = 16;
    private const int EthernetBytes = 14;
    private const byte Fin = 1;
    private const byte Push = 8;
    private const byte SynOrReset = 2 | 4;

    /// <summary>Copies a classic little-endian Ethernet capture.</summary>
    /// <returns>How many segments were cut; -1 when the capture is of another kind.</returns>
    public static int Write(string from, string to)
    {
        byte[] bytes = File.ReadAllBytes(from);
        if (bytes.Length < FileHeader || BinaryPrimitives.ReadUInt32LittleEndian(bytes) != 0xa1b2c3d4 || BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(20)) != (uint)LinkType.Ethernet)
        {
            return -1;
        }

        using FileStream file = File.Create(to);
        file.Write(bytes.AsSpan(0, FileHeader));
        int cuts = 0;
        for (int at = FileHeader; at + RecordHeader <= bytes.Length;)
        {
            int length = (int)BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at + 8));
            ReadOnlySpan<byte> header = bytes.AsSpan(at, RecordHeader);
            ReadOnlySpan<byte> frame = bytes.AsSpan(at + RecordHeader, length);
            at += RecordHeader + length;
            if (TryFindPayload(frame, out int tcp, out int payload, out int end) && end - payload > 1)
            {
                int first = 1 + (int)((uint)(cuts * 7919) % (uint)(end - payload - 1));
                cuts++;
                Write(file, header, Part(frame, tcp, payload, payload, payload + first, isLast: false));
                Write(file, header, Part(frame, tcp, payload, payload + first, end, isLast: true));
            }
            else
            {
                Write(file, header, frame);
            }
        }

        return cuts;
    }

    private static bool TryFindPayload(ReadOnlySpan<byte> frame, out int tcp, out int payload, out int end)
    {
        tcp = payload = end = 0;
        if (frame.Length < EthernetBytes + 40 || BinaryPrimitives.ReadUInt16BigEndian(frame[12..]) != 0x0800)
        {
            return false;
        }

        ReadOnlySpan<byte> ip = frame[EthernetBytes..];
        bool isFragment = (BinaryPrimitives.ReadUInt16BigEndian(ip[6..]) & 0x3fff) != 0;
        if (ip[9] != IpProtocols.Tcp || isFragment)
        {
            return false;
        }

        tcp = EthernetBytes + ((ip[0] & 15) * 4);
        end = EthernetBytes + BinaryPrimitives.ReadUInt16BigEndian(ip[2..]);
        if (end > frame.Length || tcp + 20 > end || (frame[tcp + 13] & SynOrReset) != 0)
        {
            return false;
        }

        payload = tcp + ((frame[tcp + 12] >> 4) * 4);
        return payload < end;
    }

    /// <summary>The headers over a part of the payload. Checksums are left as they were: the engine is told not to look.</summary>
    private static byte[] Part(ReadOnlySpan<byte> frame, int tcp, int payload, int from, int to, bool isLast)
    {
        byte[] part = [.. frame[..payload], .. frame[from..to]];
        BinaryPrimitives.WriteUInt16BigEndian(part.AsSpan(EthernetBytes + 2), (ushort)(part.Length - EthernetBytes));
        BinaryPrimitives.WriteUInt32BigEndian(part.AsSpan(tcp + 4), BinaryPrimitives.ReadUInt32BigEndian(frame[(tcp + 4)..]) + (uint)(from - payload));
        if (!isLast)
        {
            part[tcp + 13] &= unchecked((byte)~(Fin | Push));
        }

        return part;
    }

    private static void Write(FileStream file, ReadOnlySpan<byte> header, ReadOnlySpan<byte> frame)
    {
        Span<byte> copy = stackalloc byte[RecordHeader];
        header.CopyTo(copy);
        BinaryPrimitives.WriteUInt32LittleEndian(copy[8..], (uint)frame.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(copy[12..], (uint)frame.Length);
        file.Write(copy);
        file.Write(frame);
    }
}
