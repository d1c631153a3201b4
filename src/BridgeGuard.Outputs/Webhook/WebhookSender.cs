using System.Globalization;
using System.Net;
using System.Net.Http.Headers;

namespace BridgeGuard.Outputs.Webhook;

/// <summary>What an attempt came to.</summary>
internal enum AttemptResult : byte
{
    /// <summary>2xx.</summary>
    Delivered,

    /// <summary>Anything else, 3xx included: try again by the table.</summary>
    Failed,

    /// <summary>429, 502, 503, 504: the receiver is overloaded; slow down for all events.</summary>
    Throttled,

    /// <summary>410: the receiver wants nothing more.</summary>
    Gone,
}

/// <param name="Result">How to go on.</param>
/// <param name="Error">A short reason; empty when delivered.</param>
/// <param name="RetryAfter">The receiver's wish, if any.</param>
internal readonly record struct Attempt(AttemptResult Result, string Error, TimeSpan? RetryAfter);

/// <summary>Makes one attempt: signs, posts, reads the status. The answer's body is never read.</summary>
internal sealed class WebhookSender : IDisposable
{
    private readonly WebhookOptions _options;
    private readonly WebhookSigner _signer;
    private readonly TimeProvider _time;
    private readonly HttpClient _client;

    public WebhookSender(WebhookOptions options, WebhookSigner signer, TimeProvider time)
    {
        _options = options;
        _signer = signer;
        _time = time;
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false, // A redirect is a failure by the standard, and a way around the address guard.
            UseCookies = false,
            PooledConnectionLifetime = TimeSpan.FromMinutes(5), // So that a change in DNS is noticed.
            MaxConnectionsPerServer = options.Concurrency,
            ConnectTimeout = options.Timeout,
        };
        if (!options.AllowPrivateAddresses)
        {
            handler.UseProxy = false; // A proxy would resolve the name behind the guard's back.
            handler.ConnectCallback = AddressGuard.ConnectAsync;
        }

        _client = new HttpClient(handler) { Timeout = options.Timeout };
        _client.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("BridgeGuard", "0.1"));
    }

    public async Task<Attempt> SendAsync(Delivery delivery, CancellationToken cancellationToken)
    {
        long timestamp = _time.GetUtcNow().ToUnixTimeSeconds();
        using var request = new HttpRequestMessage(HttpMethod.Post, _options.Url) { Content = new ByteArrayContent(delivery.Body) };
        request.Content.Headers.TryAddWithoutValidation("content-type", WebhookBody.ContentType(_options.Format));
        request.Headers.Add("webhook-id", delivery.Id);
        request.Headers.Add("webhook-timestamp", timestamp.ToString(CultureInfo.InvariantCulture));
        request.Headers.Add("webhook-signature", _signer.Sign(delivery.Id, timestamp, delivery.Body));
        try
        {
            using HttpResponseMessage response = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken)
                .ConfigureAwait(false);
            return Read(response);
        }
        catch (HttpRequestException e)
        {
            return new Attempt(AttemptResult.Failed, e.InnerException is { } inner ? $"{e.Message} {inner.Message}" : e.Message, null);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return new Attempt(AttemptResult.Failed, $"no answer within {_options.Timeout.TotalSeconds} s", null);
        }
    }

    public void Dispose() => _client.Dispose();

    private Attempt Read(HttpResponseMessage response)
    {
        int status = (int)response.StatusCode;
        if (response.IsSuccessStatusCode)
        {
            return new Attempt(AttemptResult.Delivered, "", null);
        }

        TimeSpan? retryAfter = response.Headers.RetryAfter is not { } header ? null
            : header.Delta ?? (header.Date - _time.GetUtcNow());
        AttemptResult result = response.StatusCode switch
        {
            HttpStatusCode.Gone => AttemptResult.Gone,
            HttpStatusCode.TooManyRequests or HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout
                => AttemptResult.Throttled,
            _ => AttemptResult.Failed,
        };
        return new Attempt(result, $"status {status}", retryAfter);
    }
}
