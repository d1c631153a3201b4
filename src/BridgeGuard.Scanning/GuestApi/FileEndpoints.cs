using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BridgeGuard.Engine.Files;
using BridgeGuard.Scanning.Pipeline;
using BridgeGuard.Scanning.VerdictCache;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;

namespace BridgeGuard.Scanning.GuestApi;

/// <summary>The HTTP side: hash queries and submissions. The protocol is described in this folder's README.</summary>
internal sealed class FileEndpoints(
    ScanService scan, GuestApiOptions options, GuestLimiter limiter, AnswerSigner signer, GuestApiCounters counters,
    Action<GuestHit> onHit, TimeProvider time)
{
    /// <summary>Hashes in one query.</summary>
    public const int MaxBatch = 1000;

    /// <summary>1,000 hashes with sizes, generously spaced.</summary>
    private const long MaxBatchBytes = 256 << 10;

    /// <summary>Two paths and a hash.</summary>
    private const long MaxHitBytes = 16 << 10;

    /// <summary>Longest wait for a verdict that is pending; a scan's default deadline.</summary>
    private const int MaxWaitSeconds = 30;

    private static readonly string[] KindNames = ["unknown", "pending", "clean", "malicious", "error"];

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/key", context => WriteAsync(
            context, 200, new KeyMessage(signer.KeyId, "ed25519", Convert.ToBase64String(signer.PublicKey)), GuestJson.Default.KeyMessage));
        routes.MapGet("/v1/files/{sha256}", QueryOneAsync);
        routes.MapPost("/v1/files:query", QueryManyAsync);
        routes.MapPost("/v1/files", SubmitAsync);
        routes.MapPost("/v1/hits", HitAsync);
    }

    private async Task QueryOneAsync(HttpContext context)
    {
        if (await AdmitAsync(context).ConfigureAwait(false) is not { } guest)
        {
            return;
        }

        string size = context.Request.Query["size"].ToString();
        if (!Sha256.TryParse(context.Request.RouteValues["sha256"] as string, out Sha256 hash))
        {
            await BadRequestAsync(context, "The hash is not a SHA-256 in 64 hexadecimal digits.").ConfigureAwait(false);
        }
        else if (!long.TryParse(size, NumberStyles.None, CultureInfo.InvariantCulture, out long length))
        {
            await BadRequestAsync(context, "The size parameter is missing or not a number of bytes.").ConfigureAwait(false);
        }
        else if (await WithinAsync(context, limiter.For(guest).TryQuery(1, out TimeSpan retry), retry).ConfigureAwait(false))
        {
            Count(1);
            var key = new FileKey(hash, length);
            if (ReadWait(context) is { Ticks: > 0 } wait)
            {
                await scan.WaitWhilePendingAsync(key, wait, context.RequestAborted).ConfigureAwait(false);
            }

            await AnswerAsync(context, [Look(key, guest)]).ConfigureAwait(false);
        }
    }

    /// <summary>The wait parameter in seconds; nonsense is no wait, too much the most we give.</summary>
    private static TimeSpan ReadWait(HttpContext context) =>
        int.TryParse(context.Request.Query["wait"].ToString(), NumberStyles.None, CultureInfo.InvariantCulture, out int seconds)
            ? TimeSpan.FromSeconds(Math.Min(seconds, MaxWaitSeconds)) : TimeSpan.Zero;

    private async Task QueryManyAsync(HttpContext context)
    {
        if (await AdmitAsync(context).ConfigureAwait(false) is not { } guest)
        {
            return;
        }

        context.Features.Get<IHttpMaxRequestBodySizeFeature>()!.MaxRequestBodySize = MaxBatchBytes;
        BatchQuery? batch;
        try
        {
            batch = await JsonSerializer.DeserializeAsync(context.Request.Body, GuestJson.Default.BatchQuery, context.RequestAborted)
                .ConfigureAwait(false);
        }
        catch (JsonException e)
        {
            await BadRequestAsync(context, $"The body is not the JSON of a query: line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}.")
                .ConfigureAwait(false);
            return;
        }

        if (batch?.Files is not { Count: > 0 and <= MaxBatch } files)
        {
            await BadRequestAsync(context, $"A query has 1 to {MaxBatch} files.").ConfigureAwait(false);
            return;
        }

        var keys = new FileKey[files.Count];
        for (int i = 0; i < keys.Length; i++)
        {
            if (files[i] is not { Size: { } size and >= 0 } file || !Sha256.TryParse(file.Sha256, out Sha256 hash))
            {
                await BadRequestAsync(context, $"files[{i}] has no valid sha256 and size.").ConfigureAwait(false);
                return;
            }

            keys[i] = new FileKey(hash, size);
        }

        if (await WithinAsync(context, limiter.For(guest).TryQuery(keys.Length, out TimeSpan retry), retry).ConfigureAwait(false))
        {
            Count(keys.Length);
            await AnswerAsync(context, Array.ConvertAll(keys, key => Look(key, guest))).ConfigureAwait(false);
        }
    }

    private async Task SubmitAsync(HttpContext context)
    {
        if (await AdmitAsync(context).ConfigureAwait(false) is not { } guest)
        {
            return;
        }

        GuestUse use = limiter.For(guest);
        if (!await WithinAsync(context, use.TryBeginSubmission(out TimeSpan retry), retry).ConfigureAwait(false))
        {
            return;
        }

        Interlocked.Increment(ref counters.SubmissionsValue);
        context.Features.Get<IHttpMaxRequestBodySizeFeature>()!.MaxRequestBodySize = options.MaxSubmitBytes;
        long bytes = 0;
        try
        {
            var provenance = new FileProvenance
            {
                TimeUs = time.GetUtcNow().ToUnixTimeMilliseconds() * 1000,
                Guest = guest.Name,
                Protocol = "guest-api",
                FileName = Cut(context.Request.Headers["BridgeGuard-File-Name"].ToString(), 512),
            };
            ScanOutcome outcome = await scan.SubmitAsync(context.Request.BodyReader, provenance, read => bytes += read, context.RequestAborted)
                .ConfigureAwait(false);
            if (outcome.Verdict.Kind == FileVerdictKind.Malicious)
            {
                onHit(new GuestHit(guest, "guest-api", outcome.Key, outcome.Verdict, provenance.FileName));
            }

            await scan.Cache.TryFlushAsync(options.CommitPatience, context.RequestAborted).ConfigureAwait(false);
            await AnswerAsync(context, [Message(outcome.Key, outcome.Verdict)]).ConfigureAwait(false);
        }
        finally
        {
            use.EndSubmission(bytes);
        }
    }

    /// <summary>A guest's agent has denied a file: what it says of path and program goes into the event, the verdict is ours.</summary>
    private async Task HitAsync(HttpContext context)
    {
        if (await AdmitAsync(context).ConfigureAwait(false) is not { } guest
            || !await WithinAsync(context, limiter.For(guest).TryQuery(1, out TimeSpan retry), retry).ConfigureAwait(false))
        {
            return;
        }

        context.Features.Get<IHttpMaxRequestBodySizeFeature>()!.MaxRequestBodySize = MaxHitBytes;
        HitMessage? hit;
        try
        {
            hit = await JsonSerializer.DeserializeAsync(context.Request.Body, GuestJson.Default.HitMessage, context.RequestAborted).ConfigureAwait(false);
        }
        catch (JsonException)
        {
            hit = null;
        }

        if (hit is not { Size: >= 0 } || !Sha256.TryParse(hit.Sha256, out Sha256 hash))
        {
            await BadRequestAsync(context, "The body is no hit with a valid sha256 and size.").ConfigureAwait(false);
            return;
        }

        var key = new FileKey(hash, hit.Size.Value);
        if (scan.Cache.Find(key) is { Kind: FileVerdictKind.Malicious } verdict)
        {
            onHit(new GuestHit(guest, "agent", key, verdict, Cut(hit.Path ?? "", 1024))
            {
                Program = Cut(hit.Program ?? "", 1024),
                Access = Cut(hit.Access ?? "", 16),
                Action = Cut(hit.Action ?? "", 16),
            });
        }

        context.Response.StatusCode = 204;
    }

    private VerdictMessage Look(in FileKey key, GuestIdentity guest)
    {
        bool isPending = scan.IsPending(key); // Before the cache: see WireFileSink.Lookup.
        if (scan.Cache.Find(key) is not { } verdict)
        {
            return Message(key, isPending ? FileVerdictKind.Pending : FileVerdictKind.Unknown);
        }

        if (verdict.Kind == FileVerdictKind.Malicious)
        {
            // Asking for a hash says that the guest has the content; for bad ones that belongs in the ledger.
            scan.Cache.Record(new Exposure
            {
                Key = key,
                TimeUs = time.GetUtcNow().ToUnixTimeMilliseconds() * 1000,
                Guest = guest.Name,
                Protocol = "guest-api",
            });
            onHit(new GuestHit(guest, "guest-api", key, verdict, ""));
        }

        return Message(key, verdict);
    }

    private async Task<GuestIdentity?> AdmitAsync(HttpContext context)
    {
        if (context.Features.Get<GuestIdentity>() is { } guest) // From the connection: the channel is the identity.
        {
            return guest;
        }

        Interlocked.Increment(ref counters.RefusedValue);
        await WriteAsync(context, 403, new ErrorMessage("This address is no guest of this host."), GuestJson.Default.ErrorMessage).ConfigureAwait(false);
        return null;
    }

    private async Task<bool> WithinAsync(HttpContext context, bool isWithin, TimeSpan retryAfter)
    {
        if (isWithin)
        {
            return true;
        }

        Interlocked.Increment(ref counters.LimitedValue);
        context.Response.Headers.RetryAfter = Math.Max(1, (long)Math.Ceiling(retryAfter.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        await WriteAsync(context, 429, new ErrorMessage("This guest is over its limit."), GuestJson.Default.ErrorMessage).ConfigureAwait(false);
        return false;
    }

    private Task BadRequestAsync(HttpContext context, string error)
    {
        Interlocked.Increment(ref counters.BadRequestsValue);
        return WriteAsync(context, 400, new ErrorMessage(error), GuestJson.Default.ErrorMessage);
    }

    private Task AnswerAsync(HttpContext context, IReadOnlyList<VerdictMessage> verdicts)
    {
        long now = time.GetUtcNow().ToUnixTimeSeconds();
        var answer = new Answer { IssuedAt = now, ExpiresAt = now + (long)options.AnswerLifetime.TotalSeconds, Verdicts = verdicts };
        byte[] body = JsonSerializer.SerializeToUtf8Bytes(answer, GuestJson.Default.Answer);
        context.Response.Headers[AnswerSigner.HeaderName] = signer.Sign(body);
        return WriteAsync(context, 200, body);
    }

    private static Task WriteAsync<T>(HttpContext context, int status, T message, JsonTypeInfo<T> type) =>
        WriteAsync(context, status, JsonSerializer.SerializeToUtf8Bytes(message, type));

    private static Task WriteAsync(HttpContext context, int status, byte[] body)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = body.Length;
        return context.Response.Body.WriteAsync(body, 0, body.Length, context.RequestAborted);
    }

    private static VerdictMessage Message(in FileKey key, FileVerdictKind kind) =>
        new() { Sha256 = key.Hash.ToString(), Size = key.Size, Verdict = KindNames[(int)kind] };

    private static VerdictMessage Message(in FileKey key, FileVerdict verdict) => new()
    {
        Sha256 = key.Hash.ToString(),
        Size = key.Size,
        Verdict = KindNames[(int)verdict.Kind],
        Signature = verdict.Signature,
        Engine = verdict.Engine,
        Generation = verdict.Generation.Length == 0 ? null : verdict.Generation,
        Source = verdict.Source switch
        {
            VerdictSource.HashList => "hash-list",
            VerdictSource.Operator => "operator",
            VerdictSource.Import => "import",
            _ => "scan",
        },
        FoundAt = verdict.TimeUs / 1_000_000,
    };

    private void Count(int hashes)
    {
        Interlocked.Increment(ref counters.QueriesValue);
        Interlocked.Add(ref counters.HashesValue, hashes);
    }

    private static string Cut(string text, int length) => text.Length <= length ? text : text[..length];
}
