using System.Net;
using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Attachments.Nfqueue;
using BridgeGuard.Daemon.Keeping;
using BridgeGuard.Daemon.Plane;
using BridgeGuard.Daemon.Playbooks;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;

namespace BridgeGuard.Daemon.Configuration;

/// <summary>Reads <c>bridgeguard.yaml</c> with its role files into a <see cref="DaemonModel"/>, or says everything that is wrong with it.</summary>
public static class DaemonConfigLoader
{
    /// <summary>DNS, and LLMNR (RFC 4795 §2): Suricata does not look for the latter.</summary>
    private const string DnsPorts = "53,5355";

    /// <summary>Null when there is at least one diagnostic.</summary>
    public static DaemonModel? Load(string file, List<ConfigDiagnostic> diagnostics)
    {
        if (YamlSection.Load(SourceTree.Of(Path.GetFullPath(file)), diagnostics) is not { } root)
        {
            return null;
        }

        string folder = Path.GetDirectoryName(Path.GetFullPath(file))!;
        var policy = new PolicyLoader(diagnostics);
        policy.AddTargets(root);
        var roleFiles = new List<string>();
        foreach (string pattern in root.Texts("roles"))
        {
            string[] found = [.. Expand(folder, pattern, "*.yaml")];
            roleFiles.AddRange(found);
            if (found.Length == 0 && WhyNothing(folder, pattern) is { } why)
            {
                root.Error("roles", $"no role file fits '{pattern}', {why}");
            }

            foreach (string role in found)
            {
                policy.AddRole(role);
            }
        }

        bool anyInline = false;
        var bridges = new List<BridgeModel>();
        foreach (YamlSection section in root.Sections("bridges"))
        {
            BridgeModel bridge = BridgeReader.ReadBridge(section);
            anyInline |= bridge.Mode == PortMode.Inline || bridge.Ports.Any(port => port.Mode == PortMode.Inline);
            bridges.Add(bridge);
        }

        IReadOnlyList<TapModel> taps = BridgeReader.ReadTaps(root);
        if (bridges.Count == 0 && taps.Count == 0)
        {
            root.Error(
                root.Has("bridges") ? "bridges" : null, "no bridge is named, expected 'bridges:' with at least one '- name: br0', or 'taps:' with a '- device: span0'");
        }

        ScanningModel scanning = ScanningReader.Read(root, folder);
        RulesModel rules = RulesReader.Read(root, folder);
        string state = Resolve(folder, root.Text("state-directory") ?? RunFolder.SystemState);
        string logs = Resolve(folder, root.Text("log-directory") ?? "/var/log/bridgeguard");
        KeepingModel keeping = KeepingReader.Read(root, logs);
        var model = new DaemonModel
        {
            Bridges = bridges,
            Taps = taps,
            Processes = root.Integer("processes", 2, 1, 2),
            ReducesPrivileges = root.Bool("reduce-privileges", true),
            RunDirectory = root.Text("run-directory") is { } run ? Resolve(folder, run) : RunFolder.DefaultFor(state),
            Arguments = ["-c", Path.GetFullPath(file)],
            Sources = [Path.GetFullPath(file), .. roleFiles],
            Written = root.Written(),
            Events = ReadEvents(root),
            Attach = BridgeReader.ReadAttach(root, bridges),
            Hook = root.Choice("hook", KernelHook.Auto),
            Nfqueue = BridgeReader.ReadNfqueue(root),
            Workers = BridgeReader.ReadWorkers(root, bridges),
            HeartbeatMs = root.Integer("heartbeat-ms", 100, 10, 10_000),
            BacklogFrames = root.Integer("backlog", 1024, 8, 1 << 16),
            JoinSegments = root.Bool("join-segments", true),
            LogDirectory = logs,
            Keeping = keeping,
            StateDirectory = state,
            Rules = rules,
            Policy = policy.Build(),
            Guests = policy.ReadGuests(root, folder, [.. bridges.Select(b => b.Name)]),
            Playbooks = new PlaybookLoader(policy.Build(), [.. root.Sections("webhooks").Select(w => w.Text("name") ?? "")]).Read(root, folder),
            Recorder = ReadRecorder(root),
            RoleFails = policy.Fails,
            Scanning = scanning,
            Engine = ReadEngine(root, anyInline, scanning, keeping, rules.PortVariables),
            Webhooks = [.. WebhookReader.Read(root, folder)],
            MetricsListen = root.Text("metrics-listen"),
        };
        root.RejectUnknownKeys();
        SortByPlace(diagnostics);
        return diagnostics.Count == 0 ? model : null;
    }

