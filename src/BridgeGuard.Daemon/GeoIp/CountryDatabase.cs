using System.Net;
using System.Net.Sockets;
using BridgeGuard.Engine.Packets;
using MaxMind.Db;

namespace BridgeGuard.Daemon.GeoIp;

/// <summary>The networks of countries by their two-letter codes (ISO 3166-1), from a MaxMind DB file.</summary>
/// <remarks>Opened with the first question; not thread-safe. A file that cannot be read leaves every country without networks and says so.</remarks>
public sealed class CountryDatabase(string path)
{
    private Dictionary<string, List<(IpAddress First, IpAddress Last)>>? _countries;

    /// <summary>Why the file could not be read; null when it could or was not needed yet.</summary>
    public string? Problem { get; private set; }

    /// <summary>The address ranges of all the countries together; those without an entry add nothing.</summary>
    public IReadOnlyList<(IpAddress First, IpAddress Last)> RangesOf(IReadOnlyList<string> codes)
    {
        _countries ??= Read();
        return [.. codes.SelectMany(code => _countries.GetValueOrDefault(code) ?? [])];
    }

    private Dictionary<string, List<(IpAddress First, IpAddress Last)>> Read()
    {
        var countries = new Dictionary<string, List<(IpAddress First, IpAddress Last)>>();
        try
        {
            using var reader = new Reader(path);
            foreach (Reader.ReaderIteratorNode<Dictionary<string, object>> node in reader.FindAll<Dictionary<string, object>>())
            {
                if (CodeOf(node.Data) is not { } code || !TryGetRange(node.Start, node.PrefixLength, out (IpAddress, IpAddress) range))
                {
                    continue;
                }

                if (!countries.TryGetValue(code, out List<(IpAddress First, IpAddress Last)>? ranges))
                {
                    countries.Add(code, ranges = []);
                }

                ranges.Add(range);
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or InvalidDatabaseException)
        {
            Problem = $"{path}: {error.Message}";
        }

        return countries;
    }

    /// <summary>Where the address is, else where it is registered.</summary>
    private static string? CodeOf(Dictionary<string, object> data) => CodeOf(data, "country") ?? CodeOf(data, "registered_country");

    private static string? CodeOf(Dictionary<string, object> data, string member) =>
        data.TryGetValue(member, out object? country) && country is Dictionary<string, object> inner
        && inner.TryGetValue("iso_code", out object? code) ? code as string : null;

    private static bool TryGetRange(IPAddress start, int prefix, out (IpAddress First, IpAddress Last) range)
    {
        range = default;
        byte[] bytes = start.GetAddressBytes();
        bool isV4 = start.AddressFamily == AddressFamily.InterNetwork;
        if (!isV4 && prefix >= 96 && bytes.AsSpan(0, 12).IndexOfAnyExcept((byte)0) < 0)
        {
            // Databases of both families keep IPv4 under ::/96.
            bytes = bytes[12..];
            prefix -= 96;
            isV4 = true;
        }

        if (prefix < 0 || prefix > bytes.Length * 8)
        {
            return false;
        }

        byte[] last = [.. bytes];
        for (int bit = prefix; bit < bytes.Length * 8; bit++)
        {
            last[bit >> 3] |= (byte)(0x80 >> (bit & 7));
        }

        range = isV4 ? (IpAddress.ReadV4(bytes), IpAddress.ReadV4(last)) : (IpAddress.ReadV6(bytes), IpAddress.ReadV6(last));
        return true;
    }
}
