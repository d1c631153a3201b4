using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using BridgeGuard.Engine.Files;
using BridgeGuard.Scanning.Interop;
using BridgeGuard.Scanning.Pipeline;
using BridgeGuard.Scanning.Scanners;

namespace BridgeGuard.Scanning.Isolation;

/// <summary>What runs in the scanner process (the hidden verb <c>scanner</c>): frames in, contents spooled and handed to scanners, results out.</summary>
public static class ScannerChild
{
    internal const string OptionsVariable = "BRIDGEGUARD_SCANNERS";

    internal const string NetworkVariable = "BRIDGEGUARD_SCANNERS_NETWORK";

    /// <summary>Contents being received or scanned; the daemon scans fewer at a time.</summary>
    private const int MaxOpen = 64;

    private const int MaxTextBytes = 1024;

    /// <summary>Serves until the input ends; the exit code.</summary>
    public static async Task<int> RunAsync(Stream input, Stream output)
    {
        if (Environment.GetEnvironmentVariable(OptionsVariable) is not { } text
            || JsonSerializer.Deserialize<List<ScannerOptions>>(text) is not { } options)
        {
            await Console.Error.WriteLineAsync("bridgeguard scanner: this verb is the daemon's own").ConfigureAwait(false);
            return 2;
        }

        if (Confinement.Apply(withNetwork: Environment.GetEnvironmentVariable(NetworkVariable) == "1") is { } problem)
        {
            await Console.Error.WriteLineAsync($"bridgeguard scanner: {problem}").ConfigureAwait(false);
        }

        PipeRoom.Widen(0);
        IScanner[] scanners = [.. options.Select(o => ScannerCatalog.Find(o.Kind)!.Create(o))];
        Task[] primed = [.. scanners.Select(s => Task.Run(() => s.GetGenerationAsync(CancellationToken.None)))]; // Rules are compiled by it.
        var answers = Channel.CreateUnbounded<byte[]>(new UnboundedChannelOptions { SingleReader = true });
        Task writing = WriteAsync(output, answers.Reader);
        var spools = new ScanOptions { MaxFileBytes = options.Max(o => o.MaxBytes), SpoolMemoryPerFileBytes = 4 << 20 };
        var budget = new SpoolBudget(spools.SpoolMemoryBytes, spools.SpoolDiskBytes);
        var open = new Dictionary<uint, OpenContent>();
        var scanning = new ConcurrentDictionary<uint, OpenContent>();
        byte[] buffer = new byte[ScannerFrame.MaxPayloadBytes];
        await using var buffered = new BufferedStream(input, ScannerFrame.MaxPayloadBytes);
        while (await ScannerFrame.ReadAsync(buffered, buffer, CancellationToken.None).ConfigureAwait(false) is { } frame)
        {
            switch (frame.Kind)
            {
                case ScannerFrameKind.Begin when frame.Length == 1 && open.Count < MaxOpen && buffer[0] < scanners.Length:
                    int number = buffer[0];
                    var content = new OpenContent(new ContentSpool(spools, budget));
                    open[frame.Request] = scanning[frame.Request] = content;
                    _ = Task.Run(async () =>
                    {
                        ScanResult? result = await ScanAsync(scanners[number], primed[number], content).ConfigureAwait(false);
                        scanning.TryRemove(frame.Request, out _);
                        if (result is { } answer)
                        {
                            Answer(answers.Writer, frame.Request, answer);
                        }
                    });
                    break;
                case ScannerFrameKind.Data when open.TryGetValue(frame.Request, out OpenContent? growing):
                    growing.Append(buffer.AsSpan(0, frame.Length));
                    break;
                case ScannerFrameKind.End when open.Remove(frame.Request, out OpenContent? whole):
                    whole.View.End();
                    break;
                case ScannerFrameKind.Cancel:
                    open.Remove(frame.Request);
                    if (scanning.TryGetValue(frame.Request, out OpenContent? unwanted))
                    {
                        await unwanted.Cancellation.CancelAsync().ConfigureAwait(false);
                    }

                    break;
                case ScannerFrameKind.Generation when frame.Length == 1 && buffer[0] < scanners.Length:
                    IScanner asked = scanners[buffer[0]];
                    _ = Task.Run(() => GenerationAsync(asked, frame.Request, answers.Writer));
                    break;
                default:
                    Answer(answers.Writer, frame.Request, ScanResult.Error("the scanner process has no room", isTransient: true));
                    break;
            }
        }

        answers.Writer.Complete();
        await writing.ConfigureAwait(false);
        return 0;
    }

    /// <summary>Scans a content that may still be arriving; null when nobody wants the answer any more.</summary>
    private static async Task<ScanResult?> ScanAsync(IScanner scanner, Task primed, OpenContent content)
    {
        ScanResult result;
        try
        {
            await primed.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            result = await scanner.ScanAsync(content.View, content.Cancellation.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            result = ScanResult.Error(e.Message, isTransient: true); // The daemon's pipeline decides about another try.
        }

        bool isUnwanted = content.Cancellation.IsCancellationRequested;
        if (content.Spool.Refusal is { } refusal)
        {
            result = ScanResult.Error(refusal, content.Spool.IsRefusalTransient);
        }

        content.Spool.Dispose();
        return isUnwanted ? null : result;
    }

    private static async Task GenerationAsync(IScanner scanner, uint request, ChannelWriter<byte[]> answers)
    {
        ScanResult result;
        try
        {
            result = new ScanResult(FileVerdictKind.Clean, await scanner.GetGenerationAsync(CancellationToken.None).ConfigureAwait(false));
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            result = ScanResult.Error(e.Message, isTransient: true);
        }

        Answer(answers, request, result);
    }

    private static void Answer(ChannelWriter<byte[]> answers, uint request, ScanResult result)
    {
        byte[] text = Encoding.UTF8.GetBytes(result.Detail ?? "");
        int length = Math.Min(text.Length, MaxTextBytes);
        byte[] frame = new byte[ScannerFrame.HeadBytes + 2 + length];
        ScannerFrame.WriteHead(frame, ScannerFrameKind.Result, request, 2 + length);
        frame[ScannerFrame.HeadBytes] = (byte)result.Kind;
        frame[ScannerFrame.HeadBytes + 1] = result.IsTransient ? (byte)1 : (byte)0;
        text.AsSpan(0, length).CopyTo(frame.AsSpan(ScannerFrame.HeadBytes + 2));
        answers.TryWrite(frame);
    }

    private static async Task WriteAsync(Stream output, ChannelReader<byte[]> answers)
    {
        await foreach (byte[] frame in answers.ReadAllAsync().ConfigureAwait(false))
        {
            await output.WriteAsync(frame).ConfigureAwait(false);
            await output.FlushAsync().ConfigureAwait(false);
        }
    }

    /// <summary>A content that comes or is scanned.</summary>
    private sealed class OpenContent(ContentSpool spool)
    {
        public ContentSpool Spool { get; } = spool;

        public GrowingContent View { get; } = new(spool);

        /// <summary>Not disposed: it has neither a timer nor a parent.</summary>
        public CancellationTokenSource Cancellation { get; } = new();

        public void Append(ReadOnlySpan<byte> bytes)
        {
            Spool.Append(bytes);
            View.Grow();
        }
    }
}
