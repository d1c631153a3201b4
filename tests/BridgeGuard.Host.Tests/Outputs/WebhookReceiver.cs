using System.Collections.Concurrent;
using System.Net;
using BridgeGuard.Outputs.Webhook;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace BridgeGuard.Host.Tests.Outputs;

/// <summary>A receiver on loopback: verifies every request and answers as the test says.</summary>
internal sealed class WebhookReceiver : IDisposable
{
    public const string Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    private readonly WebApplication _application;
    private int _requests;
    private int _badSignatures;

    public WebhookReceiver()
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        _application = builder.Build();
        _application.Run(AnswerAsync);
        _application.StartAsync().Wait();
        Url = new Uri(_application.Urls.Single() + "/hook");
    }

    public Uri Url { get; }

    /// <summary>Status for the request of this number (from 1); 0 closes the connection without an answer, -1 never answers.</summary>
    public Func<int, int> Status { get; set; } = _ => 204;

    public string? RetryAfter { get; set; }

    public int Requests => Volatile.Read(ref _requests);

    public int BadSignatures => Volatile.Read(ref _badSignatures);

    /// <summary>Every accepted (2xx) request.</summary>
    public ConcurrentQueue<(string Id, byte[] Body, string ContentType)> Accepted { get; } = new();

    /// <summary>Ids of all requests, accepted or not.</summary>
    public ConcurrentQueue<string> Seen { get; } = new();

    public void Dispose() => _application.DisposeAsync().AsTask().Wait(TimeSpan.FromSeconds(1));

    private async Task AnswerAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        int number = Interlocked.Increment(ref _requests);
        string id = context.Request.Headers["webhook-id"].ToString();
        Seen.Enqueue(id);
        if (!WebhookSigner.Verify(
            [Secret], id, context.Request.Headers["webhook-timestamp"].ToString(), context.Request.Headers["webhook-signature"].ToString(),
            body.ToArray(), DateTimeOffset.UtcNow))
        {
            Interlocked.Increment(ref _badSignatures);
        }

        int status = Status(number);
        if (status <= 0)
        {
            await Task.Delay(status < 0 ? 60_000 : 0, context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            context.Abort();
            return;
        }

        if (status is >= 200 and < 300)
        {
            Accepted.Enqueue((id, body.ToArray(), context.Request.ContentType ?? ""));
        }

        context.Response.StatusCode = status;
        if (RetryAfter is not null)
        {
            context.Response.Headers.RetryAfter = RetryAfter;
        }

        if (status is >= 300 and < 400)
        {
            context.Response.Headers.Location = Url + "/elsewhere";
        }
    }
}
