using System.Text;
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

/// <summary>Whether parsers read in-order data in the packet or in a copy of it: every record is the same. All golden captures, with parsers, rules, frames and records.</summary>
public sealed class LentDataTests
{
    private const string Rules = """
        alert tcp any any -> any any (msg:"stream"; content:"HTTP/1.1"; sid:1;)
        alert http any any -> any any (msg:"uri"; http.uri; content:"/"; sid:2;)
        alert tls any any -> any any (msg:"sni"; tls.sni; content:"."; sid:4;)
        alert tcp any any -> any any (msg:"frame"; frame:tls.hdr; content:"|16|"; startswith; sid:5;)
        alert tcp any any -> any any (msg:"size"; stream_size:client,>,100; sid:6;)
        """;

    /// <summary>Flows that stay undecided for 100,000 bytes, which must be kept until then, and lines and messages as long as they may be: not counted.</summary>
    private static readonly string[] Kept = ["/events-of-applayer/", "/events-of-limits/"];

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void RecordsAreThoseOfCopiedData(bool withRules)
    {
        (string lent, long aheadWhenLent) = Play(lends: true, withRules);
        (string copied, long aheadWhenCopied) = Play(lends: false, withRules);
        Assert.Equal(copied, lent);
        Assert.True(aheadWhenLent < aheadWhenCopied / 2, $"{aheadWhenLent} of {aheadWhenCopied} bytes were still copied first");
    }

    private static (string Records, long CopiedAhead) Play(bool lends, bool withRules)
    {
        RuleLoadResult loaded = RuleLoader.Load(new RuleLoadOptions { Texts = [("a.rules", withRules ? Rules : "")] });
        Assert.False(loaded.HasErrors);
        string[] types = ["alert", "anomaly", "drop", "files", "flow", "frame", .. ProtocolCatalog.All.ToArray().SelectMany(p => p.Loggers).Select(logger => logger.EventType).Distinct()];
        EngineSettings settings = new()
        {
            IsInline = true,
            Eve = new EveSettings { Types = [.. types.Select(type => new EveTypeSettings(type, ProtocolSettings.Empty))] },
        };
        Records records = new();
        using PacketWorker worker = new(new WorkerEnvironment { Settings = settings, Events = records, FlowHash = new FlowHash(1, 2) })
        {
            Program = new EngineProgram(loaded.Rules, new CompiledPolicy(PolicyModel.Empty, loaded.Rules.Rules)),
        };
        worker.Reassembler.LendsInOrder = lends;
        byte[] buffer = new byte[1 << 16];
        long time = 1_700_000_000_000_000;
        long uncounted = 0;
        foreach (string path in Directory.GetFiles(CaptureFile.FindTestFolder("golden"), "*.pcap", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            if (CaptureFile.TryRead(path) is not { } capture)
            {
                continue;
            }

            time += 3_600_000_000;
            long before = worker.Reassembler.CopiedAheadBytes;
            foreach (byte[] frame in capture.Frames)
            {
                frame.CopyTo(buffer, 0);
                worker.Process(buffer, 0, frame.Length, new FrameInfo { TimestampUs = time += 100, LinkType = capture.LinkType });

                // The attachment reads the next frame into the same buffer: nobody may still look at this one.
                buffer.AsSpan(0, frame.Length).Fill(0xdb);
                worker.Injector.Clear();
            }

            uncounted += Array.Exists(Kept, name => path.Contains(name, StringComparison.Ordinal)) ? worker.Reassembler.CopiedAheadBytes - before : 0;
        }

        worker.Finish();
        Assert.Equal(0, worker.Faults);
        return (records.Text.ToString(), worker.Reassembler.CopiedAheadBytes - uncounted);
    }

    private sealed class Records : IEventSink
    {
        public StringBuilder Text { get; } = new();

        public void Write(in EventHeader header, ReadOnlySpan<byte> json) => Text.Append(Encoding.UTF8.GetString(json)).Append('\n');
    }
}
