using System.Diagnostics;
using System.Text;
using BridgeGuard.Engine.Files;
using BridgeGuard.Scanning.GuestApi;
using BridgeGuard.Scanning.VerdictCache;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using StackExchange.Redis;

namespace BridgeGuard.Scanning.Fleet;

/// <summary>How the fleet is reached, and whose word counts.</summary>
public sealed record FleetOptions
{
    /// <summary>StackExchange.Redis' configuration string: <c>host:port,password=…,ssl=true</c>.</summary>
    public required string Redis { get; init; }

    /// <summary>Public keys (32 bytes each) of the hosts whose verdicts count; our own always does.</summary>
    public IReadOnlyList<byte[]> Trusted { get; init; } = [];

    /// <summary>Longest a question may take; then the host goes on alone.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>How long a host may scan before others stop waiting for it; a scan's default deadline.</summary>
    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Lifetime of clean entries.</summary>
    public TimeSpan CleanLifetime { get; init; } = TimeSpan.FromDays(7);

    /// <summary>Lifetime of malicious entries.</summary>
    public TimeSpan MaliciousLifetime { get; init; } = TimeSpan.FromDays(90);

    public string Prefix { get; init; } = "bridgeguard:";
}

/// <summary>A fleet's verdicts in Redis or Valkey: entries signed with the scanning host's Ed25519 key, and leases so that one host scans what all want.</summary>
/// <remarks>
/// Entry <c>PREFIX v1:HASH:SIZE</c>: the signature as <see cref="AnswerSigner"/> writes it, a line feed, and the verdict as <c>cache export</c>
/// writes it. What is unsigned, signed by a stranger or changed is counted and ignored. A lease <c>PREFIX scan:HASH:SIZE:GENERATION</c> is only a
/// hint: whoever forges one delays a scan by at most <see cref="FleetOptions.Lease"/>.
/// </remarks>
public sealed partial class RedisFleetCache : IFleetCache
{
    /// <summary>How often a host that waits looks for the verdict.</summary>
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(20);

    /// <summary>Longest entry read.</summary>
    private const int MaxEntryBytes = 8 << 10;

    private readonly FleetOptions _options;
    private readonly AnswerSigner _signer;
    private readonly ILogger _logger;
    private readonly IConnectionMultiplexer _redis;
    private readonly byte[][] _trusted;
    private readonly RedisValue _self;

    private RedisFleetCache(FleetOptions options, AnswerSigner signer, IConnectionMultiplexer redis, ILogger logger)
    {
        _options = options;
        _signer = signer;
        _redis = redis;
        _logger = logger;
        _trusted = [signer.PublicKey, .. options.Trusted];
        _self = $"{signer.KeyId}:{Environment.ProcessId}";
    }

    public FleetCounters Counters { get; } = new();

    public bool IsConnected => _redis.IsConnected;

    private static ReadOnlySpan<byte> Context => "bridgeguard-verdict-v1\n"u8;

    /// <summary>Connects in the background; works alone until that has succeeded, and whenever it is cut off.</summary>
    public static async Task<RedisFleetCache> OpenAsync(FleetOptions options, AnswerSigner signer, ILogger? logger = null)
    {
        ConfigurationOptions configuration = ConfigurationOptions.Parse(options.Redis);
        configuration.AbortOnConnectFail = false;
        configuration.ConnectTimeout = (int)options.Timeout.TotalMilliseconds;
        configuration.AsyncTimeout = (int)options.Timeout.TotalMilliseconds;
        configuration.SyncTimeout = (int)options.Timeout.TotalMilliseconds;
        configuration.BacklogPolicy = BacklogPolicy.FailFast; // A question that waits for a connection is worse than none.
        configuration.ReconnectRetryPolicy = new LinearRetry(1000);
        ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(configuration).ConfigureAwait(false);
        return new RedisFleetCache(options, signer, redis, logger ?? NullLogger.Instance);
    }

