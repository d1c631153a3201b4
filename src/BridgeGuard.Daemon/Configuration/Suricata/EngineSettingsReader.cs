using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;

namespace BridgeGuard.Daemon.Configuration.Suricata;

/// <summary>Sections that say how to inspect: decoder, defrag, flow, stream, app-layer, detect, exception policies.</summary>
internal sealed class EngineSettingsReader(SectionReader section, VariableReader variables, SuricataOverrides overrides)
{
    private ExceptionPolicy _flowMaster;
    private ExceptionPolicy _packetMaster;
    private bool _inline;

    public EngineSettings Read(bool isInline, OutputReader outputs)
    {
        _inline = isInline;
        ReadMasterPolicy();
        return new EngineSettings
        {
            IsInline = isInline,
            FirewallMode = overrides.ExclusiveFirewallRules is not null || section.Bool("firewall.enabled", false),
            Firewall = new FirewallPolicyReader(section).Read(),
            ValidateChecksums = ValidatesChecksums(),
            DetectionEnabled = !overrides.DisableDetection,
            Decoder = ReadDecoder(),
            Defrag = ReadDefrag(),
            Flow = ReadFlow(),
            Stream = ReadStream(),
            AppLayer = ReadAppLayer(),
            Detection = ReadDetection(),
            Files = outputs.Files,
            Eve = outputs.Eve.Count > 0 ? outputs.Eve[0] : new EveSettings(),
            MoreEve = [.. outputs.Eve.Skip(1)],
            Stats = new StatsSettings
            {
                Enabled = section.Bool("stats.enabled", true),
                IntervalSeconds = section.Int("stats.interval", 8),
                DecoderEvents = section.Bool("stats.decoder-events", true),
                DecoderEventsPrefix = section.Text("stats.decoder-events-prefix") ?? "decoder.event",
                StreamEvents = section.Bool("stats.stream-events", false),
                AppErrorPolicies = section.Bool("stats.exception-policy.per-app-proto-errors", false),
            },
            HostOs = ReadHostOs(),
        };
    }

    private bool ValidatesChecksums() => overrides.Checksums switch
    {
        "none" => false,
        "all" => true,
        _ when !section.Bool("stream.checksum-validation", true) => false,
        _ => !overrides.IsOffline || section.Text("pcap-file.checksum-checks") is not { } checks || checks is "auto" || ConfigNode.IsTrue(checks),
    };

    /// <summary>The answer for every cause that has none of its own. Inline, a missing one means drop; passive, to go on.</summary>
    private void ReadMasterPolicy()
    {
        ExceptionPolicy? written = section.Policy("exception-policy");
        _flowMaster = written ?? (_inline ? ExceptionPolicy.DropFlow : ExceptionPolicy.Ignore);
        if (!_inline && _flowMaster is (ExceptionPolicy.DropFlow or ExceptionPolicy.DropPacket))
        {
            // Nothing can be dropped where nothing is held.
            _flowMaster = ExceptionPolicy.Ignore;
        }

        _packetMaster = ForPacket(_flowMaster);
        string name = section.Text("exception-policy") ?? "auto";
        section.Tell(ConfigSeverity.Info, "exception-policy", $"master exception-policy set to: {name}");
        if (_inline && written is null)
        {
            section.Tell(ConfigSeverity.Config, "exception-policy", "exception-policy: drop-flow (defined via 'built-in default' for IPS-mode)");
        }
    }

    /// <summary>Where a cause comes up before there is a flow, a flow policy falls back to its packet form.</summary>
    private static ExceptionPolicy ForPacket(ExceptionPolicy policy) => policy switch
    {
        ExceptionPolicy.DropFlow => ExceptionPolicy.DropPacket,
        ExceptionPolicy.PassFlow => ExceptionPolicy.PassPacket,
        _ => policy,
    };

    private ExceptionPolicy FlowPolicy(string path) => section.Policy(path) ?? _flowMaster;

    private ExceptionPolicy PacketPolicy(string path)
    {
        if (section.Policy(path) is not { } written)
        {
            return _packetMaster;
        }

        if (written is ExceptionPolicy.DropFlow or ExceptionPolicy.PassFlow)
        {
            section.Tell(ConfigSeverity.Warning, "exception-policy", $"flow actions not supported for {path}, defaulting to \"{Name(ForPacket(written))}\"");
        }

        return ForPacket(written);
    }

