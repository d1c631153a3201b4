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
        }
    }

    private OutputSettings.FileSettings FileOf(ConfigNode options, string otherwise) =>
        new(PathOf(options.Get("filename") ?? otherwise), options.GetBool("append", true), options);

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

        _eveFiles.Add(new EveFileSettings(
            options.Get("filetype") ?? options.Get("type") ?? "regular",
            PathOf(options.Get("filename") ?? "eve.json"),
            options.GetBool("append", true),
            options.Get("prefix") ?? ""));
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

    private static XffSettings ReadXff(ConfigNode options)
    {
        ConfigNode? xff = options.Child("xff");
        if (xff is null)
        {
            foreach (ConfigNode type in options.Child("types")?.Children ?? [])
            {
                xff ??= type.Find("alert.xff");
            }
        }

        return xff is null
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
