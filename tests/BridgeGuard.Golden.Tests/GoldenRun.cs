using System.Text.Json;
using BridgeGuard.Attachments;
using BridgeGuard.Attachments.Offline;
using BridgeGuard.Engine.Detection.Prefilter;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Pools;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Rules.Loading;
using Xunit;

namespace BridgeGuard.Golden.Tests;

/// <summary>One capture through the engine, with everything it wrote.</summary>
public sealed class GoldenRun : IEventSink
{
    private static readonly string[] Types =
    [
        "alert", "anomaly", "arp", "drop", "files", "flow", "frame", "netflow",
        .. ProtocolCatalog.All.ToArray().SelectMany(protocol => protocol.Loggers).SelectMany(logger => new[] { logger.EventType, logger.ConfigurationName }).Distinct(),
    ];

    public List<JsonElement> Records { get; } = [];

    public long Dropped { get; private set; }

    /// <summary>The rules came from a compiled set that was kept.</summary>
    public bool IsFromCache { get; private init; }

    public static GoldenRun Play(string folder, bool isInline, bool prefilter, string? cache = null, bool vectorscan = false, string capture = "input.pcap", DatasetRegistry? datasets = null)
    {
        string firewall = Path.Combine(folder, "firewall.rules");
        bool hasFirewall = File.Exists(firewall);
        RuleLoadResult loaded = RuleLoader.Load(
            new RuleLoadOptions { Files = [Path.Combine(folder, "case.rules")], FirewallFiles = hasFirewall ? [firewall] : [], CacheFolder = cache, LeastCachedBytes = 0, Datasets = datasets ?? new() });
        if (vectorscan)
        {
            // Also the small searches of these cases, which the library is not used for otherwise.
            var upgrade = new SearchUpgrade(loaded.Rules) { LeastPatterns = 1 };
            Assert.True(upgrade.Run());
            Assert.True(upgrade.Exchanged > 0 || loaded.Rules.Count == 0);
        }

        GoldenCase options = GoldenCase.Load(folder);
        var run = new GoldenRun { IsFromCache = loaded.IsFromCache };
        Assert.True(!loaded.HasErrors, string.Join("\n", loaded.Diagnostics));
        var settings = new EngineSettings
        {
            IsInline = isInline,
            FirewallMode = hasFirewall,
            ValidateChecksums = false,
            Detection = new DetectionSettings { Prefilter = prefilter },
            AppLayer = new AppLayerSettings { Protocols = ProtocolsOf(options) },
            Files = FilesOf(options),
            Eve = new EveSettings { Types = [.. Types.Select(t => new EveTypeSettings(t, options.Outputs.TryGetValue(t, out Dictionary<string, string>? own) ? new ProtocolSettings(own) : ProtocolSettings.Empty))] },
        };
        using var worker = new PacketWorker(new WorkerEnvironment { Settings = settings, Events = run });
        worker.Program = new EngineProgram(loaded.Rules, new CompiledPolicy(PolicyModel.Empty, loaded.Rules.Rules));
        using var attachment = new OfflineAttachment(new OfflineOptions { Paths = [Path.Combine(folder, capture)] });
        AttachmentError? error = attachment.Open() ?? attachment.Run(_ => worker, AttachmentHooks.None, CancellationToken.None);
        worker.Finish();
        Assert.Null(error);
        Assert.Null(worker.LastFault);
        Assert.Equal(0, ByteBuffer.StaleReads);
        run.Dropped = attachment.Stats.Dropped;
        return run;
    }

    /// <summary>Protocols that are off by default are on, those beside the default as they are.</summary>
    internal static Dictionary<string, ProtocolSettings> ProtocolsOf(GoldenCase options)
    {
        Dictionary<string, ProtocolSettings> all = ProtocolCatalog.All.ToArray().Where(protocol => !protocol.EnabledByDefault)
            .ToDictionary(protocol => protocol.ConfigurationName, _ => new ProtocolSettings(new Dictionary<string, string> { ["enabled"] = "yes" }));
        foreach ((string name, Dictionary<string, string> said) in options.Protocols)
        {
            var own = new Dictionary<string, string>(said);
            own.TryAdd("enabled", "yes");
            all[name] = new ProtocolSettings(own);
        }

        return all;
    }

    /// <summary>What the record of files asks of the engine.</summary>
    private static FileSettings FilesOf(GoldenCase options)
    {
        Dictionary<string, string> said = options.Outputs.GetValueOrDefault("files") ?? [];
        ICollection<string> hashes = said.Values;
        return new FileSettings { ForceMagic = said.GetValueOrDefault("force-magic") == "yes", ForceMd5 = hashes.Contains("md5"), ForceSha1 = hashes.Contains("sha1"), ForceSha256 = hashes.Contains("sha256") };
    }

    public void Write(in EventHeader header, ReadOnlySpan<byte> json) => Records.Add(JsonDocument.Parse(json.ToArray()).RootElement);

    /// <summary>Records that have all the values.</summary>
    public int Count(Dictionary<string, string> match) => Records.Count(r => match.All(m => Find(r, m.Key) == m.Value));

    /// <summary>Signature ids with their counts, in order.</summary>
    public SortedDictionary<uint, int> Alerts()
    {
        var counts = new SortedDictionary<uint, int>();
        foreach (JsonElement record in Records.Where(r => Find(r, "event_type") == "alert"))
        {
            uint sid = record.GetProperty("alert").GetProperty("signature_id").GetUInt32();
            counts[sid] = counts.GetValueOrDefault(sid) + 1;
        }

        return counts;
    }

    private static string? Find(JsonElement record, string path)
    {
        foreach (string part in path.Split('.'))
        {
            if (record.ValueKind == JsonValueKind.Array && int.TryParse(part, out int index) && index < record.GetArrayLength())
            {
                record = record[index];
            }
            else if (record.ValueKind != JsonValueKind.Object || !record.TryGetProperty(part, out record))
            {
                return null;
            }
        }

        return record.ToString();
    }
}
