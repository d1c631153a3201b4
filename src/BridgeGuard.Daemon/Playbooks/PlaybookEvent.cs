using System.Text.Json;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Daemon.Playbooks;

/// <summary>What playbooks need of an event. Read from its EVE record, wherever the engine runs.</summary>
public sealed record PlaybookEvent
{
    public PlaybookOccasion Event { get; init; }

    public string Id { get; init; } = "";

    public uint Gid { get; init; }

    public uint Sid { get; init; }

    public string Signature { get; init; } = "";

    public string Category { get; init; } = "";

    public int Severity { get; init; } = 255;

    public bool IsBlocked { get; init; }

    /// <summary>The guest (the client's, or the server's where only that end is one), with its role and tags; empty when the event has none.</summary>
    public string Vm { get; init; } = "";

    public string Role { get; init; } = "";

    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>The other guest; empty when the other end is none.</summary>
    public string PeerVm { get; init; } = "";

    /// <summary>The end that opened the flow, and the one that was called: a guest's name where it is one, and the address.</summary>
    public string SourceVm { get; init; } = "";

    public IpAddress Source { get; init; }

    public string DestinationVm { get; init; } = "";

    public IpAddress Destination { get; init; }

    /// <summary>The playbook whose action this is; null for alerts.</summary>
    public string? Playbook { get; init; }

    /// <summary>Null when the record is no alert.</summary>
    public static PlaybookEvent? From(JsonElement record)
    {
        if (!record.TryGetProperty("alert", out JsonElement alert))
        {
            return null;
        }

        JsonElement vm = record.TryGetProperty("vm", out JsonElement guest) ? guest : default;
        JsonElement other = record.TryGetProperty("peer_vm", out JsonElement called) ? called : default;
        string sourceVm = Text(vm, "name");
        string destinationVm = Text(other, "name");
        JsonElement own = sourceVm.Length > 0 ? vm : other;
        (IpAddress source, IpAddress destination) = Ends(record);
        return new PlaybookEvent
        {
            Id = Text(record, "event_id"),
            Gid = alert.GetProperty("gid").GetUInt32(),
            Sid = alert.GetProperty("signature_id").GetUInt32(),
            Signature = Text(alert, "signature"),
            Category = Text(alert, "category"),
            Severity = alert.GetProperty("severity").GetInt32(),
            IsBlocked = Text(alert, "action") == "blocked",
            Vm = Text(own, "name"),
            Role = Text(own, "role"),
            Tags = own.ValueKind == JsonValueKind.Object && own.TryGetProperty("tags", out JsonElement tags) ? [.. tags.EnumerateArray().Select(t => t.GetString() ?? "")] : [],
            PeerVm = sourceVm.Length > 0 ? destinationVm : "",
            SourceVm = sourceVm,
            Source = source,
            DestinationVm = destinationVm,
            Destination = destination,
        };
    }

    /// <summary>
    /// What a record about a file that is in guests already says to playbooks (<c>verdict_changed</c> turned malicious, <c>guest_file</c>): one event for each guest. A guest
    /// without a name is its address. Empty when the record is another one.
    /// </summary>
    public static IReadOnlyList<PlaybookEvent> OfFile(JsonElement record)
    {
        if (!record.TryGetProperty("bridgeguard", out JsonElement detail))
        {
            return [];
        }

        switch (Text(record, "event_type"))
        {
            case "verdict_changed" when detail.TryGetProperty("after", out JsonElement after) && Text(after, "verdict") == "malicious"
                && detail.TryGetProperty("guests", out JsonElement guests):
                return [.. guests.EnumerateArray().Select(guest => OfGuest(PlaybookOccasion.VerdictChanged, record, guest.GetString() ?? "", Text(after, "signature")))];
            case "guest_file" when record.TryGetProperty("vm", out JsonElement vm):
                return [OfGuest(PlaybookOccasion.GuestFile, record, Text(vm, "name"), Text(detail, "signature"))];
            default:
                return [];
        }
    }

    private static PlaybookEvent OfGuest(PlaybookOccasion what, JsonElement record, string guest, string signature)
    {
        bool isAddress = IpAddress.TryParse(guest, out IpAddress address);
        string name = isAddress ? "" : guest;
        return new PlaybookEvent
        {
            Event = what, Id = Text(record, "event_id"), Signature = signature, Severity = 1, Vm = name, SourceVm = name, Source = isAddress ? address : default,
        };
    }

    /// <summary>The address of the end that is not the guest.</summary>
    public IpAddress Peer => SourceVm.Length == 0 && DestinationVm.Length > 0 ? Source : Destination;

    /// <summary>The flow's ends where the record has them, else the packet's turned by its direction.</summary>
    private static (IpAddress Source, IpAddress Destination) Ends(JsonElement record)
    {
        JsonElement from = record.TryGetProperty("flow", out JsonElement flow) && flow.TryGetProperty("src_ip", out _) ? flow : record;
        IpAddress source = IpAddress.TryParse(Text(from, "src_ip"), out IpAddress first) ? first : default;
        IpAddress destination = IpAddress.TryParse(Text(from, "dest_ip"), out IpAddress second) ? second : default;
        bool isTurned = from.Equals(record) && Text(record, "direction") == "to_client";
        return isTurned ? (destination, source) : (source, destination);
    }

    private static string Text(JsonElement record, string name) =>
        record.ValueKind == JsonValueKind.Object && record.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";
}
