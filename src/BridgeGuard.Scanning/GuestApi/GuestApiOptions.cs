using System.Net;

namespace BridgeGuard.Scanning.GuestApi;

/// <summary>Where guests are answered, and how much one of them may ask.</summary>
public sealed record GuestApiOptions
{
    /// <summary>HTTP listeners: addresses on the bridge (link-local) or unix sockets.</summary>
    public IReadOnlyList<EndPoint> Http { get; init; } = [];

    /// <summary>Listeners of the clamd protocol.</summary>
    public IReadOnlyList<EndPoint> Clamd { get; init; } = [];

    /// <summary>How long a guest may rely on an answer while the host is away.</summary>
    public TimeSpan AnswerLifetime { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Longest content that a guest may submit.</summary>
    public long MaxSubmitBytes { get; init; } = 100L << 20;

    /// <summary>Connections of all guests together.</summary>
    public int MaxConnections { get; init; } = 1024;

    /// <summary>A connection on which nothing comes for so long is closed; clamd's ReadTimeout.</summary>
    public TimeSpan ReadTimeout { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>A submission is answered when verdict and ledger line are on disk, so that a kill loses nothing that was answered; at the latest after this, as a disk may be full.</summary>
    public TimeSpan CommitPatience { get; init; } = TimeSpan.FromSeconds(1);

    public GuestLimits Limits { get; init; } = new();
}

/// <summary>What one guest may use; the same for each.</summary>
public sealed record GuestLimits
{
    /// <summary>Hashes and submissions per second, on average. A file server opening files at full speed asks some thousand.</summary>
    public double QueriesPerSecond { get; init; } = 5_000;

    /// <summary>The same at once: ten full batches.</summary>
    public double QueryBurst { get; init; } = 10_000;

    /// <summary>Submitted bytes per second, on average.</summary>
    public double BytesPerSecond { get; init; } = 50 << 20;

    /// <summary>Submitted bytes at once.</summary>
    public double ByteBurst { get; init; } = 500 << 20;

    /// <summary>Submissions being read or scanned at the same time.</summary>
    public int MaxSubmissions { get; init; } = 8;

    public int MaxConnections { get; init; } = 32;
}
