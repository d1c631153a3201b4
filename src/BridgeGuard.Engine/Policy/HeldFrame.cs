using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Engine.Policy;

/// <summary>A frame that waits for a file's verdict, with what is needed to send it on as it came.</summary>
/// <remarks>Owned by <see cref="HeldFrames"/>; lent to one hold, then to the injector until the attachment has sent it.</remarks>
public sealed class HeldFrame
{
    /// <summary>Longest frame that is kept: the largest IP packet with its link header and tags.</summary>
    public const int MaxBytes = 66_000;

    internal HeldFrame(HeldFrames owner, int capacity)
    {
        Owner = owner;
        Bytes = new byte[capacity];
    }

    public byte[] Bytes { get; }

    public int Length { get; private set; }

    /// <summary>Port, segment size and checksum state as the frame came.</summary>
    public FrameInfo Info { get; private set; }

    /// <summary>Start of the transport header in <see cref="Bytes"/>; where a partial checksum begins.</summary>
    public int TransportOffset { get; private set; }

    /// <summary>Bytes of the link, network and transport headers.</summary>
    public int HeaderLength { get; private set; }

    public byte IpVersion { get; private set; }

    public bool IsTcp { get; private set; }

    internal HeldFrames Owner { get; }

    internal void Take(Packet packet)
    {
        packet.Buffer.AsSpan(packet.Start, packet.Length).CopyTo(Bytes);
        Length = packet.Length;
        Info = packet.Info;
        TransportOffset = packet.NetworkOffset + packet.NetworkHeaderLength - packet.Start;
        HeaderLength = packet.PayloadOffset - packet.Start;
        IpVersion = packet.IpVersion;
        IsTcp = packet.IsTcp;
    }
}

/// <summary>The frames of one worker that wait. Two sizes, as one packet is small and one of a large-segment stack is not; bounded in bytes.</summary>
public sealed class HeldFrames
{
    /// <summary>Bytes of all frames kept, waiting or free: 400 large ones. Beyond it a held packet is dropped and its sender's retransmission is the copy.</summary>
    public const long MaxBytes = 32L << 20;

    /// <summary>An Ethernet frame of the usual size, with tags.</summary>
    private const int SmallBytes = 2048;

    private const int LargeBytes = HeldFrame.MaxBytes;

    private readonly Stack<HeldFrame> _small = new();
    private readonly Stack<HeldFrame> _large = new();
    private long _bytes;

    /// <summary>Frames for which there was no room.</summary>
    public long Refused { get; private set; }

    /// <summary>Frames that wait now.</summary>
    public int Count { get; private set; }

    /// <summary>Copies a packet's frame; null when there is no room, or the packet is not a frame of its own.</summary>
    public HeldFrame? TryTake(Packet packet)
    {
        if (packet.TunnelDepth > 0 || packet.Length > LargeBytes || packet.Has(PacketFlags.Pseudo | PacketFlags.Defragmented))
        {
            return null;
        }

        bool isSmall = packet.Length <= SmallBytes;
        if (!(isSmall ? _small : _large).TryPop(out HeldFrame? frame))
        {
            int capacity = isSmall ? SmallBytes : LargeBytes;
            if (_bytes + capacity > MaxBytes)
            {
                Refused++;
                return null;
            }

            _bytes += capacity;
            frame = new HeldFrame(this, capacity);
        }

        frame.Take(packet);
        Count++;
        return frame;
    }

    public void Return(HeldFrame frame)
    {
        Count--;
        (frame.Bytes.Length == SmallBytes ? _small : _large).Push(frame);
    }
}
