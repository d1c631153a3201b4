using System.Text;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Rules.Loading;
using BridgeGuard.Testing.Packets;
using BridgeGuard.Testing.Timing;
using Xunit;

namespace BridgeGuard.Rules.Tests.Loading;

/// <summary>All of Emerging Threats, 44,000 rules, exchanged beside a worker that never rests: how long the worker is busy with the exchange itself.</summary>
/// <remarks>
/// What the collector and other programs take is not in it, as tests run beside one another: <c>bench reload</c> measures those. The least of a few reloads counts,
/// since a collection that another test causes may run on this thread.
/// </remarks>
public sealed class ReloadPauseTests : IDisposable
{
    /// <summary>CPU time within one packet, at most; 2 to 9 ms were measured on a machine with ten times the load of its cores.</summary>
    private static readonly TimeSpan Bound = TimeSpan.FromMilliseconds(30);

    private const int Connections = 50;
    private const int Reloads = 3;

    private readonly string _folder = Directory.CreateTempSubdirectory("bridgeguard-reload-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void AWorkerIsBusyWithTheExchangeForAFewMillisecondsOnly()
    {
        string rules = Path.Combine(_folder, "et.rules");
        string text = RealRuleSetTests.Read(Path.Combine(RealRuleSetTests.SharedFolder(), "etopen-2023-05-15.rules.gz"));
        File.WriteAllText(rules, string.Join('\n', text.Split('\n').Select(Uncommented)), Encoding.Latin1);
        var options = new RuleLoadOptions { Files = [rules], CacheFolder = Path.Combine(_folder, "cache") };
        RuleLoadResult compiled = RuleLoader.Load(options);
        Assert.InRange(compiled.Loaded, 44_000, 45_000);
        using var worker = new PacketWorker(new WorkerEnvironment
        {
            Settings = new EngineSettings { ValidateChecksums = false },
            Events = new Nowhere(),
            CostClock = System.Diagnostics.Stopwatch.GetTimestamp,
        })
        {
            Program = ProgramOf(compiled),
        };
        List<byte[]> frames = Frames();
        long time = 1_700_000_000_000_000;
        TimeSpan least = TimeSpan.MaxValue;
        for (int i = 0; i < Reloads; i++)
        {
            Pauses pauses = PauseProbe.Measure(
                number => worker.Process(frames[(int)(number % frames.Count)], 0, frames[(int)(number % frames.Count)].Length, new FrameInfo { TimestampUs = time += 1000, LinkType = LinkType.Ethernet }),
                frames.Count,
                () =>
                {
                    RuleLoadResult loaded = RuleLoader.TryLoadCached(options, out string problem) ?? throw new InvalidOperationException(problem);
                    worker.Program = ProgramOf(loaded);
                });
            Assert.True(pauses.Packets > frames.Count, "packets went on during the reload");
            least = pauses.Own < least ? pauses.Own : least;
        }

        Assert.Equal(0, worker.Faults);
        Assert.Same(worker.Program.Rules, worker.RuleCosts!.Rules); // The last set is in force.
        Assert.True(least < Bound, $"{least.TotalMilliseconds:F1} ms within one packet");
    }

    private static string Uncommented(string line)
    {
        string rule = line.TrimStart('#', ' ');
        return rule.Contains("sid:", StringComparison.Ordinal) && rule.EndsWith(')') ? rule : line;
    }

    private static EngineProgram ProgramOf(RuleLoadResult loaded) => new(loaded.Rules, new CompiledPolicy(PolicyModel.Empty, loaded.Rules.Rules));

    private static List<byte[]> Frames()
    {
        var frames = new List<byte[]>();
        for (int i = 0; i < Connections; i++)
        {
            ushort port = (ushort)(20_000 + i);
            byte[] request = Encoding.ASCII.GetBytes($"GET /index{i}.php?a=b HTTP/1.1\r\nHost: example.test\r\nUser-Agent: curl\r\n\r\n");
            frames.Add(FrameBuilder.Tcp("192.168.1.10", port, "203.0.113.5", 80, 100, 0, "S", default));
            frames.Add(FrameBuilder.Tcp("203.0.113.5", 80, "192.168.1.10", port, 500, 101, "SA", default));
            frames.Add(FrameBuilder.Tcp("192.168.1.10", port, "203.0.113.5", 80, 101, 501, "PA", request));
            frames.Add(FrameBuilder.Tcp("203.0.113.5", 80, "192.168.1.10", port, 501, (uint)(101 + request.Length), "PA", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"u8));
            frames.Add(FrameBuilder.Tcp("192.168.1.10", port, "203.0.113.5", 80, (uint)(101 + request.Length), 540, "RA", default));
        }

        return frames;
    }

    private sealed class Nowhere : IEventSink
    {
        public void Write(in EventHeader header, ReadOnlySpan<byte> json)
        {
        }
    }
}
