using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using System.Text.Json;
using BridgeGuard.Engine.Files;
using BridgeGuard.Scanning.Scanners;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace BridgeGuard.Scanning.Isolation;

/// <summary>How the scanner process is started.</summary>
public sealed record ScannerProcessOptions
{
    /// <summary>The program and what stands before the verb: <c>bridgeguard</c>, or <c>dotnet bridgeguard.dll</c>.</summary>
    public IReadOnlyList<string> Program { get; init; } = DefaultProgram();

    /// <summary>What runs in it.</summary>
    public required IReadOnlyList<ScannerOptions> Scanners { get; init; }

    /// <summary>User and group that it becomes where we are root; nobody.</summary>
    public int UserId { get; init; } = 65_534;

    /// <summary>Managed memory it may take.</summary>
    public long MemoryBytes { get; init; } = 512L << 20;

    /// <summary>A request that is not answered within this time means that it hangs: it is killed and started anew.</summary>
    public TimeSpan HangTime { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>It needs the network: a clamd or ICAP server behind TCP. Else it has none.</summary>
    public bool NeedsNetwork => Scanners.Any(s => s.Kind == "icap" || (s.Kind == "clamd" && !s.Address.StartsWith("unix:", StringComparison.Ordinal) && !s.Address.StartsWith('/')));

    private static IReadOnlyList<string> DefaultProgram()
    {
        string program = Path.Combine(AppContext.BaseDirectory, "bridgeguard");
        return File.Exists(program) ? [program] : [Environment.ProcessPath is { } host && Path.GetFileName(host) == "dotnet" ? host : "dotnet", program + ".dll"];
    }
}

/// <summary>The process in which untrusted contents are opened: its own user, no capabilities, no network, no new privileges, a filter on system calls.</summary>
/// <remarks>
/// Started when first needed, and again after it has ended. Requests that were under way then fail as passing errors: the pipeline tries once more.
/// Thread: any.
/// </remarks>
public sealed partial class ScannerProcess : IAsyncDisposable
{
    /// <summary>Time between two starts, so that one that cannot start costs little.</summary>
    private static readonly TimeSpan RestartDelay = TimeSpan.FromMilliseconds(500);

    private readonly ScannerProcessOptions _options;
    private readonly ILogger _logger;
    private readonly SemaphoreSlim _starting = new(1);
    private readonly SemaphoreSlim _writing = new(1);
    private Running? _running;
    private long _lastStart;
    private uint _lastRequest;
    private bool _isDisposed;

    public ScannerProcess(ScannerProcessOptions options, ILogger? logger = null)
    {
        _options = options;
        _logger = logger ?? NullLogger.Instance;
    }

    /// <summary>Times it was started.</summary>
    public int Starts { get; private set; }

    /// <summary>The process that runs, 0: none.</summary>
    public int ProcessId => _running is { Process.HasExited: false } running ? running.Process.Id : 0;

    /// <summary>The scanners, each as seen from here.</summary>
    public IReadOnlyList<IScanner> Scanners() => [.. _options.Scanners.Select((s, i) => (IScanner)new IsolatedScanner(this, (byte)i, s.Kind))];

    internal async Task<ScanResult> ScanAsync(byte scanner, IScanContent content, CancellationToken cancellationToken)
    {
        Running running = await EnsureAsync(cancellationToken).ConfigureAwait(false);
        (uint number, Task<ScanResult> answer) = running.Expect(Interlocked.Increment(ref _lastRequest));
        bool isAnswered = false;
        try
        {
            await SendAsync(running, ScannerFrameKind.Begin, number, new[] { scanner }, cancellationToken).ConfigureAwait(false);
            await foreach (ReadOnlyMemory<byte> block in content.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                for (int at = 0; at < block.Length; at += ScannerFrame.MaxPayloadBytes)
                {
                    int length = Math.Min(ScannerFrame.MaxPayloadBytes, block.Length - at);
                    await SendAsync(running, ScannerFrameKind.Data, number, block.Slice(at, length), cancellationToken).ConfigureAwait(false);
                }
            }

            await SendAsync(running, ScannerFrameKind.End, number, default, cancellationToken).ConfigureAwait(false);
            ScanResult result = await AwaitAsync(running, answer, cancellationToken).ConfigureAwait(false);
            isAnswered = true;
            return result;
        }
        finally
        {
            running.Forget(number);
            if (!isAnswered && !running.IsOver)
            {
                _ = CancelAsync(running, number); // Else it would keep the bytes, and wait for more.
            }
        }
    }

