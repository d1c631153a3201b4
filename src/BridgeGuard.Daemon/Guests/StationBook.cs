using System.Text.Json;

namespace BridgeGuard.Daemon.Guests;

/// <summary>What the station behind a port says of itself by LLDP. Its own words: they name nobody and give no role.</summary>
/// <param name="Port">Name of the bridge port; <c>port N</c> where it is not known.</param>
/// <param name="Guest">Name of the guest behind the port; empty when nobody is known there.</param>
/// <param name="SystemName">Empty when it does not say one.</param>
public sealed record Station(string Port, string Guest, string ChassisId, string PortId, string SystemName, IReadOnlyList<string> Addresses, DateTimeOffset SeenAt);

/// <summary>The stations that were seen, by port; kept in the state directory, so that they can be listed whether or not the daemon runs.</summary>
/// <remarks>Thread: any. At most <see cref="MaxStations"/>; the one seen longest ago gives way.</remarks>
public sealed class StationBook
{
    /// <summary>As many as there can be ports.</summary>
    public const int MaxStations = 4096;

    /// <summary>In the state directory.</summary>
    public const string FileName = "stations.json";

    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    private readonly Lock _gate = new();
    private readonly string _file;
    private readonly Dictionary<string, Station> _stations = [];

    /// <param name="stateDirectory">Where the file is; one that cannot be read is as none.</param>
    public StationBook(string stateDirectory)
    {
        _file = Path.Combine(stateDirectory, FileName);
        foreach (Station station in Read(_file))
        {
            _stations[station.Port] = station;
        }
    }

    /// <summary>All of them, by port.</summary>
    public IReadOnlyList<Station> All
    {
        get
        {
            lock (_gate)
            {
                return [.. _stations.Values.OrderBy(s => s.Port, StringComparer.Ordinal)];
            }
        }
    }

    /// <summary>Remembers what a station says; false when nothing but the time is new.</summary>
    public bool Note(Station station)
    {
        lock (_gate)
        {
            bool isSame = _stations.TryGetValue(station.Port, out Station? known) && known.Guest == station.Guest && known.ChassisId == station.ChassisId
                && known.PortId == station.PortId && known.SystemName == station.SystemName && known.Addresses.SequenceEqual(station.Addresses);
            if (known is null && _stations.Count == MaxStations)
            {
                _stations.Remove(_stations.Values.MinBy(s => s.SeenAt)!.Port);
            }

            _stations[station.Port] = station;
            Save();
            return !isSame;
        }
    }

    private static Station[] Read(string file)
    {
        try
        {
            return File.Exists(file) ? JsonSerializer.Deserialize<Station[]>(File.ReadAllBytes(file), Json) ?? [] : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            return []; // The wire shows it again within half a minute.
        }
    }

    private void Save()
    {
        try
        {
            File.WriteAllBytes(_file + ".new", JsonSerializer.SerializeToUtf8Bytes(_stations.Values, Json));
            File.Move(_file + ".new", _file, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It is remembered here until the disk takes it.
        }
    }
}
