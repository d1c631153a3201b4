using System.Security.Cryptography;
using BridgeGuard.Scanning.Scanners;
using BridgeGuard.Scanning.VerdictCache;

namespace BridgeGuard.Host.Tests.Scanning;

/// <summary>Counts scans; what contains the marker is malicious. Generation, delay and answer can be set.</summary>
internal sealed class StubScanner : IScanner
{
    public const string Marker = "STUB-MARKER";

    private int _scans;
    private long _bytes;

    public string Name => "stub";

    public string Generation { get; set; } = "1";

    public TimeSpan Delay { get; set; }

    public bool IgnoresMarker { get; set; }

    /// <summary>A content of this length is malicious, whatever is in it: what no part of it shows.</summary>
    public long OnlySize { get; set; } = -1;

    /// <summary>Overrides the answer while not null.</summary>
    public Func<int, ScanResult>? Answer { get; set; }

    public int Scans => Volatile.Read(ref _scans);

    /// <summary>Bytes that have come, of contents that ended and of others.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    public Task<string> GetGenerationAsync(CancellationToken cancellationToken) => Task.FromResult(Generation);

    public async Task<ScanResult> ScanAsync(IScanContent content, CancellationToken cancellationToken)
    {
        using var whole = new MemoryStream();
        await foreach (ReadOnlyMemory<byte> block in content.ReadAsync(cancellationToken))
        {
            whole.Write(block.Span);
            Interlocked.Add(ref _bytes, block.Length);
        }

        int number = Interlocked.Increment(ref _scans); // A content that is given up on its way here is no scan.
        await Task.Delay(Delay, cancellationToken);
        if (Answer is { } answer)
        {
            return answer(number);
        }

        if (whole.Length == OnlySize)
        {
            return ScanResult.Malicious("Stub.Whole");
        }

        return !IgnoresMarker && whole.ToArray().AsSpan().IndexOf("STUB-MARKER"u8) >= 0 ? ScanResult.Malicious("Stub.Marker") : ScanResult.Clean;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    public static FileKey KeyOf(ReadOnlySpan<byte> content) => new(new Sha256(SHA256.HashData(content)), content.Length);
}
