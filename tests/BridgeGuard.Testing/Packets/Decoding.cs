using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Testing.Packets;

/// <summary>Decodes frames for a test and checks what must hold for every packet, however broken.</summary>
public sealed class Decoding
{
    public Decoding(DecoderSettings? settings = null)
    {
        Decoder = new PacketDecoder(settings ?? new DecoderSettings());
    }

    public PacketDecoder Decoder { get; }

    public Packet Packet { get; } = new();

    public PacketQueue Inner { get; } = new();

    /// <summary>Decodes a copy of <paramref name="frame"/> in an array of exactly its length, so that reading on is seen.</summary>
    public Packet Decode(ReadOnlySpan<byte> frame, LinkType linkType = LinkType.Ethernet, ChecksumState checksum = ChecksumState.Unknown)
    {
        byte[] exact = frame.ToArray();
        Packet.Reset(exact, 0, exact.Length, new FrameInfo { LinkType = linkType, Checksum = checksum });
        Decoder.Decode(Packet, Inner);
        Check(Packet);
        for (int i = 0; i < Inner.Count; i++)
        {
            Check(Inner[i]);
        }

        return Packet;
    }

    /// <summary>Names of the packet's events in the order met.</summary>
    public static string[] EventNames(Packet packet)
    {
        string[] names = new string[packet.Events.Count];
        for (int i = 0; i < names.Length; i++)
        {
            names[i] = PacketEvents.NameOf(packet.Events[i])!;
        }

        return names;
    }

    /// <summary>Throws when an offset of the packet lies outside its bytes.</summary>
    public static void Check(Packet packet)
    {
        int end = packet.Start + packet.Length;
        Require(packet.NetworkEnd <= end, "network end");
        CheckRange(packet, packet.EthernetOffset, 14, "ethernet");
        CheckRange(packet, packet.ArpOffset, 28, "arp");
        CheckRange(packet, packet.NetworkOffset, packet.NetworkHeaderLength, "network");
        CheckRange(packet, packet.TransportOffset, packet.TransportHeaderLength, "transport");
        CheckRange(packet, packet.FragmentHeaderOffset, 8, "fragment header");
        CheckRange(packet, packet.EmbeddedOffset, 20, "embedded");
        CheckRange(packet, packet.PayloadOffset, packet.PayloadLength, "payload");
        Require((packet.IpVersion == 0) == (packet.NetworkOffset < 0), "version and network header");
        if (packet.IsTcp)
        {
            CheckRange(packet, packet.Tcp.SackBlocks == 0 ? -1 : packet.Tcp.SackOffset, packet.Tcp.SackBlocks * 8, "sack");
        }

        // The accessors must agree with the fields.
        Require(packet.NetworkBytes.Length <= packet.Length && packet.TransportBytes.Length <= packet.Length, "accessors");
        EmbeddedIpView.TryCreate(packet, out _);
    }

    private static void CheckRange(Packet packet, int offset, int length, string what)
    {
        if (offset != -1)
        {
            Require(offset >= packet.Start && length >= 0 && offset + length <= packet.Start + packet.Length, what);
        }
    }

    private static void Require(bool condition, string what)
    {
        if (!condition)
        {
            throw new InvalidOperationException($"The decoder's {what} lies outside the packet.");
        }
    }
}
