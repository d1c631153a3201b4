namespace BridgeGuard.Engine.Packets;

/// <summary>Names of packet events as rules and EVE <c>anomaly</c> records write them.</summary>
public static class PacketEvents
{
    /// <summary>The rule name, such as <c>ipv4.pkt_too_small</c> or <c>stream.3whs_ack_in_wrong_dir</c>; null for a number not in use.</summary>
    public static string? NameOf(PacketEvent packetEvent) => packetEvent switch
    {
        PacketEvent.Ipv4PacketTooSmall => "ipv4.pkt_too_small",
        PacketEvent.Stream3WhsAckInWrongDirection => "stream.3whs_ack_in_wrong_dir",
        _ => null,
    };

    /// <summary>Finds the event a rule names; <paramref name="name"/> as in <see cref="NameOf"/>.</summary>
    public static bool TryFind(ReadOnlySpan<char> name, out PacketEvent packetEvent)
    {
        for (int i = 0; i < 384; i++)
        {
            if (NameOf((PacketEvent)i) is { } known && name.SequenceEqual(known))
            {
                packetEvent = (PacketEvent)i;
                return true;
            }
        }

        packetEvent = default;
        return false;
    }
}
