using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;

namespace BridgeGuard.Daemon.Configuration.Suricata;

/// <summary>The <c>outputs</c> section: which events are made, and where they go.</summary>
internal sealed class OutputReader
{
    private readonly SectionReader _section;
    private readonly string _logFolder;
    private readonly SuricataOverrides _overrides;
    private readonly List<EveSettings> _eve = [];
    private readonly List<EveFileSettings> _eveFiles = [];
    private readonly Dictionary<string, ConfigNode> _enabled = [];
    private OutputSettings.FileSettings? _fast;
    private OutputSettings.FileSettings? _stats;
    private FileStoreSettings? _fileStore;
    private string? _certificateFolder;
    private DataLogSettings? _tcpData;
    private DataLogSettings? _httpBodyData;
    private bool _hasAnomaly;
    private bool _forceMagic;
    private bool _forceMd5;
    private bool _forceSha1;
    private bool _forceSha256;

    public OutputReader(SectionReader section, string logFolder, SuricataOverrides overrides)
    {
        _section = section;
        _logFolder = logFolder;
        _overrides = overrides;
        foreach (ConfigNode item in section.Root.Child("outputs")?.Children ?? [])
        {
            // Each element is one key with options; --set may have added a bare path to it.
            foreach (ConfigNode options in item.Children)
            {
                Read(options);
            }
        }
    }

    public OutputSettings Settings => new()
    {
        Eve = _eveFiles,
        Fast = _fast,
        Stats = _stats,
        FileStore = _fileStore,
        CertificateFolder = _certificateFolder,
        TcpData = _tcpData,
        HttpBodyData = _httpBodyData,
        Enabled = _enabled,
    };

    public IReadOnlyList<EveSettings> Eve => _eve;

    public FileSettings Files => new()
    {
        ForceMagic = _forceMagic,
        ForceMd5 = _forceMd5,
        ForceSha1 = _forceSha1,
        ForceSha256 = _forceSha256,
        StoreEnabled = _fileStore is not null,
        StoreAll = _fileStore is { StoreAll: true },
        StoreStreamDepth = _fileStore?.StreamDepthBytes ?? 0,
    };

    private void Read(ConfigNode options)
    {
        if (!options.GetBool("enabled", false))
        {
            return;
        }

        _enabled.TryAdd(options.Name, options);
        switch (options.Name)
        {
            case "eve-log":
                ReadEve(options);
                break;
            case "fast":
                _fast = FileOf(options, "fast.log");
                break;
            case "stats":
                _stats = FileOf(options, "stats.log");
                break;
            case "file-store":
                ReadFileStore(options);
                break;
            case "tls-store":
                _certificateFolder = PathOf(options.Get("certs-log-dir") ?? "");
                break;
            case "tcp-data":
                _tcpData = DataLogOf(options, "tcp-data.log", "tcp");
                break;
            case "http-body-data":
                _httpBodyData = DataLogOf(options, "http-data.log", "http");
                break;
        }
    }

    private OutputSettings.FileSettings FileOf(ConfigNode options, string otherwise) =>
        new(PathOf(options.Get("filename") ?? otherwise), options.GetBool("append", true), options);

    private DataLogSettings DataLogOf(ConfigNode options, string file, string folder)
    {
        string type = options.Get("type") ?? "file";
        return new DataLogSettings(
            type is "dir" ? null : PathOf(options.Get("filename") ?? file),
            type is "dir" or "both" ? PathOf(options.Get("log-dir") ?? folder) : null,
            options.GetBool("append", true));
    }

    private string PathOf(string name) => Path.IsPathRooted(name) ? name : Path.Combine(_logFolder, name);

    private void ReadEve(ConfigNode options)
    {
        List<EveTypeSettings> types = [];
        foreach (ConfigNode type in options.Child("types")?.Children ?? [])
        {
            string? name = type.Children.Count > 0 ? type.Children[0].Name : type.Value;
            if (name is null)
            {
                continue;
            }

            ConfigNode? own = type.Child(name);
            Dictionary<string, string> flat = own?.Flatten() ?? [];
            if (name == "dns" && Environment.GetEnvironmentVariable("SURICATA_EVE_DNS_VERSION") is { Length: > 0 } version)
            {
                // Suricata lets the environment choose the form of DNS records where the configuration does not.
                flat.TryAdd("version", version);
            }

            ProtocolSettings settings = new(flat);
            if (name == "anomaly" && settings.GetBool("enabled", true))
            {
                if (_hasAnomaly)
                {
                    _section.Tell(ConfigSeverity.Error, "output-json-anomaly", "only one 'anomaly' logger can be enabled");
                    continue;
                }

                _hasAnomaly = true;
            }

            if (name == "files" && settings.GetBool("enabled", true))
            {
                ForceFiles(own);
            }

            if (settings.Get("string-log-limit") is { } limit && !ProtocolSettings.TryParseSize(limit, out _))
            {
                _section.Tell(ConfigSeverity.Error, "misc", $"invalid size argument: '{limit}'. Valid input is <number><unit>. Unit can be kb/KiB, mb/MiB or gb/GiB");
                continue;
            }

            types.Add(new EveTypeSettings(name, settings));
        }

        _eveFiles.Add(EveFileOf(options));
        _eve.Add(new EveSettings
        {
            CommunityId = options.GetBool("community-id", false),
            CommunityIdSeed = (ushort)(ushort.TryParse(options.Get("community-id-seed"), out ushort seed) ? seed : 0),
            Ethernet = options.GetBool("ethernet", false),
            PcapFile = options.GetBool("pcap-file", false) ? _overrides.CapturePath : null,
            HostName = _section.Text("sensor-name"),
            Metadata = options.GetBool("metadata", true),
            FormatVersion = options.GetBool("suricata-version", false),
            Xff = ReadXff(options),
            Types = [.. types],
        });
    }

