using System.Globalization;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Policy.Contracts;
using BridgeGuard.Engine.Policy.Guests;
using BridgeGuard.Engine.Policy.Roles;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Rules.Loading;
using BridgeGuard.Testing.Packets;

namespace BridgeGuard.Benchmarks.Pipeline;

/// <summary>What guests and roles add to a packet: the same frames through two workers, one of which knows 500 guests of 20 roles.</summary>
/// <remarks><c>guests [PAIRS]</c>. Slices of 100 ms of CPU time in turns, so that a busy machine hits both; the ratio is what counts. HTTP connections of 24 packets, 40 rules.</remarks>
internal static class GuestPolicyBench
{
    private const int GuestCount = 500;
    private const int RoleCount = 20;
    private const int Connections = 400;
    private const int DataPackets = 20;
    private const int SliceMs = 100;

    public static int Run(int rounds)
    {
        string rules = string.Join('\n', Enumerable.Range(1, 40).Select(i => $"alert http any any -> any any (msg:\"r{i}\"; http.uri; content:\"/pattern{i}/x\"; sid:{i};)"));
        RuleSet set = RuleLoader.Load(new RuleLoadOptions { Texts = [("bench.rules", rules)] }).Rules;
        List<byte[]> frames = Frames();
        using PacketWorker plain = Worker(set, PolicyModel.Empty, GuestSet.Empty);
        using PacketWorker guarded = Worker(set, Policy(), Guests());
        long time = 1_700_000_000_000_000;
        for (int i = 0; i < 20; i++)
        {
            Play(plain, frames, ref time);
            Play(guarded, frames, ref time);
        }

        // A slice of each in turn, now the one first and now the other: what else the machine does hits both, and so does what the caches still hold.
        double[] ratios = new double[rounds];
        TimeSpan total = TimeSpan.Zero;
        long packets = 0;
        for (int i = 0; i < rounds; i++)
        {
            bool plainFirst = i % 2 == 0;
            (TimeSpan Cpu, int Plays) first = Slice(plainFirst ? plain : guarded, frames, ref time);
            (TimeSpan Cpu, int Plays) second = Slice(plainFirst ? guarded : plain, frames, ref time);
            ((TimeSpan Cpu, int Plays) without, (TimeSpan Cpu, int Plays) with) = plainFirst ? (first, second) : (second, first);
            ratios[i] = with.Cpu / with.Plays / (without.Cpu / without.Plays);
            total += without.Cpu;
            packets += (long)without.Plays * frames.Count;
        }

        double mean = ratios.Average();
        double deviation = Math.Sqrt(ratios.Sum(r => (r - mean) * (r - mean)) / Math.Max(1, rounds - 1));
        double interval = 1.96 * deviation / Math.Sqrt(rounds);
        Array.Sort(ratios);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{total.TotalNanoseconds / packets:F0} ns of CPU a packet without guests; with {GuestCount} guests of {RoleCount} roles x {mean:F4} +- {interval:F4} (mean and 95 % interval of {rounds} pairs of slices), median {ratios[rounds / 2]:F4}"));
        return guarded.Faults == 0 ? 0 : 1;
    }

    private static PacketWorker Worker(RuleSet rules, PolicyModel policy, GuestSet guests)
    {
        var ports = new PortGuests();
        ports.Replace([.. Enumerable.Range(0, GuestCount + 1).Select(i => guests.Count > 0 ? (ushort)i : (ushort)0)]);
        return new PacketWorker(new WorkerEnvironment { Settings = new EngineSettings { IsInline = true, ValidateChecksums = false }, Events = new Nowhere(), Ports = ports })
        {
            Program = new EngineProgram(rules, new CompiledPolicy(policy, rules.Rules)) { Guests = guests },
        };
    }

