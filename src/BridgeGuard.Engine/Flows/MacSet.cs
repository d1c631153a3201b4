namespace BridgeGuard.Engine.Flows;

/// <summary>The link layer addresses that a flow's packets had at both ends, in the order they were first seen (EVE <c>ether.src_macs</c>, <c>dest_macs</c>).</summary>
/// <remarks>Several at one end mean routers that share a load, or somebody who should not be there. Bounded by <see cref="Capacity"/>; owned by its flow.</remarks>
public sealed class MacSet
{
    /// <summary>Addresses kept per end; what comes after is not kept (the peer keeps as many).</summary>
    public const int Capacity = 10;

    private readonly ulong[] _client = new ulong[Capacity];
    private readonly ulong[] _server = new ulong[Capacity];
    private int _clientCount;
    private int _serverCount;

    /// <summary>Addresses on the client's side of the link, 48 bits each.</summary>
    public ReadOnlySpan<ulong> Client => _client.AsSpan(0, _clientCount);

    public ReadOnlySpan<ulong> Server => _server.AsSpan(0, _serverCount);

    public void AddClient(ulong mac) => Add(_client, ref _clientCount, mac);

    public void AddServer(ulong mac) => Add(_server, ref _serverCount, mac);

    public void Clear() => _clientCount = _serverCount = 0;

    /// <summary>The ends change places.</summary>
    public void Swap()
    {
        for (int i = 0; i < Capacity; i++)
        {
            (_client[i], _server[i]) = (_server[i], _client[i]);
        }

        (_clientCount, _serverCount) = (_serverCount, _clientCount);
    }

    private static void Add(ulong[] set, ref int count, ulong mac)
    {
        if (count < set.Length && !set.AsSpan(0, count).Contains(mac))
        {
            set[count++] = mac;
        }
    }
}
