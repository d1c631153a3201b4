using System.Text.Json;
using BridgeGuard.Engine.Events;
using Xunit;

namespace BridgeGuard.Engine.Tests.Events;

/// <summary>Keeps what an emitter wrote, parsed.</summary>
internal sealed class RecordedEvents : IEventSink
{
    public List<(EventHeader Header, JsonElement Json)> All { get; } = [];

    public JsonElement Only => Assert.Single(All).Json;

    public void Write(in EventHeader header, ReadOnlySpan<byte> json)
    {
        Utf8JsonReader reader = new(json);
        All.Add((header, JsonElement.ParseValue(ref reader)));
        Assert.Equal(json.Length, reader.BytesConsumed);
    }
}
