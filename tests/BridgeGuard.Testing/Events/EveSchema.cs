using System.Text.Json;
using System.Text.Json.Nodes;
using Json.Schema;

namespace BridgeGuard.Testing.Events;

/// <summary>The public JSON schema of EVE, which lies beside the repository with the exam, and what our records add to it on purpose.</summary>
public static class EveSchema
{
    /// <summary>Why nothing can be checked, for a test that is skipped.</summary>
    public const string Absent = "the public schema ../shared/exam/eve-schema.json is not there";

    /// <summary>Record types of protocols that Suricata does not parse: any object.</summary>
    private static readonly string[] OwnTypes = ["irc", "mysql", "redis"];

    /// <summary>Fields of <c>dhcp</c> in records of DHCPv6.</summary>
    private static readonly string[] OwnDhcp = ["preferred_time", "prefixes", "relays", "server_id", "status", "status_text", "version"];

    /// <summary>Places at which our records go beyond the schema. Suricata 8.0.8 writes the same there, which <c>tests/parity/schemaplaces.py</c> shows with captures of ours.</summary>
    private static readonly string[] LacksItself =
    [
        "/http/request_headers/*/error", "/http/response_headers/*/error", "/ike/alg_*", "/ike/sa_*", "/ike/ikev1/client/proposals/*/*", "/ike/ikev1/server", "/ike/ikev1/server/*",
        "/ldap/request/search_request/filter", "/mdns/additionals/*/*", "/mdns/authorities/*/*", "/mdns/flags/*", "/modbus/*/mei", "/modbus/*/mei/*", "/modbus/request/write/*", "/modbus/response/write/*", "/mqtt/pubcomp/properties", "/pgsql/response/copy_*_response/malformed",
        "/pgsql/response/position", "/pgsql/response/row_description_malformed", "/rdp/*",
    ];

    private static readonly HashSet<string> Words =
    [
        "$defs", "$ref", "additionalProperties", "const", "description", "enum", "items", "minItems", "minProperties", "minimum", "oneOf", "pattern", "properties", "required", "title", "type",
    ];

    private static readonly Lazy<JsonSchema?> Schema = new(Load);

    public static bool IsPresent => Schema.Value is not null;

    /// <summary>The first few places at which a record is not as the schema has it.</summary>
    /// <param name="record">A whole record, or an object of one protocol: time and type are added where they are missing.</param>
    public static IReadOnlyList<string> Check(string record)
    {
        JsonObject value = JsonNode.Parse(record)!.AsObject();
        value.TryAdd("timestamp", "2026-01-02T03:04:05.000006+0000");
        value.TryAdd("event_type", "alert");
        using JsonDocument document = JsonDocument.Parse(value.ToJsonString());
        EvaluationResults results = Schema.Value!.Evaluate(document.RootElement, new EvaluationOptions { OutputFormat = OutputFormat.List });
        return results.IsValid
            ? []
            : [.. (results.Details ?? []).Where(detail => detail.Errors is { Count: > 0 } && !LacksItself.Any(known => IsAt(known, detail.InstanceLocation.ToString()))).Take(5)
                .Select(detail => $"{detail.InstanceLocation}: {string.Join("; ", detail.Errors!.Values)}")];
    }

    /// <summary>The records of a file that are not.</summary>
    public static IReadOnlyList<string> CheckFile(string path) =>
        [.. File.ReadLines(path).SelectMany(line => Check(line).Select(fault => $"{fault} in {line[..Math.Min(line.Length, 200)]}")).Take(20)];

    private static bool IsAt(string pattern, string place) =>
        System.Text.RegularExpressions.Regex.IsMatch(place, "^" + pattern.Replace("*", "[^/]+", StringComparison.Ordinal) + "$");

    private static JsonSchema? Load()
    {
        string? path = Find();
        if (path is null)
        {
            return null;
        }

        JsonObject schema = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        JsonObject properties = schema["properties"]!.AsObject();
        foreach (string type in OwnTypes)
        {
            properties.Add(type, new JsonObject { ["type"] = "object" });
        }

        JsonObject dhcp = properties["dhcp"]!["properties"]!.AsObject();
        foreach (string field in OwnDhcp)
        {
            dhcp.Add(field, new JsonObject());
        }

        RemoveNotes(schema);
        return JsonSchema.FromText(schema.ToJsonString());
    }

    /// <summary>The schema has words that are none of the standard's (which keywords a field belongs to, misspelt ones): the checker takes only those it knows.</summary>
    private static void RemoveNotes(JsonNode? node, bool namesFields = false)
    {
        if (node is JsonArray array)
        {
            foreach (JsonNode? item in array)
            {
                RemoveNotes(item);
            }
        }

        if (node is not JsonObject value)
        {
            return;
        }

        foreach (string name in value.Select(entry => entry.Key).ToArray())
        {
            if (!namesFields && !Words.Contains(name))
            {
                value.Remove(name);
                continue;
            }

            RemoveNotes(value[name], !namesFields && name is "properties" or "patternProperties" or "$defs");
        }
    }

    private static string? Find()
    {
        if (Environment.GetEnvironmentVariable("BRIDGEGUARD_EXAM") is { } exam)
        {
            return Path.Combine(exam, "eve-schema.json");
        }

        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            string candidate = Path.Combine(at.FullName, "..", "shared", "exam", "eve-schema.json");
            if (File.Exists(candidate))
            {
                return candidate;
            }
        }

        return null;
    }
}