    internal async Task<string> GenerationAsync(byte scanner, CancellationToken cancellationToken)
    {
        Running running = await EnsureAsync(cancellationToken).ConfigureAwait(false);
        (uint number, Task<ScanResult> answer) = running.Expect(Interlocked.Increment(ref _lastRequest));
        try
        {
            await SendAsync(running, ScannerFrameKind.Generation, number, new[] { scanner }, cancellationToken).ConfigureAwait(false);
            ScanResult result = await AwaitAsync(running, answer, cancellationToken).ConfigureAwait(false);
            return result.Kind == FileVerdictKind.Clean ? result.Detail ?? "" : throw new ScannerException(result.Detail ?? "no answer");
        }
        finally
        {
            running.Forget(number);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _isDisposed = true;
        if (Interlocked.Exchange(ref _running, null) is { } running)
        {
            running.Process.StandardInput.Close(); // Its end of file is the order to go.
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(2));
            await ((Task)running.Process.WaitForExitAsync(patience.Token)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            Kill(running);
        }
    }

    private async Task<ScanResult> AwaitAsync(Running running, Task<ScanResult> answer, CancellationToken cancellationToken)
    {
        try
        {
            return await answer.WaitAsync(_options.HangTime, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            Log.Hangs(_logger, _options.HangTime);
            Kill(running);
            throw new IOException("The scanner process does not answer.");
        }
    }

    private async Task CancelAsync(Running running, uint number)
    {
        try
        {
            await SendAsync(running, ScannerFrameKind.Cancel, number, default, CancellationToken.None).ConfigureAwait(false);
        }
        catch (IOException)
        {
            // It has ended, and the request with it.
        }
    }

    private async Task SendAsync(Running running, ScannerFrameKind kind, uint request, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken)
    {
        // One frame at a time: contents of several scans take turns. Never cut off in its middle: the next one would begin there.
        await _writing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            using var patience = new CancellationTokenSource(_options.HangTime);
            await ScannerFrame.WriteAsync(running.Process.StandardInput.BaseStream, kind, request, payload, patience.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            Kill(running);
            throw new IOException("The scanner process takes nothing any more.");
        }
        finally
        {
            _writing.Release();
        }
    }

    private async Task<Running> EnsureAsync(CancellationToken cancellationToken)
    {
        if (_running is { IsOver: false } running)
        {
            return running;
        }

        await _starting.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_running is { IsOver: false } other)
            {
                return other;
            }

            ObjectDisposedException.ThrowIf(_isDisposed, this);
            TimeSpan since = Stopwatch.GetElapsedTime(_lastStart);
            if (Starts > 0 && since < RestartDelay)
            {
                await Task.Delay(RestartDelay - since, cancellationToken).ConfigureAwait(false);
            }

            _lastStart = Stopwatch.GetTimestamp();
            return _running = Start();
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new IOException($"The scanner process cannot be started: {e.Message}", e);
        }
        finally
        {
            _starting.Release();
        }
    }