    private ExceptionPolicy MidstreamPolicy(bool midstream)
    {
        const string Path = "stream.midstream-policy";
        if (section.Policy(Path) is not { } written)
        {
            // Sessions are picked up on purpose: a built-in policy that drops them would contradict it; a written one is somebody's word.
            return midstream && section.Policy("exception-policy") is null ? ExceptionPolicy.Ignore : _flowMaster;
        }

        string? problem = written switch
        {
            _ when midstream && written is not (ExceptionPolicy.PassFlow or ExceptionPolicy.Ignore) =>
                $"\"{Name(written)}\" is not a valid exception policy when midstream is enabled. Valid options are pass-flow and ignore.",
            ExceptionPolicy.PassPacket or ExceptionPolicy.DropPacket =>
                $"\"{Name(written)}\" is not valid for this exception policy. See our documentation for a list of all possible values.",
            ExceptionPolicy.DropFlow when !_inline =>
                $"\"{Name(written)}\" is not a valid exception policy in IDS mode. See our documentation for a list of all possible values.",
            _ => null,
        };
        if (problem is null)
        {
            return written;
        }

        section.Tell(ConfigSeverity.Error, "exception-policy", $"Error parsing {Path} from config file. {problem}");
        return ExceptionPolicy.Ignore;
    }

    private static string Name(ExceptionPolicy policy) => policy switch
    {
        ExceptionPolicy.PassPacket => "pass-packet",
        ExceptionPolicy.PassFlow => "pass-flow",
        ExceptionPolicy.Bypass => "bypass",
        ExceptionPolicy.DropPacket => "drop-packet",
        ExceptionPolicy.DropFlow => "drop-flow",
        ExceptionPolicy.Reject => "reject",
        ExceptionPolicy.RejectBoth => "reject-both",
        _ => "ignore",
    };

    private DecoderSettings ReadDecoder()
    {
        DecoderSettings defaults = new();
        return new DecoderSettings
        {
            TeredoEnabled = section.Bool("decoder.teredo.enabled", defaults.TeredoEnabled),
            TeredoPorts = variables.PortList(section.Root.Find("decoder.teredo.ports"), defaults.TeredoPorts),
            VxlanEnabled = section.Bool("decoder.vxlan.enabled", defaults.VxlanEnabled),
            VxlanPorts = variables.PortList(section.Root.Find("decoder.vxlan.ports"), defaults.VxlanPorts),
            GeneveEnabled = section.Bool("decoder.geneve.enabled", defaults.GeneveEnabled),
            GenevePorts = variables.PortList(section.Root.Find("decoder.geneve.ports"), defaults.GenevePorts),
            ErspanTypeIEnabled = section.Bool("decoder.erspan.typeI.enabled", defaults.ErspanTypeIEnabled),
            MaxLayers = section.Int("decoder.max-layers", defaults.MaxLayers),
        };
    }

    private DefragSettings ReadDefrag()
    {
        DefragSettings defaults = new();
        return new DefragSettings
        {
            Enabled = section.Bool("defrag.enabled", true),
            MemcapBytes = section.Size("defrag.memcap", defaults.MemcapBytes),
            MaxTrackers = section.Int("defrag.trackers", defaults.MaxTrackers),
            MaxFragments = section.Int("defrag.max-frags", defaults.MaxFragments),
            TimeoutSeconds = section.Int("defrag.timeout", defaults.TimeoutSeconds),
            MemcapPolicy = PacketPolicy("defrag.memcap-policy"),
        };
    }

