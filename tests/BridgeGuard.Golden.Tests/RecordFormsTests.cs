using System.Text.Json;
using BridgeGuard.Attachments;
using BridgeGuard.Attachments.Offline;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Rules.Loading;
using BridgeGuard.Testing.Packets;
using Xunit;

namespace BridgeGuard.Golden.Tests;

/// <summary>Forms of records that only options bring out, or only oddities: as Suricata 8.0.8 writes them of the same captures.</summary>
public sealed class RecordFormsTests : IEventSink
{
    private readonly List<JsonElement> _records = [];

    void IEventSink.Write(in EventHeader header, ReadOnlySpan<byte> json) => _records.Add(JsonDocument.Parse(json.ToArray()).RootElement);

    [Fact]
    public void AParsersAnomalyShowsNoPacket()
    {
        Play("events-of-http", new EveTypeSettings("anomaly", Options("packethdr", "yes")));

        Assert.NotEmpty(_records);
        Assert.All(_records.Where(r => Text(r, "anomaly", "type") == "applayer"), r => Assert.False(r.TryGetProperty("packet", out _)));
        Assert.Contains(_records, r => Text(r, "anomaly", "layer") == "proto_parser");
        Assert.Contains(_records, r => Text(r, "anomaly", "layer") == "proto_detect");
    }

    [Fact]
    public void AFrameNamesItsProtocolAlone()
    {
        Play("samples-of-websocket", new EveTypeSettings("frame", ProtocolSettings.Empty));

        Assert.Contains(_records, r => r.GetProperty("app_proto").GetString() == "websocket");
        Assert.All(_records, r => Assert.False(r.TryGetProperty("app_proto_orig", out _)));
    }

    [Fact]
    public void ADirectionWithoutProtocolHasFailedInItsOwnNetflow()
    {
        Play("events-of-http", new("flow", ProtocolSettings.Empty), new("netflow", ProtocolSettings.Empty));

        JsonElement flow = _records.First(r => r.TryGetProperty("app_proto_tc", out JsonElement name) && name.GetString() == "failed" && r.GetProperty("app_proto").GetString() == "http");
        string[] both = [.. _records.Where(r => r.GetProperty("event_type").GetString() == "netflow" && r.GetProperty("flow_id").GetRawText() == flow.GetProperty("flow_id").GetRawText())
            .Select(r => r.GetProperty("app_proto").GetString()!)];

        Assert.Equal(["http", "failed"], both);
    }

    [Fact]
    public void AlertsNameTheExchangeOfIke()
    {
        Play("samples-of-ike", new("alert", ProtocolSettings.Empty), new("ike", ProtocolSettings.Empty));

        Assert.Contains(_records, r => Text(r, "ike", "exchange_type_verbose") == "Identity Protection");
        Assert.All(_records.Where(r => r.GetProperty("event_type").GetString() == "ike"), r => Assert.Null(Text(r, "ike", "exchange_type_verbose")));
    }

    [Fact]
    public void OnlyAlertsShowWhatAWebSocketCarries()
    {
        Play(
            "samples-of-websocket",
            new("websocket", Options("payload-base64", "yes", "payload-printable", "yes")),
            new("alert", Options("websocket-payload", "yes", "websocket-payload-printable", "yes")));

        Assert.Contains(_records, r => r.GetProperty("event_type").GetString() == "alert" && Text(r, "websocket", "payload_printable") is { Length: > 0 });
        Assert.All(_records.Where(r => r.GetProperty("event_type").GetString() == "websocket"), r => Assert.Null(Text(r, "websocket", "payload_base64")));
    }

    private static ProtocolSettings Options(params string[] pairs) => new(pairs.Chunk(2).ToDictionary(p => p[0], p => p[1]));

    private static string? Text(JsonElement record, string name, string field) =>
        record.TryGetProperty(name, out JsonElement inner) && inner.TryGetProperty(field, out JsonElement value) ? value.ToString() : null;

    private void Play(string name, params EveTypeSettings[] types)
    {
        string folder = Path.Combine(CaptureFile.FindTestFolder("golden"), name);
        string rules = Path.GetTempFileName();
        File.WriteAllText(rules, "alert ike any any -> any any (msg:\"ike\"; sid:1;)\nalert websocket any any -> any any (msg:\"text\"; websocket.opcode:text; sid:2;)\n");
        RuleLoadResult loaded = RuleLoader.Load(new RuleLoadOptions { Files = [rules] });
        File.Delete(rules);
        Assert.False(loaded.HasErrors, string.Join("\n", loaded.Diagnostics));
        Dictionary<string, ProtocolSettings> all = ProtocolCatalog.All.ToArray().Where(protocol => !protocol.EnabledByDefault)
            .ToDictionary(protocol => protocol.ConfigurationName, _ => Options("enabled", "yes"));
        var settings = new EngineSettings { ValidateChecksums = false, AppLayer = new AppLayerSettings { Protocols = all }, Eve = new EveSettings { Types = [.. types] } };
        using var worker = new PacketWorker(new WorkerEnvironment { Settings = settings, Events = this })
        {
            Program = new EngineProgram(loaded.Rules, new CompiledPolicy(PolicyModel.Empty, loaded.Rules.Rules)),
        };
        using var attachment = new OfflineAttachment(new OfflineOptions { Paths = [Path.Combine(folder, "input.pcap")] });
        Assert.Null(attachment.Open() ?? attachment.Run(_ => worker, AttachmentHooks.None, CancellationToken.None));
        worker.Finish();
        Assert.Null(worker.LastFault);
    }
}
