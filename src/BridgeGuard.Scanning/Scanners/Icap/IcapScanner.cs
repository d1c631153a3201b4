using System.Globalization;
using System.Net.Sockets;
using System.Text;
using BridgeGuard.Engine.Files;

namespace BridgeGuard.Scanning.Scanners.Icap;

/// <summary>Has contents judged by an ICAP server (RFC 3507): each goes as the body of a response (RESPMOD §4.9), a connection per scan.</summary>
/// <remarks>
/// 204 is clean. A 200 that names a finding (<c>X-Infection-Found</c>, <c>X-Virus-ID</c>, <c>X-Violations-Found</c>), or whose response is not the 200
/// we sent, is malicious; any other 200 is clean only when it gives our response back unchanged in status. Everything else is an error, never clean.
/// </remarks>
public sealed class IcapScanner : IScanner
{
    private const int DefaultPort = 1344;

    /// <summary>Longest head read; servers send some hundred bytes.</summary>
    private const int MaxHeadBytes = 16 << 10;

    private static readonly string[] FindingFields = ["x-infection-found", "x-virus-id", "x-violations-found", "x-virus-name"];

    private readonly ScannerOptions _options;
    private readonly Uri _service;

    public IcapScanner(ScannerOptions options)
    {
        if (!Uri.TryCreate(options.Address, UriKind.Absolute, out Uri? service) || service.Scheme != "icap")
        {
            throw new FormatException($"'{options.Address}' is no ICAP service, expected the form icap://host:1344/service.");
        }

        _options = options;
        _service = service;
    }

    public string Name => "icap";

    /// <summary>The server's ISTag: changes with its engine and signatures (RFC 3507 §4.7).</summary>
    public async Task<string> GetGenerationAsync(CancellationToken cancellationToken)
    {
        try
        {
            using TcpClient connection = await ConnectAsync(cancellationToken).ConfigureAwait(false);
            using NetworkStream stream = connection.GetStream();
            await stream.WriteAsync(Encoding.ASCII.GetBytes($"OPTIONS {_service} ICAP/1.0\r\nHost: {_service.Host}\r\n\r\n"), cancellationToken).ConfigureAwait(false);
            IcapHead head = await ReadHeadAsync(stream, cancellationToken).ConfigureAwait(false);
            return head.Status == 200 ? $"icap {head.Field("istag")?.Trim('"')}" : throw new ScannerException($"The ICAP server answers {head.Status} to OPTIONS.");
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            throw new ScannerException($"The ICAP server cannot be asked: {e.Message}", e);
        }
    }

