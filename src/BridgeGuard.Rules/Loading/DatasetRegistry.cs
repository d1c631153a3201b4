using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using BridgeGuard.Engine.Detection.Datasets;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;

namespace BridgeGuard.Rules.Loading;

/// <summary>What a rule or the configuration says of one dataset.</summary>
public sealed class DatasetSettings
{
    public required string Name { get; init; }

    /// <summary>Relative paths are looked for beside it.</summary>
    public string RuleFile { get; init; } = "";

    public bool HasReputation { get; init; }

    public DatasetType? Type { get; set; }

    public string Load { get; set; } = "";

    public string Save { get; set; } = "";

    /// <summary>The file is read and written: it need not be there yet.</summary>
    public bool IsState { get; set; }

    public long MemcapBytes { get; set; } = 100L << 20;

    /// <summary>Buckets that the set is asked to begin with; what they take (64 bytes each for Suricata) must fit into <see cref="MemcapBytes"/>.</summary>
    public long HashSize { get; set; } = DefaultHashSize;

    /// <summary>Suricata's, where a rule names none.</summary>
    public const long DefaultHashSize = 4096;

    public string Format { get; set; } = "csv";

    public string ContextKey { get; set; } = "";

    public string ValueKey { get; set; } = "";

    public string ArrayKey { get; set; } = "";

    public bool RemoveKey { get; set; }

    public bool MatchesSubdomains { get; set; }

    public bool SetType(string text)
    {
        Type = text switch
        {
            "string" => DatasetType.String,
            "md5" => DatasetType.Md5,
            "sha256" => DatasetType.Sha256,
            "ipv4" => DatasetType.Ipv4,
            "ip" or "ipv6" => DatasetType.Ip,
            _ => null,
        };
        return Type is not null;
    }

    public bool SetMemcap(string text)
    {
        if (ProtocolSettings.TryParseSize(text, out long size))
        {
            MemcapBytes = size;
            return true;
        }

        return false;
    }

    public bool SetHashSize(string text)
    {
        if (!uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint size))
        {
            return false;
        }

        HashSize = size == 0 ? DefaultHashSize : size;
        return true;
    }
}

/// <summary>All datasets of the process: they outlive reloads of the rules and are saved at the end. Control plane; not thread-safe.</summary>
public sealed class DatasetRegistry
{
    private readonly Dictionary<string, Dataset> _sets = [];
    private readonly HashSet<string> _broken = [];
    private readonly HashSet<string> _static = [];

    /// <summary>Where relative paths to load from and save to are (<c>default-rule-path</c>, <c>data-dir</c>).</summary>
    public IReadOnlyList<string> Folders { get; init; } = [];

    /// <summary>Rules may name files anywhere to be written (<c>datasets.rules.allow-absolute-filenames</c>); else only within <see cref="Folders"/>.</summary>
    public bool AllowsAbsolutePaths { get; init; }

    /// <summary>Rules may have sets written at all (<c>datasets.rules.allow-write</c>).</summary>
    public bool AllowsWriting { get; init; } = true;

    /// <summary>The files that rules named to be written, as they wrote them.</summary>
    public IReadOnlyList<string> WrittenPaths => _writtenPaths;

    private readonly List<string> _writtenPaths = [];

    /// <summary>Lines of the file that the last <see cref="GetOrLoad"/> read which were left out, each with its place and what is wrong with it.</summary>
    public IReadOnlyList<string> BadLines => _badLines;

    private readonly List<string> _badLines = [];

    /// <summary>Bytes of one bucket, as Suricata counts them against the memcap.</summary>
    private const int BucketBytes = 64;

    /// <summary>Bad lines of one file that are told, each; a file of another kind has nothing else.</summary>
    private const int MaxBadLinesTold = 16;

    public IReadOnlyCollection<Dataset> Sets => _sets.Values;

