using System.Text.Json.Serialization;

namespace BridgeGuard.Agent.Host;

/// <summary>What the host says of a content.</summary>
internal enum Verdict
{
    Unknown,
    Pending,
    Clean,
    Malicious,
    Error,
}

/// <summary>An answer, with what is needed to keep it: the body as sent and its signature.</summary>
internal sealed record HostAnswer(Verdict Verdict, long ExpiresAt, byte[] Body, string Signature);

/// <summary>A file that was denied, for the host's events.</summary>
internal sealed record HitReport(string Sha256, long Size, string Path, string Program, string Access, string Action);

/// <summary>The host's answer (GuestApi/README.md).</summary>
internal sealed record AnswerMessage(long IssuedAt, long ExpiresAt, List<VerdictMessage> Verdicts);

internal sealed record VerdictMessage(string Sha256, long Size, string Verdict);

/// <summary>One kept answer, a line of the agent's file.</summary>
internal sealed record KeptAnswer(string Body, string Signature);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(AnswerMessage))]
[JsonSerializable(typeof(HitReport))]
[JsonSerializable(typeof(KeptAnswer))]
internal sealed partial class HostJson : JsonSerializerContext;
