using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy.Guests;
using BridgeGuard.Engine.Policy.Standing;

namespace BridgeGuard.Daemon.Plane;

/// <summary>What the daemon tells the data plane about guests and actions: the whole of both, so that a message lost or repeated does no harm.</summary>
/// <param name="Generation">Of the guests.</param>
/// <param name="Guests">By index; role indexes are those of the configuration that both sides have read.</param>
/// <param name="Actions">All that are in force.</param>
public sealed record PolicyMessage(uint Generation, GuestModel?[] Guests, StandingAction[] Actions)
{
    /// <summary>Name of the command.</summary>
    public const string Command = "policy";

    private static readonly JsonSerializerOptions Json = new() { Converters = { new AddressConverter() }, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault };

    public JsonNode? ToNode() => JsonSerializer.SerializeToNode(this, Json);

    /// <exception cref="JsonException">It is no such message.</exception>
    public static PolicyMessage From(JsonNode? node) => node.Deserialize<PolicyMessage>(Json) ?? throw new JsonException("a policy message is empty");

    private sealed class AddressConverter : JsonConverter<IpAddress>
    {
        public override IpAddress Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            IpAddress.TryParse(reader.GetString(), out IpAddress address) ? address : throw new JsonException($"'{reader.GetString()}' is no IP address");

        public override void Write(Utf8JsonWriter writer, IpAddress value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString());
    }
}
