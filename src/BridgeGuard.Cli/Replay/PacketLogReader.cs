using BridgeGuard.Attachments.Wrappers;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Configuration.Suricata;
using BridgeGuard.Engine.Protocols;

namespace BridgeGuard.Cli.Replay;

/// <summary>The <c>pcap-log</c> section.</summary>
internal static class PacketLogReader
{
    /// <summary>Null when the section is off.</summary>
    public static PacketLogOptions? Read(SuricataConfiguration configuration)
    {
        if (!configuration.Outputs.Enabled.TryGetValue("pcap-log", out ConfigNode? node))
        {
            return null;
        }

        string folder = node.Get("dir") is { } own ? Path.Combine(configuration.LogFolder, own) : configuration.LogFolder;
        Directory.CreateDirectory(folder);
        return new PacketLogOptions
        {
            Path = Path.Combine(folder, node.Get("filename") ?? "log.pcap"),
            LimitBytes = ProtocolSettings.TryParseSize(node.Get("limit") ?? "", out long limit) ? Math.Max(limit, 4096) : 100L << 20,
            MaxFiles = node.GetBool("use-ring-buffer", true) && int.TryParse(node.Get("max-files"), out int files) ? files : 0,
            WithMicroseconds = node.Get("ts-format") == "usec",
            Condition = node.Get("conditional") switch
            {
                "alerts" => PacketLogCondition.Alerts,
                "tag" => PacketLogCondition.Tag,
                _ => PacketLogCondition.All,
            },
            UsesStreamDepth = node.GetBool("use-stream-depth", false),
            HonorsPassRules = node.GetBool("honor-pass-rules", false),
            Filter = node.Get("bpf-filter"),
        };
    }
}
