using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Policy.Guests;
using BridgeGuard.Engine.Policy.Standing;

namespace BridgeGuard.Daemon.Plane;

/// <summary>What the daemon tells the data plane about guests and actions: the whole of both, so that a message lost or repeated does no harm.</summary>
/// <remarks>Roles and targets go by name: the two sides exchange their policies at slightly different moments, and a number would then be another role's.</remarks>
/// <param name="Generation">Of the guests.</param>
/// <param name="Guests">By index; their role numbers are places in <paramref name="Roles"/>.</param>
/// <param name="Actions">All that are in force; their target numbers are places in <paramref name="Targets"/>.</param>
/// <param name="Roles">Names of the sender's roles.</param>
/// <param name="Targets">Names of the sender's redirect targets.</param>
public sealed record PolicyMessage(uint Generation, GuestModel?[] Guests, StandingAction[] Actions, string[] Roles, string[] Targets)
{
    /// <summary>Nobody is there.</summary>
    public static readonly PolicyMessage Empty = new(0, [null], [], [], []);

    /// <summary>Name of the command.</summary>
    public const string Command = "policy";

    private static readonly JsonSerializerOptions Json = new() { Converters = { new AddressConverter() }, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault };

    public JsonNode? ToNode() => JsonSerializer.SerializeToNode(this, Json);

    /// <exception cref="JsonException">It is no such message.</exception>
    public static PolicyMessage From(JsonNode? node) => node.Deserialize<PolicyMessage>(Json) ?? throw new JsonException("a policy message is empty");

    public static PolicyMessage Of(GuestSet guests, PolicyModel policy, StandingAction[] actions) =>
        new(guests.Generation, guests.All, actions, [.. policy.Roles.Select(r => r.Name)], [.. policy.Targets.Select(t => t.Name)]);

    /// <summary>The guests with the role numbers of a policy; a role that it does not have is its default role.</summary>
    public GuestSet GuestsOf(PolicyModel policy)
    {
        int[] numbers = [.. Roles.Select(policy.FindRole)];
        return Array.TrueForAll(Guests, g => g is null || (g.Role < numbers.Length && numbers[g.Role] == g.Role))
            ? new GuestSet(Guests, Generation)
            : new GuestSet([.. Guests.Select(g => g is null ? null : g with { Role = (byte)Math.Max(g.Role < numbers.Length ? numbers[g.Role] : 0, 0) })], Generation);
    }

    /// <summary>The actions with the target numbers of a policy; a target that it does not have is the role's.</summary>
    public StandingActions ActionsOf(PolicyModel policy)
    {
        int[] numbers = [.. Targets.Select(name => Array.FindIndex(policy.Targets, t => t.Name == name))];
        return new StandingActions([.. Actions.Select(a => a with { Target = a.Target >= 0 && a.Target < numbers.Length ? numbers[a.Target] : -1 })]);
    }

    private sealed class AddressConverter : JsonConverter<IpAddress>
    {
        public override IpAddress Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            IpAddress.TryParse(reader.GetString(), out IpAddress address) ? address : throw new JsonException($"'{reader.GetString()}' is no IP address");

        public override void Write(Utf8JsonWriter writer, IpAddress value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString());
    }
}