    private FlowSettings ReadFlow()
    {
        FlowSettings defaults = new();
        return new FlowSettings
        {
            ExpireLazily = true, // These settings are for replays, where a capture's time runs faster than any timer.
            MemcapBytes = section.Size("flow.memcap", defaults.MemcapBytes),
            MemcapPolicy = PacketPolicy("flow.memcap-policy"),
            EmergencyRecoveryPercent = section.Int("flow.emergency-recovery", defaults.EmergencyRecoveryPercent),
            Default = Timeouts("default", defaults.Default),
            Tcp = Timeouts("tcp", UnwrittenTcpTimeouts),
            Udp = Timeouts("udp", defaults.Udp),
            Icmp = Timeouts("icmp", defaults.Icmp),
            VlanTracking = section.Bool("vlan.use-for-tracking", true),
            DeviceTracking = section.Bool("livedev.use-for-tracking", true),
            TunnelDepthTracking = section.Bool("decoder.recursion-level.use-for-tracking", true),
            ElephantBytes = section.Size("flow.rate-tracking.bytes", 0),
            ElephantIntervalSeconds = ElephantInterval(),
        };
    }

    /// <summary>What the peer does where a file says nothing of TCP timeouts; the files it ships have 60, 600 and 60 seconds.</summary>
    private static FlowTimeouts UnwrittenTcpTimeouts => new(30, 300, 10, 100, 10, 100, 0, 50);

    private int ElephantInterval()
    {
        string text = section.Text("flow.rate-tracking.interval") ?? "1";
        return int.TryParse(text.TrimEnd('s', ' '), out int seconds) && seconds > 0 ? seconds : 1;
    }

    private FlowTimeouts Timeouts(string kind, FlowTimeouts otherwise)
    {
        string path = $"flow-timeouts.{kind}.";
        return new FlowTimeouts(
            section.Int(path + "new", otherwise.New),
            section.Int(path + "established", otherwise.Established),
            section.Int(path + "closed", otherwise.Closed),
            section.Int(path + "bypassed", otherwise.Bypassed),
            section.Int(path + "emergency-new", otherwise.EmergencyNew),
            section.Int(path + "emergency-established", otherwise.EmergencyEstablished),
            section.Int(path + "emergency-closed", otherwise.EmergencyClosed),
            section.Int(path + "emergency-bypassed", otherwise.EmergencyBypassed));
    }

    private StreamSettings ReadStream()
    {
        StreamSettings defaults = new();
        bool midstream = section.Bool("stream.midstream", false);
        string? inline = section.Text("stream.inline");
        return new StreamSettings
        {
            MemcapBytes = section.Size("stream.memcap", defaults.MemcapBytes),
            MemcapPolicy = FlowPolicy("stream.memcap-policy"),
            Midstream = midstream,
            MidstreamPolicy = MidstreamPolicy(midstream),
            AsyncOneside = section.Bool("stream.async-oneside", false),
            Inline = inline is null or "auto" ? null : ConfigNode.IsTrue(inline),
            ChecksumValidation = section.Bool("stream.checksum-validation", true),
            MaxSynQueued = section.Int("stream.max-syn-queued", defaults.MaxSynQueued),
            MaxSynAckQueued = section.Int("stream.max-synack-queued", defaults.MaxSynAckQueued),
            BypassAtDepth = section.Bool("stream.bypass", false),
            DropInvalid = section.Bool("stream.drop-invalid", defaults.DropInvalid),
            Urgent = Urgent(),
            UrgentOobLimit = section.Int("stream.reassembly.urgent.oob-limit", defaults.UrgentOobLimit),
            Reassembly = ReadReassembly(),
        };
    }

    private UrgentPolicy Urgent()
    {
        ConfigNode? node = section.Root.Find("stream.reassembly.urgent.policy");
        return node?.Value?.ToLowerInvariant() switch
        {
            null or "oob" => UrgentPolicy.OutOfBand,
            "inline" => UrgentPolicy.Inline,
            "drop" => UrgentPolicy.Drop,
            "gap" => UrgentPolicy.Gap,
            _ => throw new ConfigException(node!.Position, $"stream.reassembly.urgent.policy: \"{node.Value}\" is not oob, inline, drop or gap"),
        };
    }

