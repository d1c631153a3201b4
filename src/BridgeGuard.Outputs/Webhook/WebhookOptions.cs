namespace BridgeGuard.Outputs.Webhook;

/// <summary>What the body looks like.</summary>
public enum WebhookFormat : byte
{
    /// <summary>CloudEvents 1.0, structured mode: the EVE record is <c>data</c>.</summary>
    CloudEvents,

    /// <summary>The shape that Standard Webhooks recommends: <c>type</c>, <c>timestamp</c>, <c>data</c>.</summary>
    Plain,
}

/// <summary>A webhook sink.</summary>
public sealed record WebhookOptions : OutputOptions
{
    /// <summary>Where to post.</summary>
    public required Uri Url { get; init; }

    /// <summary>Standard Webhooks secrets: <c>whsec_…</c> (HMAC) or <c>whsk_…</c> (Ed25519). Several while they are being rotated: all sign.</summary>
    public required IReadOnlyList<string> Secrets { get; init; }

    /// <summary>The journal's file; one for each sink.</summary>
    public required string JournalPath { get; init; }

    public WebhookFormat Format { get; init; }

    /// <summary>CloudEvents <c>source</c>: this host.</summary>
    public string Source { get; init; } = $"//{Environment.MachineName}/bridgeguard";

    /// <summary>Before each attempt, from the failure before it; after the last one the event is a dead letter. Standard Webhooks' own table.</summary>
    public IReadOnlyList<TimeSpan> Schedule { get; init; } = RetrySchedule.Standard;

    /// <summary>Each wait is longer by a random part up to this fraction, so that sinks do not come back all at once.</summary>
    public double Jitter { get; init; } = 0.1;

    /// <summary>For one attempt, connecting included; the standard says 15 to 30 seconds.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Longest body; the standard says less than 20 kB. Longer events are cut to their essence.</summary>
    public int MaxBodyBytes { get; init; } = 20_000;

    /// <summary>Attempts at the same time while the receiver is well; one while it fails.</summary>
    public int Concurrency { get; init; } = 4;

    /// <summary>Events waiting in memory for the journal.</summary>
    public int QueueEvents { get; init; } = 4096;

    /// <summary>Events in the journal, dead letters included; beyond it new ones are dropped and counted.</summary>
    public int JournalMaxEvents { get; init; } = 100_000;

    /// <summary>False refuses receivers at private, loopback, link-local and other addresses that are not on the public internet.</summary>
    public bool AllowPrivateAddresses { get; init; } = true;
}
