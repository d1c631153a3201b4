using System.Runtime.InteropServices;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Attachments;

/// <summary>One record as libpcap hands it out: two pointers that are valid until the next call. Copies it; allocates nothing.</summary>
internal static class PcapRecord
{
    /// <summary>Free bytes before each frame, so that a wrapper may put a tag in front.</summary>
    public const int HeadroomBytes = 64;

    /// <summary>libpcap's MAXIMUM_SNAPLEN: it refuses longer records of the link types we know.</summary>
    public const int MaxFrameBytes = 262_144;

    /// <summary>Answers of <c>pcap_next_ex</c>.</summary>
    public const int StatusFrame = 1;
    public const int StatusTimeout = 0;
    public const int StatusEnd = -2;

    // struct pcap_pkthdr on 64-bit Linux: timeval (two longs), caplen, len.
    private const int OffsetMicroseconds = 8;
    private const int OffsetCaptureLength = 16;
    private const int OffsetWireLength = 20;

    /// <summary>Copies the frame behind the head-room of the buffer; its length.</summary>
    public static int Read(nint header, nint data, byte[] buffer, LinkType linkType, ulong number, ushort portId, ChecksumState checksum, out FrameInfo info)
    {
        long seconds = Marshal.ReadInt64(header);
        long microseconds = Marshal.ReadInt64(header, OffsetMicroseconds);
        uint captured = (uint)Marshal.ReadInt32(header, OffsetCaptureLength);
        uint onWire = (uint)Marshal.ReadInt32(header, OffsetWireLength);
        int length = (int)Math.Min(captured, MaxFrameBytes);
        Marshal.Copy(data, buffer, HeadroomBytes, length);
        info = new FrameInfo
        {
            // Wrapping is fine: a capture with absurd seconds still replays the same way each time.
            TimestampUs = unchecked((seconds * 1_000_000) + microseconds),
            Number = number,
            WireLength = (int)Math.Min(onWire, int.MaxValue),
            LinkType = linkType,
            PortId = portId,
            Checksum = checksum,
        };
        return length;
    }
}