    /// <summary>As one reads the files: each in the order in which it came first, by line and column.</summary>
    private static void SortByPlace(List<ConfigDiagnostic> diagnostics)
    {
        string[] files = [.. diagnostics.Select(diagnostic => diagnostic.File).Distinct()];
        ConfigDiagnostic[] sorted = [.. diagnostics.OrderBy(d => Array.IndexOf(files, d.File)).ThenBy(d => d.Line).ThenBy(d => d.Column)];
        diagnostics.Clear();
        diagnostics.AddRange(sorted);
    }

    /// <summary>The run directory that a configuration names, whatever else is wrong with it; null when the file cannot be read at all.</summary>
    public static string? RunDirectoryOf(string file, List<ConfigDiagnostic> diagnostics)
    {
        if (YamlSection.Load(file, diagnostics) is not { } root)
        {
            return null;
        }

        string folder = Path.GetDirectoryName(Path.GetFullPath(file))!;
        return root.Text("run-directory") is { } run
            ? Resolve(folder, run)
            : RunFolder.DefaultFor(Resolve(folder, root.Text("state-directory") ?? RunFolder.SystemState));
    }

    /// <summary>A model without a file: <c>run --bridge br0 -S rules -l outdir</c>.</summary>
    public static DaemonModel ForBridge(IReadOnlyList<string> bridges, IReadOnlyList<string> ruleFiles, string logDirectory) => new()
    {
        Bridges = [.. bridges.Select(b => new BridgeModel(b, PortMode.Inline, FailChoice.Unset, []))],
        LogDirectory = logDirectory,
        StateDirectory = logDirectory,
        RunDirectory = RunFolder.DefaultFor(logDirectory),
        Rules = new RulesModel { Files = ruleFiles, AddressVariables = RulesReader.DefaultAddresses(), PortVariables = RulesReader.DefaultPorts() },
        Engine = new EngineSettings { IsInline = true, EarlyVerdicts = true, Defrag = new DefragSettings { DropOverlaps = true }, Eve = EveReader.Default, Detection = new DetectionSettings { CountsCosts = true } },
    };

    /// <summary>Files that fit a path, glob or folder, sorted; relative ones are taken from <paramref name="folder"/>.</summary>
    public static IEnumerable<string> Expand(string folder, string pattern, string inFolder)
    {
        string path = SourceTree.Of(Resolve(folder, pattern));
        if (Directory.Exists(path))
        {
            return Directory.EnumerateFiles(path, inFolder).Order(StringComparer.Ordinal);
        }

        if (!path.AsSpan().ContainsAny('*', '?'))
        {
            return File.Exists(path) ? [path] : [];
        }

        string directory = Path.GetDirectoryName(path)!;
        return Directory.Exists(directory)
            ? Directory.EnumerateFiles(directory, Path.GetFileName(path)).Order(StringComparer.Ordinal)
            : [];
    }

    /// <summary>
    /// Why a folder or pattern has no file, and what was expected; null where that is no mistake: a folder may be empty, what is put into it is read at the
    /// next reload.
    /// </summary>
    public static string? WhyNothing(string folder, string pattern)
    {
        string path = SourceTree.Of(Resolve(folder, pattern));
        string? place = Directory.Exists(path) ? path : path.AsSpan().ContainsAny('*', '?') ? Path.GetDirectoryName(path) : null;
        if (place is null || !Directory.Exists(place))
        {
            return "expected a folder, a file or a pattern";
        }

        return Directory.EnumerateFiles(place, "*.yml").FirstOrDefault() is { } odd ? $"expected names that end in .yaml: {Path.GetFileName(odd)} is not read" : null;
    }

