using System.Text.Json.Serialization;

namespace BridgeGuard.Scanning.GuestApi;

/// <summary>One file of a batch query.</summary>
internal sealed record FileQuery(string? Sha256, long? Size);

/// <summary>Body of <c>POST /v1/files:query</c>.</summary>
internal sealed record BatchQuery(List<FileQuery>? Files);

/// <summary>Body of <c>POST /v1/hits</c>: a file that the guest's agent has denied.</summary>
internal sealed record HitMessage(string? Sha256, long? Size, string? Path, string? Program, string? Access, string? Action);

/// <summary>One verdict in an answer.</summary>
internal sealed record VerdictMessage
{
    public required string Sha256 { get; init; }

    public required long Size { get; init; }

    /// <summary>unknown, pending, clean, malicious or error.</summary>
    public required string Verdict { get; init; }

    public string? Signature { get; init; }

    public string? Engine { get; init; }

    public string? Generation { get; init; }

    public string? Source { get; init; }

    /// <summary>Seconds since the Unix epoch.</summary>
    public long? FoundAt { get; init; }
}

/// <summary>Answer to a query or a submission. The signature covers all of it.</summary>
internal sealed record Answer
{
    /// <summary>Seconds since the Unix epoch.</summary>
    public required long IssuedAt { get; init; }

    /// <summary>Until when a guest may rely on it.</summary>
    public required long ExpiresAt { get; init; }

    public required IReadOnlyList<VerdictMessage> Verdicts { get; init; }
}

internal sealed record ErrorMessage(string Error);

internal sealed record KeyMessage(string KeyId, string Algorithm, string PublicKey);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(BatchQuery))]
[JsonSerializable(typeof(HitMessage))]
[JsonSerializable(typeof(Answer))]
[JsonSerializable(typeof(ErrorMessage))]
[JsonSerializable(typeof(KeyMessage))]
internal sealed partial class GuestJson : JsonSerializerContext;
