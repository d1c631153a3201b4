using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace BridgeGuard.Scanning.Scanners.Yara;

/// <summary>Scans with YARA rules, a short-lived <c>yara</c> process for each content: a rule that crashes or hangs costs that process only.</summary>
/// <remarks>
/// Rules are compiled once per change by <c>yarac</c>. <see cref="ScannerOptions.Address"/> is a rule file or a folder of <c>*.yar</c> and
/// <c>*.yara</c> files, each its own namespace. The external variables that public rule sets use (filename, filepath, extension, filetype,
/// owner) are defined and empty: a verdict is about content, not about a name. Rules that do not compile leave the ones before in force.
/// </remarks>
public sealed class YaraScanner : IScanner
{
    /// <summary>Compiling some thousand rules takes seconds.</summary>
    private static readonly TimeSpan CompileTimeout = TimeSpan.FromMinutes(2);

    private const string FolderPrefix = "bridgeguard-yara-";

    private static readonly string[] Externals =
        [.. new[] { "filename", "filepath", "extension", "filetype", "owner" }.SelectMany(name => (string[])["-d", name + "="])];

    private readonly ScannerOptions _options;
    private readonly string _folder;
    private readonly SemaphoreSlim _lock = new(1);
    private string? _version;
    private string _sources = "";
    private volatile Compiled? _compiled;

    public YaraScanner(ScannerOptions options)
    {
        if (options.Address.Length == 0)
        {
            throw new FormatException("A yara scanner needs the path of a rule file or folder.");
        }

        _options = options;
        RemoveLeftOver();
        _folder = Directory.CreateTempSubdirectory($"{FolderPrefix}{Environment.ProcessId}-").FullName; // Readable by us only.
    }

    public string Name => "yara";

    /// <summary>YARA's version and a hash of the rules; compiles them when they changed.</summary>
    public async Task<string> GetGenerationAsync(CancellationToken cancellationToken)
    {
        await _lock.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            _version ??= (await RunAsync("yara", ["--version"], CompileTimeout, cancellationToken).ConfigureAwait(false)).Output.Trim();
            string[] files = RuleFiles();
            string sources = string.Join('|', files.Select(file => $"{file}:{new FileInfo(file).Length}:{File.GetLastWriteTimeUtc(file).Ticks}"));
            if (sources != _sources)
            {
                _sources = sources; // Also when it fails: told once, not at every look.
                await CompileAsync(files, cancellationToken).ConfigureAwait(false);
            }

            return _compiled?.Generation ?? throw new ScannerException($"The rules in {_options.Address} do not compile.");
        }
        finally
        {
            _lock.Release();
        }
    }

    public async Task<ScanResult> ScanAsync(IScanContent content, CancellationToken cancellationToken)
    {
        if (content.Size > _options.MaxBytes)
        {
            return TooLong();
        }

        if (_compiled is not { } compiled)
        {
            return ScanResult.Error("the yara rules are not compiled", isTransient: true);
        }

        string path = Path.Combine(_folder, Path.GetRandomFileName());
        try
        {
            await using (FileStream file = new(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, 0, FileOptions.Asynchronous))
            {
                long length = 0;
                await foreach (ReadOnlyMemory<byte> block in content.ReadAsync(cancellationToken).ConfigureAwait(false))
                {
                    length += block.Length;
                    if (length > _options.MaxBytes)
                    {
                        return TooLong();
                    }

                    await file.WriteAsync(block, cancellationToken).ConfigureAwait(false);
                }
            }

            string[] arguments = ["-C", "-w", "-l", "1", .. Externals, compiled.Path, path];
            return Read(await RunAsync("yara", arguments, Timeout.InfiniteTimeSpan, cancellationToken).ConfigureAwait(false));
        }
        catch (OperationCanceledException)
        {
            return ScanResult.Error("yara did not end before the deadline", isTransient: true);
        }
        catch (Exception e) when (e is IOException or ScannerException)
        {
            return ScanResult.Error("yara: " + e.Message, isTransient: true);
        }
        finally
        {
            File.Delete(path);
        }
    }

    public ValueTask DisposeAsync()
    {
        Directory.Delete(_folder, recursive: true);
        return ValueTask.CompletedTask;
    }

    /// <summary>A scanner process that is killed leaves its folder, with what it was scanning: those of processes that are gone are removed.</summary>
    private static void RemoveLeftOver()
    {
        foreach (string folder in Directory.EnumerateDirectories(Path.GetTempPath(), FolderPrefix + "*"))
        {
            string[] words = Path.GetFileName(folder)[FolderPrefix.Length..].Split('-');
            if (words.Length == 2 && int.TryParse(words[0], NumberStyles.None, CultureInfo.InvariantCulture, out int process) && !Directory.Exists($"/proc/{process}"))
            {
                try
                {
                    Directory.Delete(folder, recursive: true);
                }
                catch (Exception e) when (e is IOException or UnauthorizedAccessException)
                {
                    // Another user's.
                }
            }
        }
    }

    private ScanResult TooLong() => ScanResult.Error($"larger than yara's limit of {_options.MaxBytes} bytes", isTransient: false);

    /// <summary>Each match is a line <c>RULE PATH</c>; no line and exit code 0 is clean.</summary>
    private static ScanResult Read(ToolRun run)
    {
        if (run.ExitCode != 0)
        {
            return ScanResult.Error($"yara ended with {run.ExitCode}: {run.FirstError}", isTransient: true);
        }

        int blank = run.Output.IndexOf(' ');
        return run.Output.Length == 0 ? ScanResult.Clean
            : blank > 0 ? ScanResult.Malicious("YARA." + run.Output[..Math.Min(blank, 200)])
            : ScanResult.Error("yara's output is not understood", isTransient: true);
    }

    private string[] RuleFiles()
    {
        string[] files = !Directory.Exists(_options.Address) ? [_options.Address]
            : [.. Directory.EnumerateFiles(_options.Address).Where(file => Path.GetExtension(file) is ".yar" or ".yara").Order(StringComparer.Ordinal)];
        return files.Length > 0 && files.All(File.Exists) ? files
            : throw new ScannerException($"{_options.Address} is neither a YARA rule file nor a folder with *.yar files.");
    }

    private async Task CompileAsync(string[] files, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string file in files)
        {
            hash.AppendData(await File.ReadAllBytesAsync(file, cancellationToken).ConfigureAwait(false));
        }

        string digest = Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 8));
        string path = Path.Combine(_folder, "rules-" + digest);
        string[] sources = files.Length == 1 ? files : [.. files.Select(file => $"{Path.GetFileNameWithoutExtension(file)}:{file}")];
        ToolRun run = await RunAsync("yarac", ["-w", .. Externals, .. sources, path], CompileTimeout, cancellationToken).ConfigureAwait(false);
        if (run.ExitCode != 0)
        {
            throw new ScannerException($"The YARA rules do not compile: {run.FirstError}");
        }

        Compiled? before = _compiled;
        _compiled = new Compiled(path, $"yara {_version} {digest}");
        if (before is not null && before.Path != path)
        {
            File.Delete(before.Path); // A scan that has just begun with it fails and is tried again with the new ones.
        }
    }

    private static async Task<ToolRun> RunAsync(string program, string[] arguments, TimeSpan timeout, CancellationToken cancellationToken)
    {
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(timeout);
        try
        {
            return await ToolRun.StartAsync(program, arguments, limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ScannerException($"{program} did not end within {timeout.TotalSeconds} s.");
        }
    }

    private sealed record Compiled(string Path, string Generation);
}