    internal static string Resolve(string folder, string path) => Path.GetFullPath(path, folder);

    private static RecorderModel ReadRecorder(YamlSection root)
    {
        if (root.Section("recorder") is not { } section)
        {
            return new RecorderModel();
        }

        var model = new RecorderModel
        {
            Enabled = section.Bool("enabled", true),
            RingBytes = (int)Math.Clamp(section.Size("ring", 256 << 10), 64 << 10, 16 << 20),
            SnapBytes = (int)Math.Clamp(section.Size("snap", 9216), 128, 65_536),
            AfterFrames = section.Integer("after-frames", 20, 0, 10_000),
            MaxFiles = section.Integer("files", 1000, 1, 1_000_000),
        };
        if (model.SnapBytes > model.RingBytes / 2)
        {
            section.Error("snap", "'snap' is more than half of 'ring', expected room for several frames");
        }

        section.RejectUnknownKeys();
        return model;
    }

    private static EventModel ReadEvents(YamlSection root)
    {
        if (root.Section("events") is not { } section)
        {
            return new EventModel();
        }

        long ring = section.Size("ring", 16L << 20);
        if (ring is < 1 << 16 or > 1 << 30 || (ring & (ring - 1)) != 0)
        {
            section.Error("ring", $"a ring of {ring} bytes is not possible, expected a power of two from 64 KiB to 1 GiB");
            ring = 1 << 16;
        }

        var model = new EventModel { RingBytes = (int)ring, WhenFull = section.Choice("when-full", RingFull.Drop), WaitMs = section.Integer("wait-ms", 20, 1, 1000) };
        section.RejectUnknownKeys();
        return model;
    }

    /// <summary>Sections of protocols; what is not written is the daemon's default: every parser on, and LLMNR read as DNS.</summary>
    private static Dictionary<string, Dictionary<string, string>> ReadProtocols(YamlSection root)
    {
        var protocols = new Dictionary<string, Dictionary<string, string>>();
        if (root.Section("protocols") is { } sections)
        {
            foreach (Protocol protocol in ProtocolCatalog.All)
            {
                if (sections.Section(protocol.ConfigurationName) is { } own)
                {
                    protocols[protocol.ConfigurationName] = own.Flatten();
                }
            }

            sections.RejectUnknownKeys();
        }

        foreach (Protocol protocol in ProtocolCatalog.All)
        {
            if (!protocol.EnabledByDefault)
            {
                // Nobody compares this daemon's flows with Suricata's.
                Dictionary<string, string> own = protocols.TryGetValue(protocol.ConfigurationName, out Dictionary<string, string>? written)
                    ? written : protocols[protocol.ConfigurationName] = [];
                own.TryAdd("enabled", "yes");
            }
        }

        Dictionary<string, string> dns = protocols.TryGetValue("dns", out Dictionary<string, string>? ports) ? ports : protocols["dns"] = [];
        if (!dns.Keys.Any(key => key.Contains("detection-ports", StringComparison.Ordinal)))
        {
            dns["udp.detection-ports.dp"] = dns["tcp.detection-ports.dp"] = DnsPorts;
        }

        return protocols;
    }

