using System.Buffers.Binary;
using System.IO.Compression;
using System.Text.Json;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Rules.Loading;
using BridgeGuard.Testing.Packets;
using Xunit;

namespace BridgeGuard.Golden.Tests;

/// <summary>Early verdicts lose no alert: captures are played once whole, and once without the frames that the kernel would carry after the engine's verdicts.</summary>
/// <remarks>The golden captures always; real ones with all of ET Open where <c>../shared/exam</c> is there.</remarks>
public sealed class EarlyVerdictTests(ITestOutputHelper output)
{
    private const string SomeRules = """
        alert tcp any any -> any any (msg:"stream"; flow:established; content:"HTTP/1.1"; sid:1;)
        alert http any any -> any any (msg:"uri"; http.uri; content:"/"; sid:2;)
        alert tls any any -> any any (msg:"sni"; tls.sni; content:"."; sid:4;)
        alert tcp any any -> any any (msg:"size"; stream_size:client,>,100; sid:6;)
        alert udp any any -> any any (msg:"datagram"; dsize:>100; sid:7;)
        """;

    [Theory]
    [InlineData("")]
    [InlineData(SomeRules)]
    public void GoldenCapturesRaiseTheSameAlerts(string rules)
    {
        RuleLoadResult loaded = RuleLoader.Load(new RuleLoadOptions { Texts = [("a.rules", rules)], IsInline = true });
        Assert.False(loaded.HasErrors);
        Compare(loaded, CaptureFile.FindTestFolder("golden"), depth: 1 << 20);
    }

    [Theory]
    [InlineData(1 << 20)]
    [InlineData(100_000)]
    public void RealCapturesRaiseTheSameAlertsOfEtOpen(uint depth)
    {
        string shared = Path.GetFullPath(Path.Combine(CaptureFile.FindTestFolder("golden"), "../../../shared/exam"));
        string packed = Path.Combine(shared, "rules/etopen-2023-05-15.rules.gz");
        Assert.SkipUnless(File.Exists(packed), "needs ../shared/exam beside the checkout");
        using GZipStream unpacked = new(File.OpenRead(packed), CompressionMode.Decompress);
        using StreamReader text = new(unpacked);
        RuleLoadResult loaded = RuleLoader.Load(new RuleLoadOptions
        {
            Texts = [("etopen.rules", text.ReadToEnd())],
            ClassificationFile = Path.Combine(shared, "rules/classification.config"),
            ReferenceFile = Path.Combine(shared, "rules/reference.config"),
            IsInline = true,
        });
        Assert.True(loaded.Rules.Count > 20_000);
        Assert.True(Compare(loaded, Path.Combine(shared, "parity/pcaps"), depth) > 0, "nothing was carried: the comparison says nothing");
    }

