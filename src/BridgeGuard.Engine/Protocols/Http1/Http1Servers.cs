using System.Globalization;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Http1;

/// <summary>Limits by server: the sections of <c>libhtp.server-config</c>, each with its networks, and the default for all others.</summary>
/// <remarks>Of several networks that hold an address the narrowest counts.</remarks>
internal sealed class Http1Servers
{
    private const string Prefix = "libhtp.server-config.";

    private readonly List<(IpAddress Network, int Bits, Http1Limits Limits)> _networks = [];
    private readonly Http1Limits _default;

    public Http1Servers(ProtocolSettings settings)
    {
        _default = new Http1Limits(settings);
        var sections = new Dictionary<string, Http1Limits>();
        foreach ((string key, string value) in settings.All)
        {
            // libhtp.server-config.0.apache.address.1 = 192.168.1.0/24
            int address = key.StartsWith(Prefix, StringComparison.Ordinal) ? key.IndexOf(".address", Prefix.Length, StringComparison.Ordinal) : -1;
            if (address < 0)
            {
                continue;
            }

            string section = key[..(address + 1)];
            if (!sections.TryGetValue(section, out Http1Limits? limits))
            {
                sections.Add(section, limits = new Http1Limits(settings, section));
            }

            if (TryReadNetwork(value, out IpAddress network, out int bits))
            {
                _networks.Add((network, bits, limits));
            }
        }

        _networks.Sort((one, other) => other.Bits.CompareTo(one.Bits));
    }

    public Http1Limits For(IpAddress server)
    {
        foreach ((IpAddress network, int bits, Http1Limits limits) in _networks)
        {
            if (Mask(server, bits).Equals(network))
            {
                return limits;
            }
        }

        return _default;
    }

    /// <summary>An address, alone or with the length of its prefix; IPv4 is counted within the 128 bits that hold it.</summary>
    private static bool TryReadNetwork(string text, out IpAddress network, out int bits)
    {
        int slash = text.IndexOf('/');
        bits = 128;
        ReadOnlySpan<char> address = text.AsSpan(0, slash < 0 ? text.Length : slash).Trim();
        if (!IpAddress.TryParse(address, out network))
        {
            return false;
        }

        int width = address.Contains(':') ? 128 : 32;
        if (slash >= 0)
        {
            if (!int.TryParse(text.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int length) || length > width)
            {
                return false;
            }

            bits = 128 - width + length;
        }

        network = Mask(network, bits);
        return true;
    }

    private static IpAddress Mask(IpAddress address, int bits) => new(
        bits >= 64 ? address.High : bits == 0 ? 0 : address.High & (ulong.MaxValue << (64 - bits)),
        bits >= 128 ? address.Low : bits <= 64 ? 0 : address.Low & (ulong.MaxValue << (128 - bits)));
}
