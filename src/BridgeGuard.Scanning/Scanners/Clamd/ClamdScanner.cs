using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace BridgeGuard.Scanning.Scanners.Clamd;

/// <summary>Asks a clamd over its socket. A connection per scan: clamd closes it after the answer.</summary>
public sealed class ClamdScanner(ScannerOptions options) : IScanner
{
    private const string StreamPrefix = "stream: ";
    private const string FoundSuffix = " FOUND";
    private const string ErrorSuffix = " ERROR";

    private readonly EndPoint _address = ClamdAddress.Parse(options.Address);

    public string Name => "clamd";

    /// <summary>clamd's VERSION (engine, database number and date), and a fingerprint of the signature folder where one is given.</summary>
    public async Task<string> GetGenerationAsync(CancellationToken cancellationToken)
    {
        using CancellationTokenSource timeout = Timeout(cancellationToken);
        string version;
        try
        {
            using ClamdConnection connection = await ClamdConnection.OpenAsync(_address, timeout.Token).ConfigureAwait(false);
            version = await connection.AskAsync("VERSION", timeout.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is SocketException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            throw new ScannerException($"clamd at {options.Address} does not answer.", e);
        }

        if (!version.StartsWith("ClamAV ", StringComparison.Ordinal))
        {
            throw new ScannerException($"clamd at {options.Address} gave no version but \"{Printable(version)}\".");
        }

        return options.SignatureDirectory is null ? version : $"{version} {Fingerprint(options.SignatureDirectory)}";
    }

    public async Task<ScanResult> ScanAsync(IScanContent content, CancellationToken cancellationToken)
    {
        if (content.Size > options.MaxBytes)
        {
            return ScanResult.Error($"larger than clamd's limit of {options.MaxBytes} bytes", isTransient: false);
        }

        try
        {
            using ClamdConnection connection = await OpenAsync(cancellationToken).ConfigureAwait(false);
            return Read(await connection.ScanAsync(content, cancellationToken).ConfigureAwait(false));
        }
        catch (SocketException e)
        {
            return ScanResult.Error($"clamd at {options.Address}: {e.SocketErrorCode}", isTransient: true);
        }
        catch (ScannerException e)
        {
            return ScanResult.Error(e.Message, isTransient: true);
        }
        catch (OperationCanceledException)
        {
            return ScanResult.Error("clamd did not answer before the deadline", isTransient: true);
        }
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>Reads <c>stream: OK</c>, <c>stream: NAME FOUND</c>, <c>… ERROR</c>; anything else is an error too, never a clean file.</summary>
    internal static ScanResult Read(string reply)
    {
        if (reply == "stream: OK")
        {
            return ScanResult.Clean;
        }

        if (reply.StartsWith(StreamPrefix, StringComparison.Ordinal) && reply.EndsWith(FoundSuffix, StringComparison.Ordinal)
            && reply.Length > StreamPrefix.Length + FoundSuffix.Length)
        {
            return ScanResult.Malicious(Printable(reply[StreamPrefix.Length..^FoundSuffix.Length]));
        }

        if (reply.EndsWith(ErrorSuffix, StringComparison.Ordinal))
        {
            return ScanResult.Error("clamd: " + Printable(reply[..^ErrorSuffix.Length]), isTransient: !reply.Contains("limit", StringComparison.Ordinal));
        }

        return ScanResult.Error(reply.Length == 0 ? "clamd closed without an answer" : $"clamd answered \"{Printable(reply)}\"", isTransient: true);
    }

    private async Task<ClamdConnection> OpenAsync(CancellationToken cancellationToken)
    {
        using CancellationTokenSource timeout = Timeout(cancellationToken);
        try
        {
            return await ClamdConnection.OpenAsync(_address, timeout.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ScannerException($"clamd at {options.Address} does not accept connections.");
        }
    }

    private CancellationTokenSource Timeout(CancellationToken cancellationToken)
    {
        CancellationTokenSource timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(options.ConnectTimeout);
        return timeout;
    }

    /// <summary>Changes with any name, length or time in the folder. Not a hash of gigabytes: it is asked every few seconds.</summary>
    private static string Fingerprint(string directory)
    {
        var text = new StringBuilder();
        try
        {
            foreach (FileInfo file in new DirectoryInfo(directory).EnumerateFiles().OrderBy(file => file.Name, StringComparer.Ordinal))
            {
                text.Append(CultureInfo.InvariantCulture, $"{file.Name}\0{file.Length}\0{file.LastWriteTimeUtc.Ticks}\n");
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ScannerException($"The signature folder {directory} cannot be read.", e);
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())).AsSpan(0, 8));
    }

    private static string Printable(string text) =>
        string.Create(Math.Min(text.Length, 200), text, static (span, source) =>
        {
            for (int i = 0; i < span.Length; i++)
            {
                span[i] = char.IsControl(source[i]) ? '?' : source[i];
            }
        });
}
