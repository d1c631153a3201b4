using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;

namespace BridgeGuard.Engine.Events;

/// <summary>Options of the <c>alert</c> type; defaults are Suricata's.</summary>
internal sealed class AlertOptions
{
    public AlertOptions(ProtocolSettings options, XffSettings forwarded)
    {
        Settings = options;
        Payload = options.GetBool("payload", false);
        PayloadPrintable = options.GetBool("payload-printable", false);
        PayloadLength = options.GetBool("payload-length", false);
        PayloadBufferSize = (int)Math.Clamp(options.GetSize("payload-buffer-size", 4096), 0, EveWriter.MaxRecordBytes / 4);
        Packet = options.GetBool("packet", false);
        TaggedPackets = options.GetBool("tagged-packets", true);
        Verdict = options.GetBool("verdict", false);
        bool metadata = options.GetBool("metadata", true);
        AppLayer = options.GetBool("metadata.app-layer", metadata);
        Flow = options.GetBool("metadata.flow", metadata);
        bool rule = options.GetBool("metadata.rule", metadata);
        RuleMetadata = options.GetBool("metadata.rule.metadata", rule);
        RuleText = options.GetBool("metadata.rule.raw", false);
        RuleReferences = options.GetBool("metadata.rule.reference", false);
        Xff = XffOptions.Create(options, forwarded);
    }

    public ProtocolSettings Settings { get; }

    /// <summary>What a proxy's header says of the client; null when that is not wanted.</summary>
    public XffOptions? Xff { get; }

    public bool Payload { get; }

    public bool PayloadPrintable { get; }

    /// <summary>In any form.</summary>
    public bool ShowsPayload => Payload || PayloadPrintable || PayloadLength;

    public bool PayloadLength { get; }

    /// <summary>Bytes of stream data written at most.</summary>
    public int PayloadBufferSize { get; }

    public bool Packet { get; }

    public bool TaggedPackets { get; }

    public bool Verdict { get; }

    public bool AppLayer { get; }

    public bool Flow { get; }

    public bool RuleMetadata { get; }

    public bool RuleText { get; }

    public bool RuleReferences { get; }
}

/// <summary>Options of the <c>anomaly</c> type.</summary>
internal sealed class AnomalyOptions(ProtocolSettings options)
{
    public bool Decode { get; } = options.GetBool("types.decode", false);

    public bool Stream { get; } = options.GetBool("types.stream", false);

    public bool AppLayer { get; } = options.GetBool("types.applayer", true);

    public bool PacketHeader { get; } = options.GetBool("packethdr", false);
}

/// <summary>Options of the <c>drop</c> type.</summary>
internal sealed class DropOptions(ProtocolSettings options, bool isFirewall)
{
    public bool Alerts { get; } = options.GetBool("alerts", false);

    /// <summary>Only the first dropped packet of each direction of a flow (<c>flows: start</c>, the default); else every one (<c>all</c>).</summary>
    public bool FirstOfFlow { get; } = options.Get("flows") is not "all";

    public bool Verdict { get; } = options.GetBool("verdict", isFirewall && options.GetBool("alerts", false));
}

/// <summary>Options of the <c>stats</c> type.</summary>
internal sealed class StatsOptions(ProtocolSettings options)
{
    public bool Totals { get; } = options.GetBool("totals", true);

    public bool Threads { get; } = options.GetBool("threads", false);

    public bool Deltas { get; } = options.GetBool("deltas", false);

    public bool NullValues { get; } = options.GetBool("null-values", true);
}

/// <summary>One configured EVE output as the emitter wants it: which records it takes, with typed options.</summary>
internal sealed class EveOutput
{
    private readonly ProtocolSettings?[][] _loggers = new ProtocolSettings?[(int)ProtocolId.Count][];

    public EveOutput(EveSettings settings, byte index, bool isFirewall = false)
    {
        Settings = settings;
        Index = index;
        foreach (EveTypeSettings type in settings.Types)
        {
            if (!type.Options.GetBool("enabled", true))
            {
                continue;
            }

            switch (type.Name)
            {
                case "alert":
                    Alert = new AlertOptions(type.Options, settings.Xff);
                    break;
                case "anomaly":
                    Anomaly = new AnomalyOptions(type.Options);
                    break;
                case "drop":
                    Drop = new DropOptions(type.Options, isFirewall);
                    break;
                case "stats":
                    Stats = new StatsOptions(type.Options);
                    break;
                case "flow":
                    Flow = true;
                    break;
                case "netflow":
                    NetFlow = true;
                    break;
                case "files":
                    Files = type.Options;
                    FilesXff = XffOptions.Create(type.Options, settings.Xff);
                    break;
                case "http":
                    HttpXff = XffOptions.Create(type.Options, settings.Xff);
                    break;
                case "frame":
                    Frame = type.Options;
                    break;
                case "metadata":
                    PacketMetadata = true;
                    break;
                case "arp":
                    Arp = true;
                    break;
            }
        }

        foreach (Protocol protocol in ProtocolCatalog.All)
        {
            var options = new ProtocolSettings?[protocol.Loggers.Length];
            for (int i = 0; i < options.Length; i++)
            {
                options[i] = Find(protocol.Loggers[i].ConfigurationName);
            }

            _loggers[(int)protocol.Id] = options;
        }
    }

    public EveSettings Settings { get; }

    public byte Index { get; }

    public AlertOptions? Alert { get; }

    public AnomalyOptions? Anomaly { get; }

    public DropOptions? Drop { get; }

    public StatsOptions? Stats { get; }

    public bool Flow { get; }

    public bool NetFlow { get; }

    public ProtocolSettings? Files { get; }

    public XffOptions? FilesXff { get; }

    public XffOptions? HttpXff { get; }

    public ProtocolSettings? Frame { get; }

    /// <summary>The <c>metadata</c> type: one record for each packet that changed flow or packet variables.</summary>
    public bool PacketMetadata { get; }

    public bool Arp { get; }

    /// <summary>Options of the type that a protocol's logger belongs to; null: not configured or disabled.</summary>
    public ProtocolSettings? Logger(ProtocolId protocol, int logger) => _loggers[(int)protocol] is { } options ? options[logger] : null;

    private ProtocolSettings? Find(string name)
    {
        foreach (EveTypeSettings type in Settings.Types)
        {
            if (type.Name == name && type.Options.GetBool("enabled", true))
            {
                return type.Options;
            }
        }

        return null;
    }
}
