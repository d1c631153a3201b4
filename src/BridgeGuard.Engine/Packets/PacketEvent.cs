namespace BridgeGuard.Engine.Packets;

/// <summary>
/// Every oddity that the decoder, the defragmenter and the TCP tracker can see in a packet. Decoder events come first, stream events
/// from <see cref="FirstStreamEvent"/>; <see cref="PacketEvents"/> gives their rule names (<c>decode-event</c>, <c>stream-event</c>).
/// </summary>
public enum PacketEvent : ushort
{
    Ipv4PacketTooSmall = 0,

    /// <summary>Stream events are numbered from here; the set holds 384 in all.</summary>
    FirstStreamEvent = 256,
    Stream3WhsAckInWrongDirection = 256,
}