    /// <inheritdoc/>
    public async Task<FileVerdict?> FindOrBeginAsync(FileKey key, string generation, CancellationToken cancellationToken)
    {
        long begin = Stopwatch.GetTimestamp();
        bool hasWaited = false;
        try
        {
            while (_redis.IsConnected && Stopwatch.GetElapsedTime(begin) < _options.Lease)
            {
                IDatabase database = _redis.GetDatabase();
                if (Read(key, await database.StringGetAsync(EntryOf(key)).ConfigureAwait(false), generation) is { } found)
                {
                    Interlocked.Increment(ref Counters.HitsValue);
                    return found;
                }

                if (await database.StringSetAsync(LeaseOf(key, generation), _self, _options.Lease, When.NotExists).ConfigureAwait(false))
                {
                    // Whoever held the lease may have told between our question and its end.
                    found = Read(key, await database.StringGetAsync(EntryOf(key)).ConfigureAwait(false), generation);
                    if (found is not null)
                    {
                        await database.KeyDeleteAsync(LeaseOf(key, generation)).ConfigureAwait(false);
                        Interlocked.Increment(ref Counters.HitsValue);
                        return found;
                    }

                    break;
                }

                if (!hasWaited)
                {
                    hasWaited = true;
                    Interlocked.Increment(ref Counters.WaitedValue);
                }

                await Task.Delay(Poll, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            Interlocked.Increment(ref Counters.FailuresValue);
            Log.Failed(_logger, e.Message);
        }

        Interlocked.Increment(ref Counters.MissesValue);
        return null;
    }

    /// <inheritdoc/>
    public async Task TellAsync(FileKey key, string generation, FileVerdict verdict)
    {
        if (!_redis.IsConnected)
        {
            return;
        }

        try
        {
            IDatabase database = _redis.GetDatabase();
            if (verdict.Kind is FileVerdictKind.Clean or FileVerdictKind.Malicious)
            {
                TimeSpan lifetime = verdict.Kind == FileVerdictKind.Clean ? _options.CleanLifetime : _options.MaliciousLifetime;
                await database.StringSetAsync(EntryOf(key), Write(key, verdict), lifetime).ConfigureAwait(false);
                Interlocked.Increment(ref Counters.ToldValue);
            }

            if (await database.StringGetAsync(LeaseOf(key, generation)).ConfigureAwait(false) == _self)
            {
                await database.KeyDeleteAsync(LeaseOf(key, generation)).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            Interlocked.Increment(ref Counters.FailuresValue);
            Log.Failed(_logger, e.Message);
        }
    }

    public async ValueTask DisposeAsync() => await _redis.DisposeAsync().ConfigureAwait(false);

    private RedisKey EntryOf(in FileKey key) => $"{_options.Prefix}v1:{key.Hash}:{key.Size}";

    private RedisKey LeaseOf(in FileKey key, string generation) => $"{_options.Prefix}scan:{key.Hash}:{key.Size}:{generation}";

    private RedisValue Write(in FileKey key, FileVerdict verdict)
    {
        byte[] body = Encoding.UTF8.GetBytes(CacheTransfer.WriteLine(key, verdict));
        return (byte[])[.. Encoding.ASCII.GetBytes(_signer.Sign(Context, body)), (byte)'\n', .. body];
    }

    /// <summary>An entry that counts: signed by a host we trust, about this content, of our generation or malicious.</summary>
    private FileVerdict? Read(in FileKey key, RedisValue entry, string generation)
    {
        if (entry.IsNull)
        {
            return null;
        }

        byte[] bytes = (byte[])entry!;
        int feed = Array.IndexOf(bytes, (byte)'\n');
        if (bytes.Length > MaxEntryBytes || feed < 0 || !IsSigned(Encoding.ASCII.GetString(bytes, 0, feed), bytes.AsSpan(feed + 1))
            || CacheTransfer.ReadLine(Encoding.UTF8.GetString(bytes, feed + 1, bytes.Length - feed - 1), out FileKey said, out FileVerdict? verdict) is not null
            || said != key || verdict!.IsPinned)
        {
            Interlocked.Increment(ref Counters.ForgedValue);
            return null;
        }

        return verdict.Generation == generation || verdict.Kind == FileVerdictKind.Malicious ? verdict : null;
    }

    private bool IsSigned(string header, ReadOnlySpan<byte> body)
    {
        foreach (byte[] trusted in _trusted)
        {
            if (AnswerSigner.Verify(trusted, Context, header, body))
            {
                return true;
            }
        }

        return false;
    }

    private static partial class Log
    {
        [LoggerMessage(2301, LogLevel.Warning, "The fleet's verdicts are out of reach ({Reason}); this host goes on alone.")]
        public static partial void Failed(ILogger logger, string reason);
    }
}