    /// <summary>A rule is text from elsewhere: whether it may have this file written; else what is wrong.</summary>
    private bool MayWrite(string path, out string problem)
    {
        problem = !AllowsWriting ? "rules with save or state are disabled (datasets.rules.allow-write)"
            : AllowsAbsolutePaths ? ""
            : Path.IsPathRooted(path) ? $"absolute paths are not allowed: {path}"
            : Array.IndexOf(path.Split('/', '\\'), "..") >= 0 ? $"paths out of the folder are not allowed: {path}"
            : "";
        return problem.Length == 0;
    }

    /// <summary>The set of that name, read from its file the first time; null with what is wrong.</summary>
    public Dataset? GetOrLoad(DatasetSettings settings, out string problem)
    {
        problem = "";
        _badLines.Clear();
        if (_sets.TryGetValue(settings.Name, out Dataset? known))
        {
            if (settings.Type is { } type && type != known.Type)
            {
                problem = $"the set {settings.Name} has the type {known.Type.ToString().ToLowerInvariant()}";
                return null;
            }

            return known;
        }

        if (settings.Type is null)
        {
            problem = $"the set {settings.Name} is not defined and has no type";
            return null;
        }

        if (settings.Save.Length > 0 && !MayWrite(settings.Save, out problem))
        {
            return null;
        }

        if (settings.MemcapBytes < settings.HashSize * BucketBytes)
        {
            problem = $"the memcap of the set {settings.Name} is less than {settings.HashSize} buckets take ({settings.HashSize * BucketBytes} bytes)";
            return null;
        }

        var made = new Dataset(settings.Name, settings.Type.Value, settings.MemcapBytes);
        if (_broken.Contains(settings.Name))
        {
            problem = $"the set {settings.Name} was not made";
            return null;
        }

        if (settings.Load.Length > 0 && !TryLoad(made, settings, out problem))
        {
            // Said once: rules that use the same set would only repeat it.
            _broken.Add(settings.Name);
            return null;
        }

        if (settings.Save.Length > 0)
        {
            _writtenPaths.Add(settings.Save);
            made.SavePath = Resolve(settings.Save, settings.RuleFile) ?? Path.Combine(Folders.FirstOrDefault() ?? "", settings.Save);
        }

        if (settings.Load.Length > 0 && made.SavePath is null)
        {
            _static.Add(settings.Name);
        }

        _sets.Add(settings.Name, made);
        return made;
    }

    /// <summary>Before a reload: sets that only come from a file are read again, and files that were wrong get another chance. What was learnt stays.</summary>
    public void BeginReload()
    {
        _broken.Clear();
        foreach (string name in _static)
        {
            _sets.Remove(name);
        }

        _static.Clear();
    }

    /// <summary>Writes the sets that have a save path, each by a new file that replaces the old one; what could not be written.</summary>
    public IReadOnlyList<string> SaveAll()
    {
        var problems = new List<string>();
        foreach (Dataset set in _sets.Values)
        {
            if (set.SavePath is not { } path)
            {
                continue;
            }

            try
            {
                Save(set, path);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                problems.Add($"{path}: {error.Message}");
            }
        }

        return problems;
    }

    private static void Save(Dataset set, string path)
    {
        var lines = new StringBuilder();
        // In the order of their bytes: the same set gives the same file.
        foreach ((byte[] value, DatasetValue data) in set.Values.OrderBy(pair => pair.Key, Comparer<byte[]>.Create((a, b) => a.AsSpan().SequenceCompareTo(b))))
        {
            lines.Append(Format(set.Type, value));
            if (data.Reputation != 0)
            {
                lines.Append(CultureInfo.InvariantCulture, $",{data.Reputation}");
            }

            lines.Append('\n');
        }

        if (Path.GetDirectoryName(path) is { Length: > 0 } folder)
        {
            Directory.CreateDirectory(folder);
        }

        string temporary = path + ".new";
        File.WriteAllText(temporary, lines.ToString());
        File.Move(temporary, path, overwrite: true);
    }