    private static PolicyModel Policy() => new(
        [.. Enumerable.Range(0, RoleCount).Select(i => new RoleModel
        {
            Name = $"role{i}",
            Rules = [new RoleRule { Classtype = "web-application-attack", Action = RoleAction.Drop }, new RoleRule { MaxSeverity = 2, MinSeverity = 1, Action = RoleAction.Reject }],
            Contract = new ServiceContract
            {
                In = [.. Enumerable.Range(0, 6).Select(p => new ServiceRule { Protocol = IpProtocols.Tcp, Ports = [((ushort)(75 + p), (ushort)(75 + p))] })],
                DefaultIn = RoleAction.Drop,
            },
        })],
        []);

    private static GuestSet Guests() => new(
        [null, .. Enumerable.Range(1, GuestCount).Select(i => new GuestModel { Name = $"g{i}", Role = (byte)(i % RoleCount), Macs = [0x020000000000u | (uint)i], Addresses = [IpAddress.FromV4(0x0a000000u + (uint)i)] })], 1);

    private static List<byte[]> Frames()
    {
        var frames = new List<byte[]>();
        byte[] body = new byte[600];
        for (int i = 0; i < Connections; i++)
        {
            int client = 1 + (i % GuestCount);
            int server = 1 + ((i * 7 + 3) % GuestCount);
            (string a, string b) = ($"10.0.{client >> 8}.{client & 255}", $"10.0.{server >> 8}.{server & 255}");
            ushort port = (ushort)(20_000 + i);
            Add(frames, client, server, FrameBuilder.Tcp(a, port, b, 80, 100, 0, "S", default));
            Add(frames, server, client, FrameBuilder.Tcp(b, 80, a, port, 500, 101, "SA", default));
            byte[] request = System.Text.Encoding.ASCII.GetBytes($"POST /page{i} HTTP/1.1\r\nHost: a\r\nContent-Length: {DataPackets * body.Length}\r\n\r\n");
            Add(frames, client, server, FrameBuilder.Tcp(a, port, b, 80, 101, 501, "PA", request));
            for (int p = 0; p < DataPackets; p++)
            {
                Add(frames, client, server, FrameBuilder.Tcp(a, port, b, 80, (uint)(101 + request.Length + (p * body.Length)), 501, "A", body));
            }

            Add(frames, server, client, FrameBuilder.Tcp(b, 80, a, port, 501, (uint)(101 + request.Length + (DataPackets * body.Length)), "RA", default));
        }

        return frames;
    }

    private static void Add(List<byte[]> frames, int from, int to, byte[] frame)
    {
        for (int i = 0; i < 6; i++)
        {
            frame[i] = (byte)((0x020000000000L | (uint)to) >> (40 - (8 * i)));
            frame[6 + i] = (byte)((0x020000000000L | (uint)from) >> (40 - (8 * i)));
        }

        frames.Add(frame);
    }

    /// <summary>Passes over the frames until so much CPU time is gone.</summary>
    private static (TimeSpan Cpu, int Plays) Slice(PacketWorker worker, List<byte[]> frames, ref long time)
    {
        TimeSpan cpu = TimeSpan.Zero;
        int plays = 0;
        while (cpu.TotalMilliseconds < SliceMs)
        {
            cpu += Play(worker, frames, ref time);
            plays++;
        }

        return (cpu, plays);
    }

    private static TimeSpan Play(PacketWorker worker, List<byte[]> frames, ref long time)
    {
        // Each round is after every timeout of the one before.
        time += 3_600_000_000;
        TimeSpan start = Environment.CpuUsage.TotalTime;
        foreach (byte[] frame in frames)
        {
            ushort port = (ushort)((frame[10] << 8) | frame[11]);
            worker.Process(frame, 0, frame.Length, new FrameInfo { TimestampUs = time += 10, LinkType = LinkType.Ethernet, PortId = port });
            worker.Injector.Clear();
        }

        return Environment.CpuUsage.TotalTime - start;
    }

    private sealed class Nowhere : IEventSink
    {
        public void Write(in EventHeader header, ReadOnlySpan<byte> json)
        {
        }
    }
}
