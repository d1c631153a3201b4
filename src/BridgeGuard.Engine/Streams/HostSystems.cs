using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Settings;

namespace BridgeGuard.Engine.Streams;

/// <summary>Which operating system a host runs, as configured; the longest prefix wins.</summary>
public static class HostSystems
{
    /// <summary>The system of <paramref name="address"/>; BSD's behaviour where nothing is configured.</summary>
    public static HostOs Find(HostOsEntry[] entries, IpAddress address)
    {
        int best = -1;
        HostOs found = HostOs.Bsd;
        foreach (ref readonly HostOsEntry entry in entries.AsSpan())
        {
            if (entry.PrefixLength > best && Matches(in entry, address))
            {
                best = entry.PrefixLength;
                found = entry.Os;
            }
        }

        return found;
    }

    private static bool Matches(in HostOsEntry entry, IpAddress address)
    {
        int high = Math.Min((int)entry.PrefixLength, 64);
        int low = Math.Max(0, entry.PrefixLength - 64);
        return ((entry.Address.High ^ address.High) & Mask(high)) == 0 && ((entry.Address.Low ^ address.Low) & Mask(low)) == 0;
    }

    private static ulong Mask(int bits) => bits == 0 ? 0 : ulong.MaxValue << (64 - bits);
}
