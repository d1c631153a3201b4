using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;

namespace BridgeGuard.Agent.Host;

/// <summary>The guest's side of the guest API: HTTP over TCP, a unix socket, or a virtio-serial port.</summary>
internal sealed class HostClient : IDisposable
{
    private readonly HttpClient _client;
    private readonly AnswerCheck _check;

    public HostClient(AgentOptions options)
    {
        _check = new AnswerCheck(options.Key);
        var handler = new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromSeconds(2), PooledConnectionIdleTimeout = TimeSpan.FromMinutes(2), UseProxy = false };
        string address = options.Host;
        string path = address[(address.IndexOf(':', StringComparison.Ordinal) + 1)..];
        if (address.StartsWith("unix:", StringComparison.Ordinal))
        {
            handler.ConnectCallback = async (_, stop) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), stop).ConfigureAwait(false);
                return new NetworkStream(socket, ownsSocket: true);
            };
            address = "http://host";
        }
        else if (address.StartsWith("device:", StringComparison.Ordinal))
        {
            handler.MaxConnectionsPerServer = 1; // One port, one conversation.
            handler.ConnectCallback = (_, _) =>
                ValueTask.FromResult<Stream>(new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None, 0, useAsync: false));
            address = "http://host";
        }

        _client = new HttpClient(handler) { BaseAddress = new Uri(address), Timeout = options.Timeout };
    }

    public Task<HostAnswer> AskAsync(string hash, long size, CancellationToken stop)
    {
        int wait = Math.Clamp((int)_client.Timeout.TotalSeconds - 1, 1, 30);
        var request = new HttpRequestMessage(HttpMethod.Get, $"/v1/files/{hash}?size={size.ToString(CultureInfo.InvariantCulture)}&wait={wait}");
        return SendAsync(request, hash, size, stop);
    }

    /// <summary>Sends a content; the answer names its hash itself, as the host has computed it.</summary>
    public Task<HostAnswer> SubmitAsync(SafeFileHandle content, long size, CancellationToken stop)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/v1/files") { Content = new HandleContent(content, size) };
        return SendAsync(request, null, size, stop);
    }

    public async Task ReportAsync(HitReport report, CancellationToken stop)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/hits")
        {
            Content = new StringContent(JsonSerializer.Serialize(report, HostJson.Default.HitReport), Encoding.UTF8, "application/json"),
        };
        using HttpResponseMessage response = await _client.SendAsync(request, stop).ConfigureAwait(false);
        response.EnsureSuccessStatusCode();
    }

    public void Dispose() => _client.Dispose();

    private async Task<HostAnswer> SendAsync(HttpRequestMessage request, string? hash, long size, CancellationToken stop)
    {
        using (request)
        {
            using HttpResponseMessage response = await _client.SendAsync(request, stop).ConfigureAwait(false);
            byte[] body = await response.Content.ReadAsByteArrayAsync(stop).ConfigureAwait(false);
            if (response.StatusCode != HttpStatusCode.OK)
            {
                return new HostAnswer(Verdict.Error, 0, [], ""); // Over the limit, too long: the host is there and says no.
            }

            string signature = response.Headers.TryGetValues("BridgeGuard-Signature", out IEnumerable<string>? values) ? values.First() : "";
            if (_check.HasKey && !_check.IsGenuine(signature, body))
            {
                throw new HttpRequestException("The answer is not signed by the host.");
            }

            try
            {
                hash ??= JsonSerializer.Deserialize(body, HostJson.Default.AnswerMessage)?.Verdicts is [{ } only] ? only.Sha256 : "";
                Verdict verdict = AnswerCheck.VerdictOf(body, hash, size, out long expiresAt);
                return new HostAnswer(verdict, expiresAt, body, signature);
            }
            catch (JsonException)
            {
                throw new HttpRequestException("The answer is none of the guest API.");
            }
        }
    }

    /// <summary>A file's bytes by its descriptor: its name may be gone, and opening it again would wait for ourselves.</summary>
    private sealed class HandleContent(SafeFileHandle handle, long size) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            byte[] buffer = new byte[128 << 10];
            for (long at = 0; at < size;)
            {
                int read = await RandomAccess.ReadAsync(handle, buffer.AsMemory(0, (int)Math.Min(buffer.Length, size - at)), at).ConfigureAwait(false);
                if (read == 0)
                {
                    throw new IOException("The file became shorter while it was sent.");
                }

                await stream.WriteAsync(buffer.AsMemory(0, read)).ConfigureAwait(false);
                at += read;
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = size;
            return true;
        }
    }
}
