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

/// <summary>The promise of the packet path: once warm, nothing is allocated. All golden captures as one mixed capture, with parsers, rules and records.</summary>
public sealed class AllocationTests
{
    private const string Rules = """
        alert tcp any any -> any any (msg:"stream"; content:"HTTP/1.1"; sid:1;)
        alert http any any -> any any (msg:"uri"; http.uri; content:"/"; sid:2;)
        alert dns any any -> any any (msg:"query"; dns.query; content:"example"; nocase; sid:3;)
        alert tls any any -> any any (msg:"sni"; tls.sni; content:"."; sid:4;)
        alert udp any any -> any any (msg:"bits"; content:"|00 01|"; flowbits:set,seen; noalert; sid:5;)
        alert udp any any -> any any (msg:"set"; flowbits:isset,seen; threshold:type limit, track by_src, count 1, seconds 60; sid:6;)
        """;

    /// <summary>Longer than any timeout of a flow: each pass ends the flows of the one before.</summary>
    private const long PassUs = 3_600_000_000;

    /// <summary>Captures made to exceed limits, over a thousand transactions on one flow and the like: what they need is borrowed and given back, but it takes long until no flow has to grow any more.</summary>
    private const string BeyondLimits = "/events-of-";

    private const int WarmPasses = 12;

    /// <summary>So many in a row allocate nothing.</summary>
    private const int CleanPasses = 10;

    /// <summary>How many conversations overlap differs a little from pass to pass, as flows end in another order; pools grow for so long at most.</summary>
    private const int MostPasses = 400;

    /// <summary>Of a single capture, which is the same in every pass.</summary>
    private const int CleanPassesOfOne = 3;

    /// <summary>Messages as long as limits allow, over two thousand objects in one: what is kept of one that goes is bounded, so the next grows anew.</summary>
    private static readonly string[] GrowAnew = ["events-of-dnp3", "events-of-limits"];

    /// <summary>The platform's Brotli decoder cannot be begun anew: each body of that coding has a handle of its own.</summary>
    private const string Brotli = "records-of-http-brotli";

    private const long MostBrotliBytes = 128;

    public static TheoryData<string> Cases => [.. Directory.GetDirectories(CaptureFile.FindTestFolder("golden")).Select(folder => Path.GetFileName(folder)).Where(name => !GrowAnew.Contains(name)).Order(StringComparer.Ordinal)];

    /// <summary>Each protocol by itself, with its rules and records; also where limits are exceeded.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void AWarmWorkerAllocatesNothingForAProtocol(string name)
    {
        string folder = Path.Combine(CaptureFile.FindTestFolder("golden"), name);
        CaptureFile capture = CaptureFile.TryRead(Path.Combine(folder, "input.pcap"))!;
        Assert.SkipUnless(capture.LinkType == LinkType.Ethernet, "not on Ethernet");
        List<byte[]> frames = [.. capture.Frames];
        RuleLoadResult loaded = RuleLoader.Load(new RuleLoadOptions { Files = [Path.Combine(folder, "case.rules")] });
        Assert.False(loaded.HasErrors);
        using PacketWorker worker = CreateWorker(loaded.Rules, isInline: false);
        Warm(worker, frames, CleanPassesOfOne, name == Brotli ? MostBrotliBytes : 0);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AWarmWorkerAllocatesNothing(bool isInline)
    {
        List<byte[]> frames = [.. Directory.GetFiles(CaptureFile.FindTestFolder("golden"), "*.pcap", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            .Where(path => !path.Contains(BeyondLimits, StringComparison.Ordinal) && !path.Contains(Brotli, StringComparison.Ordinal))
            .Select(path => CaptureFile.TryRead(path)).Where(capture => capture is { LinkType: LinkType.Ethernet }).SelectMany(capture => capture!.Frames)];
        RuleLoadResult loaded = RuleLoader.Load(new RuleLoadOptions { Texts = [("a.rules", Rules)] });
        Assert.False(loaded.HasErrors);
        using PacketWorker worker = CreateWorker(loaded.Rules, isInline);
        Warm(worker, frames, CleanPasses);
        Assert.True(worker.Counters[Counter.DetectAlert] > frames.Count / 20, "the rules matched too little for the test to mean anything");
    }

    private static PacketWorker CreateWorker(Engine.Detection.RuleSet rules, bool isInline) =>
        new(new WorkerEnvironment { Settings = CreateSettings(isInline), Events = new NullSink(), FlowHash = new FlowHash(1, 2) })
        {
            Program = new EngineProgram(rules, new CompiledPolicy(PolicyModel.Empty, rules.Rules)),
        };

    /// <summary>Passes until so many in a row allocate nothing, or no more than <paramref name="allowed"/> bytes.</summary>
    private static void Warm(PacketWorker worker, List<byte[]> frames, int wanted, long allowed = 0)
    {
        byte[] buffer = new byte[frames.Max(frame => frame.Length)];
        long last = 0;
        int clean = 0;
        for (int pass = 0; pass < MostPasses && clean < wanted; pass++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            Play(worker, frames, buffer, pass * PassUs);
            last = GC.GetAllocatedBytesForCurrentThread() - before;
            clean = last <= allowed && pass >= WarmPasses ? clean + 1 : 0;
        }

        Assert.Equal(0, worker.Faults);
        Assert.Equal(0, Engine.Pools.ByteBuffer.StaleReads);
        Assert.True(clean == wanted, $"{last} bytes in the last pass");
    }

    private static EngineSettings CreateSettings(bool isInline)
    {
        string[] types = ["alert", "anomaly", "drop", "files", "flow", .. ProtocolCatalog.All.ToArray().SelectMany(protocol => protocol.Loggers).Select(logger => logger.EventType).Distinct()];
        return new EngineSettings
        {
            IsInline = isInline,
            ValidateChecksums = false,
            AppLayer = new AppLayerSettings { Protocols = GoldenRun.ProtocolsOf(new GoldenCase()) },
            Eve = new EveSettings { CommunityId = true, Types = [.. types.Select(type => new EveTypeSettings(type, ProtocolSettings.Empty))] },
        };
    }

    private static void Play(PacketWorker worker, List<byte[]> frames, byte[] buffer, long shiftUs)
    {
        long time = 1_700_000_000_000_000 + shiftUs;
        for (int i = 0; i < frames.Count; i++)
        {
            // A copy: inline the engine may rewrite the bytes.
            frames[i].CopyTo(buffer, 0);
            worker.Process(buffer, 0, frames[i].Length, new FrameInfo { TimestampUs = time += 100, Number = (ulong)i, LinkType = LinkType.Ethernet });
            worker.Injector.Clear();
        }
    }

    private sealed class NullSink : IEventSink
    {
        public void Write(in EventHeader header, ReadOnlySpan<byte> json)
        {
        }
    }
}
