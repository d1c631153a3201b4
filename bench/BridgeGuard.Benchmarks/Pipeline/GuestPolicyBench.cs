using System.Globalization;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Policy.Contracts;
using BridgeGuard.Engine.Policy.Guests;
using BridgeGuard.Engine.Policy.Links;
using BridgeGuard.Engine.Policy.Roles;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Rules.Loading;
using BridgeGuard.Testing.Packets;

namespace BridgeGuard.Benchmarks.Pipeline;

/// <summary>What guests and roles add to a packet: the same frames through one worker, which now knows nobody and now 500 guests of 20 roles.</summary>
/// <remarks><c>guests [PAIRS]</c> compares with nobody known; <c>link-guard [PAIRS]</c> the same guests with and without the shipped roles' link guard. A pair is a pass over the frames with and one without; the ratio of their CPU times is what counts. HTTP connections of 24 packets, 40 rules.</remarks>
internal static class GuestPolicyBench
{
    private const int GuestCount = 500;
    private const int RoleCount = 20;
    private const int Connections = 400;
    private const int DataPackets = 20;

    /// <param name="rounds">Pairs of passes.</param>
    /// <param name="ofLinkGuard">Guests are on both sides; the one pass has the link guard besides.</param>
    public static int Run(int rounds, bool ofLinkGuard = false)
    {
        string rules = string.Join('\n', Enumerable.Range(1, 40).Select(i => $"alert http any any -> any any (msg:\"r{i}\"; http.uri; content:\"/pattern{i}/x\"; sid:{i};)"));
        RuleSet set = RuleLoader.Load(new RuleLoadOptions { Texts = [("bench.rules", rules)] }).Rules;
        List<byte[]> frames = Frames();
        (EngineProgram Without, EngineProgram With) programs = ofLinkGuard
            ? (ProgramOf(set, Policy(LinkGuardModel.None), Guests()), ProgramOf(set, Policy(Shipped), Guests()))
            : (ProgramOf(set, PolicyModel.Empty, GuestSet.Empty), ProgramOf(set, Policy(LinkGuardModel.None), Guests()));
        var ports = new PortGuests();
        ports.Replace([.. Enumerable.Range(0, GuestCount + 1).Select(i => (ushort)i)]);
        using PacketWorker worker = new(new WorkerEnvironment { Settings = new EngineSettings { IsInline = true, ValidateChecksums = false }, Events = new Nowhere(), Ports = ports });
        long time = 1_700_000_000_000_000;
        for (int i = 0; i < 40; i++)
        {
            Play(worker, i % 2 == 0 ? programs.Without : programs.With, frames, ref time);
        }

        // One worker, so that all lies where it lay; with, without, without, with: a drift of the machine hits both.
        var ratios = new double[rounds];
        double cost = 0;
        for (int i = 0; i < rounds; i++)
        {
            bool withFirst = i % 2 == 0;
            TimeSpan first = Play(worker, withFirst ? programs.With : programs.Without, frames, ref time);
            TimeSpan second = Play(worker, withFirst ? programs.Without : programs.With, frames, ref time);
            (TimeSpan with, TimeSpan without) = withFirst ? (first, second) : (second, first);
            ratios[i] = with / without;
            cost += without.TotalNanoseconds / frames.Count / rounds;
        }

        Array.Sort(ratios);
        string what = ofLinkGuard ? "link guard" : "guests";
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{cost:F0} ns of CPU a packet without {what}, with {what} x: mean of {rounds} pairs {Mean(ratios)}, without the outer tenths {Mean(ratios[(rounds / 10)..^(rounds / 10)])}, median {ratios[rounds / 2]:F4} ({GuestCount} guests of {RoleCount} roles)"));
        return worker.Faults == 0 ? 0 : 1;
    }

    /// <summary>With its 95 % interval.</summary>
    private static string Mean(double[] ratios)
    {
        double mean = ratios.Average();
        double deviation = Math.Sqrt(ratios.Sum(r => (r - mean) * (r - mean)) / Math.Max(1, ratios.Length - 1));
        return string.Create(CultureInfo.InvariantCulture, $"{mean:F4} +- {1.96 * deviation / Math.Sqrt(ratios.Length):F4}");
    }

    private static EngineProgram ProgramOf(RuleSet rules, PolicyModel policy, GuestSet guests) => new(rules, new CompiledPolicy(policy, rules.Rules)) { Guests = guests };

    /// <summary>What the shipped roles ask for.</summary>
    private static LinkGuardModel Shipped => new LinkGuardModel
    {
        MacSpoofing = GuardAction.Drop, AddressSpoofing = GuardAction.Drop, Arp = GuardAction.Drop, NeighborDiscovery = GuardAction.Drop,
        RouterAdvertisement = GuardAction.Drop, DhcpServer = GuardAction.Drop,
    }.Complete();

    private static PolicyModel Policy(LinkGuardModel links) => new(
        [.. Enumerable.Range(0, RoleCount).Select(i => new RoleModel
        {
            Name = $"role{i}",
            Links = links,
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

    private static TimeSpan Play(PacketWorker worker, EngineProgram program, List<byte[]> frames, ref long time)
    {
        // What a worker keeps for a program it makes anew with each; that is not every packet's cost.
        worker.Program = program;
        Pass(worker, frames, ref time);
        TimeSpan start = Environment.CpuUsage.TotalTime;
        Pass(worker, frames, ref time);
        return Environment.CpuUsage.TotalTime - start;
    }

    private static void Pass(PacketWorker worker, List<byte[]> frames, ref long time)
    {
        // Each is after every timeout of the one before.
        time += 3_600_000_000;
        foreach (byte[] frame in frames)
        {
            ushort port = (ushort)((frame[10] << 8) | frame[11]);
            worker.Process(frame, 0, frame.Length, new FrameInfo { TimestampUs = time += 10, LinkType = LinkType.Ethernet, PortId = port });
            worker.Injector.Clear();
        }
    }
}
