using System.Text.Json;
using System.Text.Json.Serialization;
using BridgeGuard.Engine.Files;

namespace BridgeGuard.Scanning.VerdictCache;

/// <summary>Verdicts as text, one JSON object a line: for backup, for another host, for looking at.</summary>
public static partial class CacheTransfer
{
    /// <summary>Longest line read; names of malware are short.</summary>
    private const int MaxLineLength = 4096;

    /// <summary>Errors kept of one file.</summary>
    private const int MaxErrors = 100;

    /// <summary>Writes every stored verdict, by hash. Returns how many.</summary>
    public static async Task<long> ExportAsync(FileVerdictCache cache, TextWriter writer, CancellationToken cancellationToken = default)
    {
        await cache.FlushAsync(cancellationToken).ConfigureAwait(false);
        long count = 0;
        foreach ((FileKey key, FileVerdict verdict) in cache.ReadStored())
        {
            cancellationToken.ThrowIfCancellationRequested();
            await writer.WriteLineAsync(WriteLine(key, verdict)).ConfigureAwait(false);
            count++;
        }

        return count;
    }

    /// <summary>One verdict, clean or malicious, as a line.</summary>
    public static string WriteLine(in FileKey key, FileVerdict verdict) => JsonSerializer.Serialize(
        new Line
        {
            Sha256 = key.Hash.ToString(),
            Size = key.Size,
            Verdict = verdict.Kind == FileVerdictKind.Malicious ? "malicious" : "clean",
            Signature = verdict.Signature,
            Engine = verdict.Engine,
            Generation = verdict.Generation.Length == 0 ? null : verdict.Generation,
            TimeUs = verdict.TimeUs,
            ExpiresUs = verdict.ExpiresUs == FileVerdict.Never ? null : verdict.ExpiresUs,
            Pinned = verdict.IsPinned ? true : null,
        },
        LineJson.Default.Line);

    /// <summary>Reads such lines. A wrong line is reported (1-based number, reason) and skipped; the others count.</summary>
    /// <remarks>Imported verdicts are only as good as who made the file: they are marked as imported and never replace a pinned one.</remarks>
    public static (long Imported, IReadOnlyList<(int Line, string Message)> Errors) Import(FileVerdictCache cache, TextReader reader)
    {
        long imported = 0;
        int number = 0;
        var errors = new List<(int, string)>();
        while (errors.Count < MaxErrors && reader.ReadLine() is { } text)
        {
            number++;
            if (string.IsNullOrWhiteSpace(text))
            {
                continue;
            }

            if (ReadLine(text, out FileKey key, out FileVerdict? verdict) is { } error)
            {
                errors.Add((number, error));
                continue;
            }

            cache.Put(key, verdict!);
            imported++;
        }

        return (imported, errors);
    }

    /// <summary>Reads one line; what is wrong with it, or null.</summary>
    public static string? ReadLine(string text, out FileKey key, out FileVerdict? verdict)
    {
        key = default;
        verdict = null;
        if (text.Length > MaxLineLength)
        {
            return $"The line is longer than {MaxLineLength} characters.";
        }

        Line? line;
        try
        {
            line = JsonSerializer.Deserialize(text, LineJson.Default.Line);
        }
        catch (JsonException e)
        {
            return $"Not a JSON object of a verdict (byte {e.BytePositionInLine + 1}).";
        }

        if (line is null || !Sha256.TryParse(line.Sha256, out Sha256 hash) || line.Size < 0)
        {
            return "There is no valid sha256 and size.";
        }

        FileVerdictKind kind = line.Verdict switch
        {
            "clean" => FileVerdictKind.Clean,
            "malicious" => FileVerdictKind.Malicious,
            _ => FileVerdictKind.Unknown,
        };
        if (kind == FileVerdictKind.Unknown || line.TimeUs < 0)
        {
            return "The verdict is neither clean nor malicious, or its time is negative.";
        }

        key = new FileKey(hash, line.Size);
        verdict = new FileVerdict
        {
            Kind = kind,
            Signature = line.Signature,
            Engine = string.Intern(line.Engine ?? "import"),
            Generation = string.Intern(line.Generation ?? ""),
            TimeUs = line.TimeUs,
            ExpiresUs = line.ExpiresUs ?? FileVerdict.Never,
            IsPinned = line.Pinned ?? false,
            Source = VerdictSource.Import,
        };
        return null;
    }

    internal sealed record Line
    {
        public string? Sha256 { get; init; }

        public long Size { get; init; } = -1;

        public string? Verdict { get; init; }

        public string? Signature { get; init; }

        public string? Engine { get; init; }

        public string? Generation { get; init; }

        public long TimeUs { get; init; }

        public long? ExpiresUs { get; init; }

        public bool? Pinned { get; init; }
    }

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
    [JsonSerializable(typeof(Line))]
    internal sealed partial class LineJson : JsonSerializerContext;
}
