using System.Globalization;
using System.Text.Json;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Outputs;

namespace BridgeGuard.Daemon.Guests;

/// <summary>Listens to the workers' records of what guests were seen with, and has the registry and the book of stations remember it.</summary>
/// <remarks>The way from the data plane to the registry is the event ring like for every other event, whatever process each lives in.</remarks>
/// <param name="registry">Gets the addresses.</param>
/// <param name="stations">Gets what stations say of themselves.</param>
/// <param name="portName">The name of a port by its number; null when it is not known.</param>
public sealed class AddressLearner(GuestRegistry registry, StationBook stations, Func<ushort, string?> portName) : IOutput
{
    private readonly List<(ushort Guest, IpAddress Address)> _seen = [];

    public string Name => "guest-addresses";

    public EventFilter Filter { get; } = new() { Kinds = [EventKind.Guard], OutputIndex = 0 };

    public OutputCounters Counters { get; } = new();

    public void Write(in EventHeader header, ReadOnlySpan<byte> json)
    {
        Utf8JsonReader reader = new(json);
        using JsonDocument document = JsonDocument.ParseValue(ref reader);
        if (!document.RootElement.TryGetProperty("guard", out JsonElement guard))
        {
            return;
        }

        switch (guard.GetProperty("event").GetString())
        {
            case "address_seen" when IpAddress.TryParse(guard.GetProperty("address").GetString(), out IpAddress address):
                _seen.Add(((ushort)guard.GetProperty("guest").GetInt32(), address));
                break;
            case "station_seen":
                stations.Note(StationOf(guard, header.TimestampUs));
                break;
        }
    }

    /// <summary>All guests are made known anew with each change: what came together is one.</summary>
    public void EndBatch(bool isIdle)
    {
        if (_seen.Count > 0)
        {
            registry.Observe(_seen);
            _seen.Clear();
        }
    }

    public void Reopen()
    {
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private Station StationOf(JsonElement guard, long timeUs)
    {
        ushort port = (ushort)guard.GetProperty("port").GetInt32();
        return new Station(
            portName(port) ?? string.Create(CultureInfo.InvariantCulture, $"port {port}"),
            registry.Current.Get((ushort)guard.GetProperty("guest").GetInt32())?.Name ?? "",
            TextOf(guard, "chassis_id"),
            TextOf(guard, "port_id"),
            TextOf(guard, "system_name"),
            guard.TryGetProperty("management_addresses", out JsonElement addresses) ? [.. addresses.EnumerateArray().Select(a => a.GetString()!)] : [],
            DateTimeOffset.UnixEpoch.AddMicroseconds(timeUs));
    }

    /// <summary>Strangers' text, for terminals: what is no printable character is a question mark.</summary>
    private static string TextOf(JsonElement guard, string name) => guard.TryGetProperty(name, out JsonElement text)
        ? string.Concat(text.GetString()!.Select(c => char.IsControl(c) || char.GetUnicodeCategory(c) is UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator ? '?' : c))
        : "";
}
