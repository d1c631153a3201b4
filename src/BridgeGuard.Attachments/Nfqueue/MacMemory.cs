namespace BridgeGuard.Attachments.Nfqueue;

/// <summary>Which Ethernet address spoke for an IP address last: iptables queues show a packet's sender only, and frames of our own need a receiver.</summary>
/// <remarks>Bounded, direct-mapped; a collision forgets. Owner: one worker.</remarks>
internal sealed class MacMemory
{
    private const int Slots = 4096;

    private readonly ulong[] _high = new ulong[Slots];
    private readonly ulong[] _low = new ulong[Slots];
    private readonly ulong[] _macs = new ulong[Slots];

    public void Learn(ReadOnlySpan<byte> address, ReadOnlySpan<byte> mac)
    {
        (ulong high, ulong low) = WordsOf(address);
        int slot = SlotOf(high, low);
        (_high[slot], _low[slot]) = (high, low);
        ulong value = 0;
        foreach (byte b in mac)
        {
            value = (value << 8) | b;
        }

        _macs[slot] = value;
    }

    /// <summary>Writes the address; zeros when it is not known.</summary>
    public void Write(ReadOnlySpan<byte> address, Span<byte> mac)
    {
        (ulong high, ulong low) = WordsOf(address);
        int slot = SlotOf(high, low);
        ulong value = _high[slot] == high && _low[slot] == low ? _macs[slot] : 0;
        for (int i = 5; i >= 0; i--)
        {
            mac[i] = (byte)value;
            value >>= 8;
        }
    }

    private static (ulong High, ulong Low) WordsOf(ReadOnlySpan<byte> address)
    {
        ulong high = 0;
        ulong low = 0;
        for (int i = 0; i < address.Length; i++)
        {
            if (i < 8)
            {
                high = (high << 8) | address[i];
            }
            else
            {
                low = (low << 8) | address[i];
            }
        }

        // An IPv4 address must not be taken for the beginning of an IPv6 one.
        return (high, address.Length == 4 ? ulong.MaxValue : low);
    }

    private static int SlotOf(ulong high, ulong low)
    {
        ulong mixed = (high ^ (low * 0x9E37_79B9_7F4A_7C15)) * 0xFF51_AFD7_ED55_8CCD;
        return (int)(mixed >> 40) & (Slots - 1);
    }
}