    private long Compare(RuleLoadResult loaded, string folder, uint depth)
    {
        Play whole = new(loaded, depth, carries: false);
        Play carried = new(loaded, depth, carries: true);
        foreach (string path in Directory.GetFiles(folder, "*.pcap*", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            if (CaptureFile.TryRead(path) is { } capture)
            {
                whole.Capture(Path.GetFileName(path), capture);
                carried.Capture(Path.GetFileName(path), capture);
            }
        }

        whole.Worker.Finish();
        carried.Worker.Finish();
        output.WriteLine($"{whole.Alerts.Count} alerts; of {carried.Frames} frames {carried.CarriedFrames}, of {carried.Bytes} bytes {carried.CarriedBytes} would be carried by the kernel; "
            + $"{carried.Worker.Settled} flows and {carried.Worker.SettledDirections} directions settled");
        Assert.Equal(0, whole.Worker.Faults + carried.Worker.Faults);
        Assert.Equal(whole.Alerts.Order(StringComparer.Ordinal), carried.Alerts.Order(StringComparer.Ordinal));
        return carried.CarriedFrames;
    }

    /// <summary>One engine, and what the kernel's programs do for it.</summary>
    private sealed class Play : IEventSink
    {
        private const byte FinSynRst = 7;

        private readonly bool _carries;
        private readonly Dictionary<string, Decision> _decisions = [];
        private readonly byte[] _buffer = new byte[1 << 17];
        private string _capture = "";
        private long _nowUs = 1_700_000_000_000_000;

        public Play(RuleLoadResult loaded, uint depth, bool carries)
        {
            _carries = carries;
            EngineSettings settings = new()
            {
                IsInline = true,
                EarlyVerdicts = carries,
                Stream = new StreamSettings { Midstream = true, Reassembly = new ReassemblySettings { Depth = depth } },
                Eve = new EveSettings { Types = [new EveTypeSettings("alert", ProtocolSettings.Empty)] },
            };
            Worker = new PacketWorker(new WorkerEnvironment { Settings = settings, Events = this, FlowHash = new FlowHash(1, 2) })
            {
                Program = new EngineProgram(loaded.Rules, new CompiledPolicy(PolicyModel.Empty, loaded.Rules.Rules)),
            };
        }

        public PacketWorker Worker { get; }

        public List<string> Alerts { get; } = [];

        public long Frames { get; private set; }

        public long Bytes { get; private set; }

        public long CarriedFrames { get; private set; }

        public long CarriedBytes { get; private set; }

        void IEventSink.Write(in EventHeader header, ReadOnlySpan<byte> json)
        {
            var reader = new Utf8JsonReader(json);
            JsonElement record = JsonElement.ParseValue(ref reader);
            string Text(string name) => record.TryGetProperty(name, out JsonElement value) ? value.ToString() : "";
            Alerts.Add($"{_capture} {record.GetProperty("alert").GetProperty("signature_id")} {Text("src_ip")} {Text("src_port")} {Text("dest_ip")} {Text("dest_port")}");
        }

        /// <summary>Captures follow one another with an hour in between, so that no flow of one is found by the next.</summary>
        public void Capture(string name, CaptureFile capture)
        {
            _nowUs += 3_600_000_000L;
            _decisions.Clear();
            Worker.Tick(_nowUs);
            _capture = name;
            foreach (byte[] frame in capture.Frames)
            {
                _nowUs += 1000;
                Frame(frame, capture.LinkType);
            }
        }

        private void Frame(byte[] bytes, LinkType link)
        {
            Frames++;
            Bytes += bytes.Length;
            Parsed parsed = link == LinkType.Ethernet ? Parsed.Of(bytes) : default;
            if (_carries && parsed.Key is not null && _decisions.TryGetValue(parsed.Key, out Decision decision) && decision.Carries(in parsed))
            {
                CarriedFrames++;
                CarriedBytes += bytes.Length;
                return;
            }

            bytes.CopyTo(_buffer, 64);
            Verdict verdict = Worker.Process(_buffer, 64, bytes.Length, new FrameInfo { TimestampUs = _nowUs, LinkType = link });
            if (parsed.Key is null || (parsed.Flags & FinSynRst) != 0)
            {
                if (parsed.Key is not null && (parsed.Flags & FinSynRst) == 2)
                {
                    _decisions.Remove(parsed.Key);
                }

                return;
            }

            if (verdict.Offload == FlowOffload.Pass)
            {
                _decisions[parsed.Key] = new Decision(0, 0, 0);
            }
            else if (verdict.Offload == FlowOffload.PassDirection)
            {
                _decisions[parsed.Key] = new Decision(parsed.IsSwapped ? 2 : 1, parsed.Acknowledgement, parsed.Window);
            }
        }

        private readonly record struct Decision(int Only, uint Acknowledgement, ushort Window)
        {
            public bool Carries(in Parsed frame) => (frame.Flags & FinSynRst) == 0
                && (Only == 0 || (Only == (frame.IsSwapped ? 2 : 1) && frame.HasData && frame.Acknowledgement == Acknowledgement && frame.Window == Window));
        }
    }

    /// <summary>What the port program reads of a frame; no key: it decides nothing about such frames.</summary>
    private readonly record struct Parsed(string? Key, bool IsSwapped, byte Flags, uint Acknowledgement, ushort Window, bool HasData)
    {
        public static Parsed Of(ReadOnlySpan<byte> frame)
        {
            int at = 12;
            string tags = "";
            while (frame.Length >= at + 4 && BinaryPrimitives.ReadUInt16BigEndian(frame[at..]) is 0x8100 or 0x88a8)
            {
                tags += $"{BinaryPrimitives.ReadUInt16BigEndian(frame[(at + 2)..]) & 0xfff}.";
                at += 4;
            }

            if (frame.Length < at + 2)
            {
                return default;
            }

            ushort type = BinaryPrimitives.ReadUInt16BigEndian(frame[at..]);
            ReadOnlySpan<byte> ip = frame[(at + 2)..];
            if (type == 0x800 && ip.Length >= 20 && (BinaryPrimitives.ReadUInt16BigEndian(ip[6..]) & 0x3fff) == 0)
            {
                int header = (ip[0] & 15) * 4;
                int total = Math.Clamp(BinaryPrimitives.ReadUInt16BigEndian(ip[2..]), header, ip.Length);
                return header > ip.Length ? default : Transport(tags, ip[9], ip[12..16], ip[16..20], ip[header..total]);
            }

            if (type == 0x86dd && ip.Length >= 40)
            {
                int total = Math.Min(40 + BinaryPrimitives.ReadUInt16BigEndian(ip[4..]), ip.Length);
                return Transport(tags, ip[6], ip[8..24], ip[24..40], ip[40..total]);
            }

            return default;
        }

        private static Parsed Transport(string tags, byte protocol, ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, ReadOnlySpan<byte> rest)
        {
            if (protocol is not (6 or 17) || rest.Length < (protocol == 6 ? 20 : 8))
            {
                return default;
            }

            string source = $"{Convert.ToHexString(from)}:{BinaryPrimitives.ReadUInt16BigEndian(rest)}";
            string target = $"{Convert.ToHexString(to)}:{BinaryPrimitives.ReadUInt16BigEndian(rest[2..])}";
            bool isSwapped = string.CompareOrdinal(source, target) > 0;
            string key = $"{tags}{protocol} {(isSwapped ? target : source)} {(isSwapped ? source : target)}";
            return protocol == 17
                ? new Parsed(key, isSwapped, 0, 0, 0, true)
                : new Parsed(
                    key, isSwapped, rest[13], BinaryPrimitives.ReadUInt32BigEndian(rest[8..]), BinaryPrimitives.ReadUInt16BigEndian(rest[14..]), rest.Length > (rest[12] >> 4) * 4);
        }
    }
}
