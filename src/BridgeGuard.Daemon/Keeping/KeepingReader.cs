using BridgeGuard.Attachments.Wrappers;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Configuration.Suricata;
using BridgeGuard.Engine.Protocols;

namespace BridgeGuard.Daemon.Keeping;

/// <summary>Reads what is kept on disk: the sections <c>file-store</c>, <c>tls-store</c> and <c>pcap-log</c>, of both configuration files.</summary>
public static class KeepingReader
{
    /// <summary>The sections of a <c>bridgeguard.yaml</c>.</summary>
    /// <param name="root">The file.</param>
    /// <param name="logDirectory">Relative folders are taken from it, as Suricata does.</param>
    public static KeepingModel Read(YamlSection root, string logDirectory)
    {
        var model = new KeepingModel();
        if (root.Section("file-store") is { } files)
        {
            bool isOn = files.Bool("enabled", true);
            var settings = new FileStoreSettings
            {
                Folder = Path.GetFullPath(files.Text("dir") ?? "filestore", logDirectory),
                WriteFileInfo = files.Bool("write-fileinfo", false),
                StoreAll = files.Bool("force-filestore", false),
                StreamDepthBytes = files.Size("stream-depth", 0),
                MaxOpenFiles = files.Integer("max-open-files", 1000, 1, 100_000),
            };
            model = model with { Files = isOn ? settings : null, FileRingBytes = Ring(files) };
            files.RejectUnknownKeys();
        }

        if (root.Section("tls-store") is { } chains)
        {
            bool isOn = chains.Bool("enabled", true);
            string folder = Path.GetFullPath(chains.Text("certs-log-dir") ?? "certs", logDirectory);
            model = model with { CertificateFolder = isOn ? folder : null };
            chains.RejectUnknownKeys();
        }

        if (root.Section("pcap-log") is { } packets)
        {
            model = ReadPackets(packets, logDirectory, model);
            packets.RejectUnknownKeys();
        }

        return model;
    }

    /// <summary>The <c>pcap-log</c> section of a <c>suricata.yaml</c>; null when it is off.</summary>
    public static PacketLogOptions? PacketsOf(SuricataConfiguration configuration)
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

    private static KeepingModel ReadPackets(YamlSection section, string logDirectory, KeepingModel model)
    {
        bool isOn = section.Bool("enabled", true);
        string folder = Path.GetFullPath(section.Text("dir") ?? ".", logDirectory);
        var options = new PacketLogOptions
        {
            Path = Path.Combine(folder, section.Text("filename") ?? "log.pcap"),
            LimitBytes = Math.Max(section.Size("limit", 100L << 20), 4096),
            MaxFiles = section.Integer("max-files", 0, 0, 1_000_000),
            Condition = section.Choice("conditional", PacketLogCondition.All),
            UsesStreamDepth = section.Bool("use-stream-depth", false),
            HonorsPassRules = section.Bool("honor-pass-rules", false),
            Filter = section.Text("bpf-filter"),
        };
        return model with { Packets = isOn ? options : null, FrameRingBytes = Ring(section) };
    }

    private static int Ring(YamlSection section)
    {
        long ring = section.Size("ring", 16L << 20);
        if (ring is >= 1 << 19 and <= 1 << 30 && (ring & (ring - 1)) == 0)
        {
            return (int)ring;
        }

        section.Error("ring", $"a ring of {ring} bytes is not possible, expected a power of two from 512 KiB to 1 GiB");
        return 1 << 20;
    }
}