    public async Task<ScanResult> ScanAsync(IScanContent content, CancellationToken cancellationToken)
    {
        if (content.Size > _options.MaxBytes)
        {
            return TooLong();
        }

        try
        {
            using TcpClient connection = await ConnectAsync(cancellationToken).ConfigureAwait(false);
            using NetworkStream stream = connection.GetStream();
            if (!await SendAsync(stream, content, cancellationToken).ConfigureAwait(false))
            {
                return TooLong();
            }

            IcapHead head = await ReadHeadAsync(stream, cancellationToken).ConfigureAwait(false);
            return await JudgeAsync(stream, head, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException)
        {
            return ScanResult.Error($"ICAP: {e.Message}", isTransient: true);
        }
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private static async Task<ScanResult> JudgeAsync(NetworkStream stream, IcapHead head, CancellationToken cancellationToken)
    {
        string? finding = FindingFields.Select(head.Field).FirstOrDefault(field => field is not null);
        switch (head.Status)
        {
            case 204 when finding is null:
                return ScanResult.Clean;
            case 200 or 204 when finding is not null:
                return ScanResult.Malicious(NameOf(finding));
            case 200:
                IcapHead inner = await ReadHeadAsync(stream, cancellationToken).ConfigureAwait(false);
                return inner.Status == 200 ? ScanResult.Clean : ScanResult.Malicious($"ICAP.Blocked.{inner.Status}");
            default:
                return ScanResult.Error($"the ICAP server answers {head.Status}", isTransient: head.Status >= 500);
        }
    }

    /// <summary><c>Type=0; Resolution=2; Threat=Name;</c>, or the name alone.</summary>
    private static string NameOf(string finding)
    {
        int threat = finding.IndexOf("Threat=", StringComparison.OrdinalIgnoreCase);
        string name = threat < 0 ? finding : finding[(threat + 7)..];
        int end = name.IndexOf(';', StringComparison.Ordinal);
        name = (end < 0 ? name : name[..end]).Trim();
        return name.Length is > 0 and <= 256 ? name : "ICAP.Unnamed";
    }

    private ScanResult TooLong() => ScanResult.Error($"longer than {_options.MaxBytes} bytes", isTransient: false);

    /// <summary>False when the content has grown beyond the limit.</summary>
    private async Task<bool> SendAsync(NetworkStream stream, IScanContent content, CancellationToken cancellationToken)
    {
        const string request = "GET /content HTTP/1.1\r\nHost: bridgeguard\r\n\r\n";
        string length = content.IsWhole ? $"Content-Length: {content.Size.ToString(CultureInfo.InvariantCulture)}\r\n" : "";
        string response = $"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n{length}\r\n";
        string head = $"RESPMOD {_service} ICAP/1.0\r\nHost: {_service.Host}\r\nAllow: 204\r\nConnection: close\r\n"
            + $"Encapsulated: req-hdr=0, res-hdr={request.Length}, res-body={request.Length + response.Length}\r\n\r\n";
        await stream.WriteAsync(Encoding.ASCII.GetBytes(head + request + response), cancellationToken).ConfigureAwait(false);
        long sent = 0;
        await foreach (ReadOnlyMemory<byte> block in content.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            sent += block.Length;
            if (sent > _options.MaxBytes)
            {
                return false;
            }

            await stream.WriteAsync(Encoding.ASCII.GetBytes($"{block.Length:x}\r\n"), cancellationToken).ConfigureAwait(false);
            await stream.WriteAsync(block, cancellationToken).ConfigureAwait(false);
            await stream.WriteAsync("\r\n"u8.ToArray(), cancellationToken).ConfigureAwait(false);
        }

        await stream.WriteAsync("0\r\n\r\n"u8.ToArray(), cancellationToken).ConfigureAwait(false);
        return true;
    }

    private async Task<TcpClient> ConnectAsync(CancellationToken cancellationToken)
    {
        var connection = new TcpClient();
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(_options.ConnectTimeout);
        try
        {
            await connection.ConnectAsync(_service.Host, _service.Port < 0 ? DefaultPort : _service.Port, patience.Token).ConfigureAwait(false);
            return connection;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            connection.Dispose();
            throw new IOException("no connection in time");
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>A status line and fields to the empty line. A server that sends something else gets no further.</summary>
    private static async Task<IcapHead> ReadHeadAsync(NetworkStream stream, CancellationToken cancellationToken)
    {
        var text = new StringBuilder();
        byte[] one = new byte[1];
        while (text.Length < 4 || text[^1] != '\n' || text[^2] != '\r' || text[^3] != '\n')
        {
            if (text.Length > MaxHeadBytes || await stream.ReadAsync(one, cancellationToken).ConfigureAwait(false) == 0)
            {
                throw new IOException("the answer is cut off or has no end");
            }

            text.Append((char)one[0]);
        }

        string[] lines = text.ToString().Split("\r\n");
        string[] status = lines[0].Split(' ');
        return status.Length >= 2 && int.TryParse(status[1], NumberStyles.None, CultureInfo.InvariantCulture, out int code)
            ? new IcapHead(code, lines) : throw new IOException("the answer is none of ICAP");
    }

    private sealed record IcapHead(int Status, string[] Lines)
    {
        public string? Field(string lowerName)
        {
            foreach (string line in Lines)
            {
                int colon = line.IndexOf(':', StringComparison.Ordinal);
                if (colon > 0 && line[..colon].Trim().ToLowerInvariant() == lowerName)
                {
                    return line[(colon + 1)..].Trim();
                }
            }

            return null;
        }
    }
}
