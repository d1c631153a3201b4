using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Detection.Reputation;

/// <summary>Scores of hosts and networks by category (<c>iprep</c>). Immutable; shared by workers; swapped with the rules.</summary>
public sealed class ReputationTable
{
    public static readonly ReputationTable Empty = new([], []);

    private readonly Dictionary<IpAddress, byte[]> _hosts;
    private readonly (IpAddress Network, byte PrefixLength, byte[] Scores)[] _networks;

    /// <param name="hosts">Score plus one by category number; 0: none.</param>
    /// <param name="networks">The same for networks; prefix lengths are of the 128-bit form (96 + n for IPv4).</param>
    public ReputationTable(
        Dictionary<IpAddress, byte[]> hosts, IEnumerable<(IpAddress Network, byte PrefixLength, byte[] Scores)> networks)
    {
        _hosts = hosts;
        _networks = new List<(IpAddress Network, byte PrefixLength, byte[] Scores)>(networks).ToArray(); // A spread of an enumerable would bring LINQ in.
        // The longest prefix wins.
        Array.Sort(_networks, (left, right) => right.PrefixLength.CompareTo(left.PrefixLength));
    }

    public int Count => _hosts.Count + _networks.Length;

    /// <summary>The score of an address in a category; false when there is none.</summary>
    /// <remarks>A host that is listed in any category has a score in all of them, 0 where none is written, whatever its network's is.</remarks>
    public bool TryGet(IpAddress address, int category, out byte score)
    {
        if (_hosts.TryGetValue(address, out byte[]? scores))
        {
            score = category < scores.Length && scores[category] != 0 ? (byte)(scores[category] - 1) : (byte)0;
            return true;
        }

        foreach ((IpAddress network, byte prefix, byte[] values) in _networks)
        {
            if (category < values.Length && values[category] != 0 && IsInside(address, network, prefix))
            {
                score = (byte)(values[category] - 1);
                return true;
            }
        }

        score = 0;
        return false;
    }

    private static bool IsInside(IpAddress address, IpAddress network, byte prefix)
    {
        ulong high = address.High ^ network.High;
        ulong low = address.Low ^ network.Low;
        return prefix <= 64
            ? prefix == 0 || high >> (64 - prefix) == 0
            : high == 0 && (prefix == 64 || low >> (128 - prefix) == 0);
    }
}
