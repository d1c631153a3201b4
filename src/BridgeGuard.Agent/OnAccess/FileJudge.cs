using System.Collections.Concurrent;
using System.Security.Cryptography;
using BridgeGuard.Agent.Host;
using BridgeGuard.Agent.Interop;
using Microsoft.Win32.SafeHandles;

namespace BridgeGuard.Agent.OnAccess;

/// <summary>Counts since start.</summary>
internal sealed class JudgeCounters
{
    public long Opens;
    public long Remembered;
    public long Asked;
    public long Submitted;
    public long Denied;
    public long Fallbacks;

    public override string ToString() => $"{Opens} opens, {Remembered} remembered, {Asked} asked, {Submitted} submitted, {Denied} denied, {Fallbacks} by fallback";
}

/// <summary>Is a file to be opened? Its hash is asked first; unknown content is submitted once, however many open it; signed answers are kept.</summary>
/// <remarks>Thread: any. A file that was judged is not read again until it changes (device, inode, length, times).</remarks>
internal sealed class FileJudge(AgentOptions options, HostClient host)
{
    /// <summary>Files remembered by their state; some 100 bytes each.</summary>
    private const int MaxRemembered = 200_000;

    /// <summary>How long a clean file needs no new question; the host's signatures may have changed since.</summary>
    private static readonly TimeSpan CleanTrust = TimeSpan.FromMinutes(10);

    private readonly ConcurrentDictionary<FileFacts, (Verdict Verdict, long UntilMs)> _known = new();
    private readonly ConcurrentDictionary<(string Hash, long Size), Lazy<Task<Verdict>>> _asking = new();
    private readonly AnswerStore _answers = new(options);

    public JudgeCounters Counters { get; } = new();

    public async Task<bool> MayOpenAsync(int fd, bool isExecution, int process, CancellationToken stop)
    {
        Interlocked.Increment(ref Counters.Opens);
        if (!FileFacts.TryRead(fd, out FileFacts facts) || !facts.IsRegular || facts.Size == 0)
        {
            return true;
        }

        Verdict verdict;
        if (_known.TryGetValue(facts, out (Verdict Verdict, long UntilMs) known) && known.UntilMs > Environment.TickCount64)
        {
            Interlocked.Increment(ref Counters.Remembered);
            verdict = known.Verdict;
        }
        else
        {
            verdict = await JudgeAsync(fd, facts, stop).ConfigureAwait(false);
        }

        bool allowed = verdict switch
        {
            Verdict.Clean => true,
            Verdict.Malicious => false,
            _ => !options.DeniesUnjudged,
        };
        Interlocked.Add(ref Counters.Fallbacks, verdict is Verdict.Clean or Verdict.Malicious ? 0 : 1);
        if (verdict == Verdict.Malicious)
        {
            Interlocked.Increment(ref Counters.Denied);
            await ReportAsync(fd, facts, isExecution, process).ConfigureAwait(false);
        }

        return allowed;
    }

    /// <summary>Writes what is kept for when the host is away.</summary>
    public void Save() => _answers.Save();

    private async Task<Verdict> JudgeAsync(int fd, FileFacts facts, CancellationToken stop)
    {
        if (facts.Size > options.MaxBytes)
        {
            return Verdict.Error;
        }

        using var handle = new SafeFileHandle(fd, ownsHandle: false);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(stop);
        deadline.CancelAfter(options.Timeout);
        try
        {
            string hash = await HashAsync(handle, facts.Size, deadline.Token).ConfigureAwait(false);
            Verdict verdict = await AskOnceAsync(hash, facts.Size, handle, deadline.Token).ConfigureAwait(false);
            if (verdict is Verdict.Clean or Verdict.Malicious && FileFacts.TryRead(fd, out FileFacts after) && after == facts)
            {
                if (_known.Count >= MaxRemembered)
                {
                    _known.Clear(); // Rare, and the answers are kept by hash.
                }

                _known[facts] = (verdict, Environment.TickCount64 + (long)CleanTrust.TotalMilliseconds);
            }

            return verdict;
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or HttpRequestException)
        {
            return Verdict.Error;
        }
    }

    /// <summary>One question per content at a time; whoever comes meanwhile waits for its answer.</summary>
    private async Task<Verdict> AskOnceAsync(string hash, long size, SafeFileHandle handle, CancellationToken stop)
    {
        (string, long) key = (hash, size);
        Lazy<Task<Verdict>> asking = _asking.GetOrAdd(key, _ => new Lazy<Task<Verdict>>(() => AskAsync(hash, size, handle, stop)));
        try
        {
            return await asking.Value.WaitAsync(stop).ConfigureAwait(false);
        }
        finally
        {
            _asking.TryRemove(KeyValuePair.Create(key, asking));
        }
    }

    private async Task<Verdict> AskAsync(string hash, long size, SafeFileHandle handle, CancellationToken stop)
    {
        Interlocked.Increment(ref Counters.Asked);
        try
        {
            HostAnswer answer = await host.AskAsync(hash, size, stop).ConfigureAwait(false);
            if (answer.Verdict == Verdict.Unknown)
            {
                Interlocked.Increment(ref Counters.Submitted);
                answer = await host.SubmitAsync(handle, size, stop).ConfigureAwait(false);
            }

            if (answer.Verdict is Verdict.Clean or Verdict.Malicious)
            {
                _answers.Keep(hash, size, answer);
            }

            return answer.Verdict;
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            // The host is away: what it has signed before still counts for its lifetime.
            return _answers.Find(hash, size);
        }
    }

    private async Task ReportAsync(int fd, FileFacts facts, bool isExecution, int process)
    {
        string path = LinkOf($"/proc/self/fd/{fd}");
        string program = LinkOf($"/proc/{process}/exe");
        await Console.Error.WriteLineAsync($"bridgeguard-agent: denied {(isExecution ? "execution" : "open")} of {path} by {program} ({process})").ConfigureAwait(false);
        using var handle = new SafeFileHandle(fd, ownsHandle: false);
        try
        {
            using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(3));
            string hash = await HashAsync(handle, facts.Size, deadline.Token).ConfigureAwait(false);
            await host.ReportAsync(new HitReport(hash, facts.Size, path, program, isExecution ? "exec" : "open", "denied"), deadline.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            // The host learns of it when the file is asked for again.
        }
    }

    private static string LinkOf(string path)
    {
        try
        {
            return new FileInfo(path).LinkTarget ?? "";
        }
        catch (IOException)
        {
            return "";
        }
    }

    private static async Task<string> HashAsync(SafeFileHandle handle, long size, CancellationToken stop)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[128 << 10];
        for (long at = 0; at < size;)
        {
            int read = await RandomAccess.ReadAsync(handle, buffer, at, stop).ConfigureAwait(false);
            if (read == 0)
            {
                throw new IOException("The file became shorter while it was read.");
            }

            hash.AppendData(buffer, 0, read);
            at += read;
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