    private ReassemblySettings ReadReassembly()
    {
        // Without the section nothing limits the depth: that is how these files were always read.
        ReassemblySettings defaults = new();
        const string Path = "stream.reassembly.";
        return new ReassemblySettings
        {
            MemcapBytes = section.Size(Path + "memcap", defaults.MemcapBytes),
            MemcapPolicy = FlowPolicy(Path + "memcap-policy"),
            Depth = (uint)Math.Min(section.Size(Path + "depth", 0), uint.MaxValue),
            ToServerChunkSize = (uint)section.Size(Path + "toserver-chunk-size", defaults.ToServerChunkSize),
            ToClientChunkSize = (uint)section.Size(Path + "toclient-chunk-size", defaults.ToClientChunkSize),
            RandomizeChunkSize = section.Bool(Path + "randomize-chunk-size", true),
            Raw = section.Bool(Path + "raw", true),
            MaxRegions = section.Int(Path + "max-regions", defaults.MaxRegions),
            CheckOverlapDifferentData = section.Bool(Path + "check-overlap-different-data", true),
        };
    }

    private AppLayerSettings ReadAppLayer()
    {
        Dictionary<string, ProtocolSettings> protocols = [];
        foreach (ConfigNode protocol in section.Root.Find("app-layer.protocols")?.Children ?? [])
        {
            protocols[protocol.Name] = new ProtocolSettings(protocol.Flatten());
        }

        return new AppLayerSettings { ErrorPolicy = FlowPolicy("app-layer.error-policy"), Protocols = protocols };
    }

    private DetectionSettings ReadDetection()
    {
        DetectionSettings defaults = new();
        int alerts = section.Int("packet-alert-max", defaults.PacketAlertMax);
        return new DetectionSettings
        {
            PacketAlertMax = alerts is > 0 and < 256 ? alerts : defaults.PacketAlertMax,
            PcreMatchLimit = section.Int("pcre.match-limit", defaults.PcreMatchLimit),
            PcreRecursionLimit = section.Int("pcre.match-limit-recursion", defaults.PcreRecursionLimit),
            Engine = section.Text("detect.engine") switch
            {
                "managed" => SearchEngine.Managed,
                "vectorscan" => SearchEngine.Vectorscan,
                _ => SearchEngine.Auto,
            },
            CountsCosts = section.Bool("detect.rule-costs", false),
            GuessTransaction = section.Bool("detect.guess-applayer-tx", false),
        };
    }

    private HostOsEntry[] ReadHostOs()
    {
        List<HostOsEntry> entries = [];
        foreach (ConfigNode system in section.Root.Child("host-os-policy")?.Children ?? [])
        {
            HostOs os = system.Name switch
            {
                "windows" => HostOs.Windows,
                "bsd" => HostOs.Bsd,
                "bsd-right" or "bsd_right" => HostOs.BsdRight,
                "old-linux" or "old_linux" => HostOs.OldLinux,
                "linux" => HostOs.Linux,
                "old-solaris" or "old_solaris" => HostOs.OldSolaris,
                "solaris" => HostOs.Solaris,
                "hpux10" => HostOs.HpUx10,
                "hpux11" => HostOs.HpUx11,
                "irix" => HostOs.Irix,
                "macos" => HostOs.MacOs,
                "vista" => HostOs.Vista,
                "windows2k3" => HostOs.Windows2k3,
                _ => throw new ConfigException(system.Position, $"host-os-policy: unknown system \"{system.Name}\""),
            };
            foreach (string value in system.Values())
            {
                foreach (string part in value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
                {
                    entries.Add(ParseNetwork(part, os, system.Position));
                }
            }
        }

        return [.. entries];
    }

    private static HostOsEntry ParseNetwork(string text, HostOs os, ConfigPosition position)
    {
        int slash = text.IndexOf('/', StringComparison.Ordinal);
        string addressText = slash < 0 ? text : text[..slash];
        if (!IpAddress.TryParse(addressText, out IpAddress address))
        {
            throw new ConfigException(position, $"host-os-policy: \"{text}\" is not an address");
        }

        int most = address.IsV4 ? 32 : 128;
        int bits = most;
        if (slash >= 0 && (!int.TryParse(text[(slash + 1)..], out bits) || bits < 0 || bits > most))
        {
            throw new ConfigException(position, $"host-os-policy: \"{text}\" has no prefix length between 0 and {most}");
        }

        return new HostOsEntry(address, (byte)(address.IsV4 ? 96 + bits : bits), os);
    }
}