    private EveFileSettings EveFileOf(ConfigNode options)
    {
        string type = options.Get("filetype") ?? options.Get("type") ?? "regular";
        string path = PathOf(options.Get("filename") ?? "eve.json");
        if (type is "regular" or "file" && options.GetBool("threaded", false))
        {
            // Each thread has a file of its own, numbered from 1; here is one thread.
            path = Path.ChangeExtension(path, ".1" + Path.GetExtension(path));
        }

        return new EveFileSettings(type, path, options.GetBool("append", true), options.Get("prefix") ?? "")
        {
            RotateSeconds = RotateSeconds(options.Get("rotate-interval")),
            FileMode = ReadFileMode(options.Get("filemode")),
            SyslogHead = SyslogHeadOf(options),
        };
    }

    /// <summary>A word, or a number with a unit; 0 for what is neither.</summary>
    private long RotateSeconds(string? text)
    {
        switch (text)
        {
            case null:
                return 0;
            case "minute":
                return 60;
            case "hour":
                return 3600;
            case "day":
                return 86400;
        }

        long unit = text[^1] switch { 's' => 1, 'm' => 60, 'h' => 3600, 'd' => 86400, 'w' => 7 * 86400, _ => 0 };
        if (long.TryParse(text.AsSpan(0, unit == 0 ? text.Length : text.Length - 1), out long count) && count > 0)
        {
            return count * Math.Max(unit, 1);
        }

        _section.Tell(ConfigSeverity.Error, "logopenfile", $"invalid rotate-interval value '{text}'");
        return 0;
    }

    private UnixFileMode? ReadFileMode(string? text)
    {
        if (text is null)
        {
            return null;
        }

        int mode = 0;
        foreach (char digit in text)
        {
            if (digit is < '0' or > '7' || mode > 0x3f)
            {
                _section.Tell(ConfigSeverity.Warning, "logopenfile", $"Unable to process filemode '{text}', expected an octal number such as 640");
                return null;
            }

            mode = (mode << 3) | (digit - '0');
        }

        return (UnixFileMode)mode;
    }

    private static string SyslogHeadOf(ConfigNode options)
    {
        int facility = Math.Max(0, Array.IndexOf(Facilities, (options.Get("facility") ?? "local0").ToLowerInvariant()));
        int level = Array.FindIndex(Levels, name => name.Equals(options.Get("level") ?? "Info", StringComparison.OrdinalIgnoreCase));
        return string.Create(
            System.Globalization.CultureInfo.InvariantCulture, $"{(facility * 8) + (level < 0 ? 6 : level)}\n{options.Get("identity") ?? "suricata"}");
    }

    /// <summary>By the numbers of RFC 5424 §6.2.1.</summary>
    private static readonly string[] Facilities =
    [
        "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp", "security", "console", "solaris-cron",
        "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
    ];

    private static readonly string[] Levels = ["Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Info", "Debug"];

    private static XffSettings ReadXff(ConfigNode options)
    {
        return options.Child("xff") is not { } xff
            ? new XffSettings()
            : new XffSettings
            {
                Enabled = xff.GetBool("enabled", false),
                Overwrite = xff.Get("mode") is "overwrite",
                Reverse = xff.Get("deployment") is not "forward",
                Header = xff.Get("header") ?? "X-Forwarded-For",
            };
    }

    private void ReadFileStore(ConfigNode options)
    {
        if (_fileStore is not null)
        {
            _section.Tell(ConfigSeverity.Error, "output-filestore", "only one file-store can be enabled");
            return;
        }

        ForceFiles(options);
        long depth = options.Get("stream-depth") is { } text && ProtocolSettings.TryParseSize(text, out long size) ? size : 0;
        long streamDepth = _section.Size("stream.reassembly.depth", 0);
        if (depth > 0 && depth < streamDepth)
        {
            _section.Tell(ConfigSeverity.Warning, "output-filestore", string.Create(
                System.Globalization.CultureInfo.InvariantCulture,
                $"file-store.stream-depth value {depth} has no effect since it's less than stream.reassembly.depth value."));
            depth = 0;
        }

        // Stored under their digest, so the digest must be there.
        _forceSha256 = true;
        _fileStore = new FileStoreSettings
        {
            Folder = PathOf(options.Get("dir") ?? "filestore"),
            WriteFileInfo = options.GetBool("write-fileinfo", false),
            StoreAll = options.GetBool("force-filestore", false),
            StreamDepthBytes = depth,
            MaxOpenFiles = int.TryParse(options.Get("max-open-files"), out int open) ? open : 1000,
        };
    }

    private void ForceFiles(ConfigNode? options)
    {
        if (options is null)
        {
            return;
        }

        _forceMagic |= options.GetBool("force-magic", false);
        foreach (string hash in options.Child("force-hash")?.Values() ?? [])
        {
            _forceMd5 |= hash == "md5";
            _forceSha1 |= hash == "sha1";
            _forceSha256 |= hash == "sha256";
        }
    }
}