    private static string Format(DatasetType type, byte[] value) => type switch
    {
        DatasetType.String => Convert.ToBase64String(value),
        DatasetType.Ipv4 => IpAddress.ReadV4(value).ToString(),
        DatasetType.Ip => IpAddress.ReadV6(value).ToString(),
        _ => Convert.ToHexStringLower(value),
    };

    private string? Resolve(string file, string ruleFile)
    {
        if (Path.IsPathRooted(file))
        {
            return file;
        }

        return Folders.Prepend(Path.GetDirectoryName(ruleFile) ?? "").Select(folder => Path.Combine(folder, file)).FirstOrDefault(File.Exists);
    }

    private bool TryLoad(Dataset set, DatasetSettings settings, out string problem)
    {
        problem = "";
        string? path = Resolve(settings.Load, settings.RuleFile);
        if (path is null || !File.Exists(path))
        {
            problem = $"the file {settings.Load} cannot be read";
            return settings.IsState;
        }

        try
        {
            switch (settings.Format)
            {
                case "json":
                    return TryLoadJson(set, settings, File.ReadAllText(path), out problem);
                case "ndjson" or "jsonline":
                    return TryLoadJsonLines(set, settings, File.ReadLines(path), out problem);
                default:
                    LoadLines(set, settings, File.ReadLines(path, Encoding.Latin1));
                    return true;
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or JsonException)
        {
            problem = $"the file {settings.Load} cannot be read: {error.Message}";
            return false;
        }
    }

    /// <summary>A value in each line, all of them with a score behind a comma or all without. Bad lines are left out and told; the first of the other kind ends the reading.</summary>
    private void LoadLines(Dataset set, DatasetSettings settings, IEnumerable<string> lines)
    {
        int number = 0;
        bool? areScored = null;
        foreach (string line in lines)
        {
            number++;
            int comma = line.IndexOf(',');
            areScored ??= comma >= 0;
            if (areScored != comma >= 0)
            {
                TellBadLine($"the set {settings.Name} mixes values with and without a score, {settings.Load}:{number}: «{line}»; it has the lines before");
                return;
            }

            if (line.Length == 0 && set.Type is DatasetType.String)
            {
                continue;
            }

            ushort score = 0;
            if (comma >= 0 && !ushort.TryParse(line.AsSpan(comma + 1), NumberStyles.None, CultureInfo.InvariantCulture, out score))
            {
                TellBadLine($"bad {(line.AsSpan(comma + 1).Contains(',') ? "line" : "score")} in the set {settings.Name}, {settings.Load}:{number}: «{line}»");
                continue;
            }

            string text = comma < 0 ? line : line[..comma];
            if (!TryParse(set.Type, text, isBase64: true, out byte[] value))
            {
                string what = set.Type == DatasetType.String ? "base64" : set.Type.ToString().ToLowerInvariant();
                TellBadLine($"bad {what} in the set {settings.Name}, {settings.Load}:{number}: «{text}»");
                continue;
            }

            set.Add(value, new DatasetValue(score));
        }
    }

    private void TellBadLine(string message)
    {
        if (_badLines.Count < MaxBadLinesTold)
        {
            _badLines.Add(message);
        }
    }

    private static bool TryLoadJsonLines(Dataset set, DatasetSettings settings, IEnumerable<string> lines, out string problem)
    {
        problem = "";
        foreach (string line in lines)
        {
            if (line.Trim().Length > 0 && !TryAddElement(set, settings, JsonNode.Parse(line), out problem))
            {
                return false;
            }
        }

        return true;
    }

    private static bool TryLoadJson(Dataset set, DatasetSettings settings, string text, out string problem)
    {
        problem = "";
        JsonNode? node = Find(JsonNode.Parse(text), settings.ArrayKey);
        if (node is not JsonArray array)
        {
            problem = $"{settings.Load} has no array{(settings.ArrayKey.Length > 0 ? " at " + settings.ArrayKey : "")}";
            return false;
        }

        foreach (JsonNode? element in array)
        {
            if (!TryAddElement(set, settings, element, out problem))
            {
                return false;
            }
        }

        return true;
    }

    private static bool TryAddElement(Dataset set, DatasetSettings settings, JsonNode? element, out string problem)
    {
        problem = "";
        if (!TryFind(element, settings.ValueKey, out JsonNode? node))
        {
            // Elements may lack the key, as in lists that serve several purposes.
            return true;
        }

        if (node is not JsonValue found || !found.TryGetValue(out string? text))
        {
            problem = $"a value of the set {settings.Name} in {settings.Load} is not a string";
            return false;
        }

        if (!TryParse(set.Type, text, isBase64: false, out byte[] value))
        {
            problem = $"«{text}» in {settings.Load} is not of the set's type";
            return false;
        }

        if (settings.RemoveKey)
        {
            // As in Suricata: a key of just that name; one within another object stays.
            (element as JsonObject)?.Remove(settings.ValueKey);
        }

        byte[]? context = settings.ContextKey.Length > 0
            ? Encoding.UTF8.GetBytes($"{JsonSerializer.Serialize(settings.ContextKey)}:{element!.ToJsonString()}")
            : null;
        set.Add(value, new DatasetValue(0, context));
        return true;
    }

    /// <summary>A value by its path of keys joined by dots; the node itself for an empty path.</summary>
    private static JsonNode? Find(JsonNode? node, string path) => TryFind(node, path, out JsonNode? found) ? found : null;

    private static bool TryFind(JsonNode? node, string path, out JsonNode? found)
    {
        found = node;
        foreach (string key in path.Split('.', StringSplitOptions.RemoveEmptyEntries))
        {
            if (found is not JsonObject inner || !inner.TryGetPropertyValue(key, out found))
            {
                return false;
            }
        }

        return true;
    }

    private static bool TryParse(DatasetType type, string text, bool isBase64, out byte[] value)
    {
        value = [];
        switch (type)
        {
            case DatasetType.String:
                if (!isBase64)
                {
                    value = Encoding.UTF8.GetBytes(text);
                    return true;
                }

                value = new byte[text.Length];
                int written = 0;
                bool isGood = !text.AsSpan().ContainsAny(" \t\r\n") && Convert.TryFromBase64String(text, value, out written);
                Array.Resize(ref value, written);
                return isGood && written > 0;

            case DatasetType.Md5 or DatasetType.Sha256:
                int length = type == DatasetType.Md5 ? 32 : 64;
                if (text.Length != length || text.AsSpan().ContainsAnyExcept("0123456789abcdefABCDEF"))
                {
                    return false;
                }

                value = Convert.FromHexString(text);
                return true;

            default:
                if (!IsPlainAddress(text, type == DatasetType.Ip) || !IpAddress.TryParse(text, out IpAddress address) || (type == DatasetType.Ipv4 && !address.IsV4))
                {
                    return false;
                }

                value = new byte[type == DatasetType.Ipv4 ? 4 : 16];
                address.Write(value, type == DatasetType.Ipv4);
                return true;
        }
    }
    /// <summary>As <c>inet_pton</c> takes it: four decimal numbers, or colons; no blanks, zones, octal or short forms.</summary>
    private static bool IsPlainAddress(string text, bool takesV6)
    {
        if (text.Contains(':'))
        {
            return takesV6 && !text.AsSpan().ContainsAnyExcept("0123456789abcdefABCDEF:.");
        }

        string[] parts = text.Split('.');
        return parts.Length == 4 && parts.All(part => part is "0" || (part.Length is > 0 and < 4 && part[0] is >= '1' and <= '9' && part.All(char.IsAsciiDigit)));
    }
}