    private static EngineSettings ReadEngine(YamlSection root, bool isInline, ScanningModel scanning, KeepingModel keeping, IReadOnlyDictionary<string, string> ports)
    {
        EveSettings eve = EveReader.Read(root);
        if (keeping.Files is { WriteFileInfo: true } && !eve.Types.Any(type => type.Name == "files"))
        {
            root.Error("file-store", "'write-fileinfo' writes records of files, expected 'files' among 'eve: types:'");
        }

        Dictionary<string, Dictionary<string, string>> protocols = ReadProtocols(root);
        long depth = 1 << 20;
        if (scanning.Enabled)
        {
            // A file can be judged only when all of it is seen: bodies and streams are followed to their end, inspection keeps its window.
            Dictionary<string, string> http = protocols.TryGetValue("http", out Dictionary<string, string>? own) ? own : protocols["http"] = [];
            http.TryAdd("libhtp.default-config.request-body-limit", "0");
            http.TryAdd("libhtp.default-config.response-body-limit", "0");
            depth = scanning.MaxFileBytes + depth;
        }

        YamlSection? detect = root.Section("detect");
        YamlSection? limits = root.Section("limits");
        var settings = new EngineSettings
        {
            IsInline = isInline,
            // A log of all frames wants those that nobody needs to judge any more, too.
            EarlyVerdicts = isInline && root.Bool("early-verdicts", true) && (keeping.Packets is null or { UsesStreamDepth: true }),
            Eve = eve,
            // Guests' systems differ in what they make of overlapping fragments; inline none reach them.
            Defrag = new DefragSettings { DropOverlaps = isInline },
            AppLayer = new AppLayerSettings { Protocols = protocols.ToDictionary(p => p.Key, p => new ProtocolSettings(p.Value)) },
            Flow = new FlowSettings { MaxFlows = limits?.Integer("flows", 262_144, 1024, 16_000_000) ?? 262_144 },
            Stream = new StreamSettings
            {
                Midstream = true, // Guests' connections live on when the daemon starts.
                Reassembly = new ReassemblySettings { MemcapBytes = 256L << 20, Depth = (uint)Math.Min(depth, uint.MaxValue) },
            },
            Files = new FileSettings
            {
                ForceSha256 = true,
                StoreEnabled = keeping.Files is not null,
                StoreAll = keeping.Files is { StoreAll: true },
                StoreStreamDepth = keeping.Files?.StreamDepthBytes ?? 0,
                OwnServices = scanning.Enabled ? [.. OwnServices(scanning)] : [],
            },
            Detection = new DetectionSettings
            {
                Engine = detect?.Choice("engine", SearchEngine.Auto) ?? SearchEngine.Auto,
                CountsCosts = detect?.Bool("rule-costs", true) ?? true,
            },
        };
        settings = InspectionReader.Read(root, settings, ports);
        ReassemblySettings reassembly = settings.Stream.Reassembly;
        settings = settings with
        {
            Stream = settings.Stream with
            {
                Reassembly = reassembly with
                {
                    MemcapBytes = limits?.Size("reassembly-memory", reassembly.MemcapBytes) ?? reassembly.MemcapBytes,
                    Depth = (uint)Math.Min(limits?.Size("stream-depth", reassembly.Depth) ?? reassembly.Depth, uint.MaxValue),
                },
            },
        };
        detect?.RejectUnknownKeys();
        limits?.RejectUnknownKeys();
        return settings;
    }

    /// <summary>Where guests are answered on a bridge. An address of all (0.0.0.0) names none: what guests ask there is inspected like any traffic.</summary>
    private static IEnumerable<HostService> OwnServices(ScanningModel scanning)
    {
        foreach (string? listen in (string?[])[scanning.GuestApiListen, scanning.GuestClamdListen])
        {
            if (IPEndPoint.TryParse(listen ?? "", out IPEndPoint? end) && !end.Address.Equals(IPAddress.Any) && !end.Address.Equals(IPAddress.IPv6Any)
                && IpAddress.TryParse(end.Address.ToString(), out IpAddress address))
            {
                yield return new HostService(address, (ushort)end.Port);
            }
        }
    }

    /// <summary>The files that fit a pattern; none is an error of the section.</summary>
    internal static IEnumerable<string> Existing(YamlSection section, string key, string folder, string pattern, string expected)
    {
        string[] found = [.. Expand(folder, pattern, "*")];
        if (found.Length == 0)
        {
            section.Error(key, $"no file fits '{pattern}', expected {expected}");
        }

        return found;
    }
}