    private Running Start()
    {
        var start = new ProcessStartInfo { RedirectStandardInput = true, RedirectStandardOutput = true, WorkingDirectory = "/" };
        List<string> line = [.. ScannerRights.Prefix(_options.NeedsNetwork, _options.UserId, out string? missing), .. _options.Program, "scanner"];
        if (missing is not null && Starts == 0)
        {
            Log.KeepsRights(_logger, missing);
        }

        start.FileName = line[0];
        foreach (string word in line.Skip(1))
        {
            start.ArgumentList.Add(word);
        }

        // Nothing of the daemon's environment: it may hold secrets.
        string? root = Environment.GetEnvironmentVariable("DOTNET_ROOT");
        start.Environment.Clear();
        start.Environment["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        start.Environment["HOME"] = "/tmp";
        start.Environment["DOTNET_EnableDiagnostics"] = "0";
        start.Environment["DOTNET_gcServer"] = "0";
        start.Environment["DOTNET_GCHeapHardLimit"] = "0x" + _options.MemoryBytes.ToString("x", System.Globalization.CultureInfo.InvariantCulture);
        start.Environment[ScannerChild.NetworkVariable] = _options.NeedsNetwork ? "1" : "0";
        start.Environment[ScannerChild.OptionsVariable] = JsonSerializer.Serialize(_options.Scanners);
        if (root is not null)
        {
            start.Environment["DOTNET_ROOT"] = root;
        }

        Process process = Process.Start(start)!;
        Starts++;
        Log.Started(_logger, process.Id);
        var running = new Running(process);
        _ = ReadAsync(running);
        return running;
    }

    private async Task ReadAsync(Running running)
    {
        byte[] buffer = new byte[ScannerFrame.MaxPayloadBytes];
        string reason = "it has ended";
        try
        {
            Stream output = running.Process.StandardOutput.BaseStream;
            while (await ScannerFrame.ReadAsync(output, buffer, CancellationToken.None).ConfigureAwait(false) is { } frame)
            {
                if (frame.Kind != ScannerFrameKind.Result || frame.Length < 2)
                {
                    throw new IOException("it speaks nonsense");
                }

                // Its word is a verdict about a content, nothing more: kinds we do not know are errors.
                var kind = (FileVerdictKind)buffer[0];
                string text = Encoding.UTF8.GetString(buffer, 2, Math.Min(frame.Length - 2, 1024));
                running.Answer(frame.Request, kind is FileVerdictKind.Clean or FileVerdictKind.Malicious
                    ? new ScanResult(kind, text.Length == 0 ? null : text) : ScanResult.Error(text, isTransient: buffer[1] != 0));
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            reason = e.Message;
        }

        running.Fail(reason);
        if (!_isDisposed)
        {
            Log.Ended(_logger, reason);
        }

        Kill(running);
    }

    private static void Kill(Running running)
    {
        running.Fail("it was ended");
        try
        {
            running.Process.Kill(entireProcessTree: true);
        }
        catch (Exception e) when (e is InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            // Gone already.
        }
    }

    private sealed class Running(Process process)
    {
        private readonly ConcurrentDictionary<uint, TaskCompletionSource<ScanResult>> _waiting = new();

        public Process Process { get; } = process;

        public bool IsOver { get; private set; }

        public (uint Number, Task<ScanResult> Answer) Expect(uint number)
        {
            var waiting = new TaskCompletionSource<ScanResult>(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting[number] = waiting;
            if (IsOver)
            {
                waiting.TrySetException(new IOException("The scanner process has ended."));
            }

            return (number, waiting.Task);
        }

        public void Forget(uint number) => _waiting.TryRemove(number, out _);

        public void Answer(uint number, ScanResult result)
        {
            if (_waiting.TryRemove(number, out TaskCompletionSource<ScanResult>? waiting))
            {
                waiting.TrySetResult(result);
            }
        }

        public void Fail(string reason)
        {
            IsOver = true;
            foreach (TaskCompletionSource<ScanResult> waiting in _waiting.Values)
            {
                waiting.TrySetException(new IOException($"The scanner process: {reason}."));
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(2401, LogLevel.Information, "Scanner process {ProcessId} started.")]
        public static partial void Started(ILogger logger, int processId);

        [LoggerMessage(2402, LogLevel.Warning, "The scanner process is gone ({Reason}); it is started again when it is needed.")]
        public static partial void Ended(ILogger logger, string reason);

        [LoggerMessage(2404, LogLevel.Warning, "The scanner process runs without {Missing}: this process may not give it.")]
        public static partial void KeepsRights(ILogger logger, string missing);

        [LoggerMessage(2403, LogLevel.Warning, "The scanner process has not answered for {Time}; it is killed.")]
        public static partial void Hangs(ILogger logger, TimeSpan time);
    }
}

/// <summary>A scanner in the other process.</summary>
internal sealed class IsolatedScanner(ScannerProcess process, byte number, string kind) : IScanner
{
    public string Name => kind;

    public async Task<string> GetGenerationAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await process.GenerationAsync(number, cancellationToken).ConfigureAwait(false);
        }
        catch (IOException e)
        {
            throw new ScannerException(e.Message, e);
        }
    }

    public async Task<ScanResult> ScanAsync(IScanContent content, CancellationToken cancellationToken)
    {
        try
        {
            return await process.ScanAsync(number, content, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException)
        {
            return ScanResult.Error(e.Message, isTransient: true);
        }
    }

    public ValueTask DisposeAsync() => process.DisposeAsync();
}
