using System.Text.Json;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Outputs;

namespace BridgeGuard.Daemon.Guests;

/// <summary>Listens to the workers' records of addresses that guests were seen with, and has the registry remember them.</summary>
/// <remarks>The way from the data plane to the registry is the event ring like for every other event, whatever process each lives in.</remarks>
public sealed class AddressLearner(GuestRegistry registry) : IOutput
{
    public string Name => "guest-addresses";

    public EventFilter Filter { get; } = new() { Kinds = [EventKind.Guard], OutputIndex = 0 };

    public OutputCounters Counters { get; } = new();

    public void Write(in EventHeader header, ReadOnlySpan<byte> json)
    {
        Utf8JsonReader reader = new(json);
        using JsonDocument document = JsonDocument.ParseValue(ref reader);
        if (document.RootElement.TryGetProperty("guard", out JsonElement guard) && guard.GetProperty("event").GetString() == "address_seen"
            && IpAddress.TryParse(guard.GetProperty("address").GetString(), out IpAddress address))
        {
            registry.Observe((ushort)guard.GetProperty("guest").GetInt32(), address);
        }
    }

    public void EndBatch(bool isIdle)
    {
    }

    public void Reopen()
    {
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
