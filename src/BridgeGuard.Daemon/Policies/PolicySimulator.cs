using System.Globalization;
using System.Text;
using System.Text.Json;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Policy.Guests;
using BridgeGuard.Engine.Policy.Redirects;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Daemon.Policies;

/// <summary>Traffic to be tried. What is null or zero is left out.</summary>
public sealed record SyntheticTraffic
{
    /// <summary><c>tcp</c>, <c>udp</c>, <c>icmp</c>, <c>esp</c>, <c>gre</c>, <c>sctp</c>; else the kind below decides.</summary>
    public string Protocol { get; init; } = "tcp";

    public ushort Port { get; init; }

    /// <summary>An HTTP request: the whole first line's method and target, as in <c>GET /index.html</c>.</summary>
    public string? Http { get; init; }

    /// <summary>Bytes that the client sends once connected, or in a datagram.</summary>
    public string? Payload { get; init; }

    /// <summary>A DNS query over UDP.</summary>
    public string? Dns { get; init; }

    /// <summary>A TLS hello with this server name; empty: without one.</summary>
    public string? Tls { get; init; }

    public bool EncryptedHello { get; init; }

    /// <summary>The version that the server then chooses; 0: no answer.</summary>
    public ushort TlsVersion { get; init; }

    /// <summary>One connection each to so many ports, hosts, or the same service; the last one is judged.</summary>
    public int Scan { get; init; }

    public int Sweep { get; init; }

    public int Flood { get; init; }

    /// <summary>So many connections, each <see cref="Seconds"/> after the last.</summary>
    public int Beacon { get; init; }

    public int Seconds { get; init; }

    /// <summary>So many queries for different names below one domain.</summary>
    public int Queries { get; init; }

    /// <summary>So many echo requests of 512 bytes.</summary>
    public int Pings { get; init; }

    /// <summary>A lie on the link: <c>arp</c>, <c>nd</c>, <c>ra</c>, <c>dhcp</c>, <c>mac</c>, <c>ip</c>.</summary>
    public string? Lie { get; init; }
}

/// <summary>What became of it.</summary>
/// <param name="Verdict"><c>pass</c>, <c>alert</c>, <c>drop</c>, <c>reject</c>, <c>redirect</c>, <c>sinkhole</c>, <c>tarpit</c>, <c>block-page</c>, <c>rate-limit</c>, <c>mark</c>.</param>
/// <param name="Alerts">As <c>gid:sid</c>, in order.</param>
/// <param name="Places">Lines of roles that decided.</param>
/// <param name="Reason">Why the frame was dropped; empty when it was not.</param>
public sealed record SimulationResult(string Verdict, IReadOnlyList<string> Alerts, IReadOnlyList<string> Places, string Reason);

/// <summary>Tries traffic between two ends of given roles against a policy, in memory, with the engine that inspects the bridge.</summary>
public sealed partial class PolicySimulator(PolicyModel policy, RuleSet rules) : IDisposable
{
    private const long StartUs = 1_700_000_000_000_000;

    private static readonly ulong TargetMac = 0x020000000099;

    private readonly RedirectTarget[] _targets = policy.Targets.Length > 0 ? policy.Targets : [new RedirectTarget("honeypot", Parse("10.255.0.99"), TargetMac, 0)];
    private readonly Recorder _events = new();
    private CompiledPolicy? _compiled;
    private PacketWorker? _worker;
    private long _nowUs;

    /// <summary>Sends traffic from an end to another; null for a role: the end is no guest.</summary>
    /// <param name="clientTags">Tags of the sending guest.</param>
    public SimulationResult Run(string? clientRole, string? serverRole, SyntheticTraffic traffic, bool isQuarantined = false, string[]? clientTags = null)
    {
        SyntheticEnd client = End(1);
        SyntheticEnd server = End(2);
        Prepare(clientRole, serverRole, client, server, isQuarantined, clientTags);
        return Result(Checked(Play(traffic, client, server)));
    }

    public void Dispose() => _worker?.Dispose();

    private void Prepare(string? clientRole, string? serverRole, SyntheticEnd client, SyntheticEnd server, bool isQuarantined, string[]? clientTags)
    {
        var guests = new GuestModel?[] { null, Guest("client", clientRole, client, isQuarantined, clientTags), Guest("server", serverRole, server, false, null) };
        _worker?.Dispose();
        _events.Clear();
        _nowUs = StartUs;
        _compiled ??= new CompiledPolicy(WithTargets(policy), rules.Rules);
        var ports = new PortGuests();
        ports.Replace([0, (ushort)(guests[1] is null ? 0 : 1), (ushort)(guests[2] is null ? 0 : 2)]);
        var eve = new EveSettings { Types = [new EveTypeSettings("alert", Engine.Protocols.ProtocolSettings.Empty)] };

        // Small tables: a row has few flows, and a worker is made for each row so that none knows of another.
        var settings = new EngineSettings { IsInline = true, Eve = eve, Flow = new FlowSettings { MaxFlows = 16_384 } };
        _worker = new PacketWorker(new WorkerEnvironment { Settings = settings, Events = _events, Ports = ports, Redirects = new RedirectTable(32) })
        {
            Program = new EngineProgram(rules, _compiled) { Guests = new GuestSet(guests, 1) },
        };
    }

    private Verdict Checked(Verdict verdict) =>
        _worker!.LastFault is { } fault ? throw new InvalidOperationException($"the engine failed: {fault.Message}", fault) : verdict;

    private PolicyModel WithTargets(PolicyModel model)
    {
        if (model.Targets.Length > 0)
        {
            return model;
        }

        // A table is tried without the site's configuration: roles that move flows get a honeypot to move them to.
        return new PolicyModel([.. model.Roles.Select(r => r.RedirectTarget >= 0 ? r : r with { RedirectTarget = 0 })], _targets);
    }

    private GuestModel? Guest(string name, string? role, SyntheticEnd end, bool isQuarantined, string[]? tags)
    {
        if (role is null)
        {
            return null;
        }

        int index = isQuarantined && policy.FindRole("quarantine") > 0 ? policy.FindRole("quarantine") : policy.FindRole(role);
        if (index < 0)
        {
            throw new ArgumentException($"role '{role}' does not exist", nameof(role));
        }

        return new GuestModel { Name = name, Role = (byte)index, Macs = [end.Mac], Addresses = [end.Address, end.Address6], Tags = tags ?? [], IsQuarantined = isQuarantined };
    }

    private static SyntheticEnd End(ushort number) => new(
        number, 0x020000000000u | number, Parse(string.Create(CultureInfo.InvariantCulture, $"10.255.0.{number}")), Parse(string.Create(CultureInfo.InvariantCulture, $"fd00:255::{number}")));

    private static IpAddress Parse(string text) => IpAddress.TryParse(text, out IpAddress address) ? address : default;

    private Verdict Play(SyntheticTraffic traffic, SyntheticEnd client, SyntheticEnd server)
    {
        if (traffic.Lie is { } lie)
        {
            return Send(client, Lie(lie, client, server));
        }

        if (traffic.Scan > 0)
        {
            return Repeat(traffic.Scan, 10_000, i => Send(client, Syn(client, server, (ushort)(40_000 + i), (ushort)(1000 + i))));
        }

        if (traffic.Sweep > 0)
        {
            return Repeat(traffic.Sweep, 10_000, i => Send(client, Syn(client, server with { Address = IpAddress.FromV4(0x0AFF0100u + (uint)i) }, (ushort)(40_000 + i), traffic.Port)));
        }

        if (traffic.Flood > 0)
        {
            return Repeat(traffic.Flood, 100, i => Send(client, Syn(client, server, (ushort)(1024 + (i % 60_000)), traffic.Port)));
        }

        if (traffic.Beacon > 0)
        {
            return Repeat(traffic.Beacon, traffic.Seconds * 1_000_000L, i => Send(client, Syn(client, server, (ushort)(40_000 + i), traffic.Port)));
        }

        if (traffic.Queries > 0)
        {
            return Repeat(traffic.Queries, 10_000, i => Send(client, SyntheticFrames.Udp(client, server, 40_000, 53, SyntheticFrames.Query($"k{i:x6}aabbccdd.exfil.example", (ushort)i))));
        }

        if (traffic.Pings > 0)
        {
            return Repeat(traffic.Pings, 10_000, i => Send(client, SyntheticFrames.Ping(client, server, (ushort)i, 512)));
        }

        return Converse(traffic, client, server);
    }

    private Verdict Converse(SyntheticTraffic traffic, SyntheticEnd client, SyntheticEnd server)
    {
        if (traffic.Dns is { } name)
        {
            return Send(client, SyntheticFrames.Udp(client, server, 40_000, 53, SyntheticFrames.Query(name, 1)));
        }

        switch (traffic.Protocol)
        {
            case "icmp":
                return Send(client, SyntheticFrames.Ping(client, server, 1, 32));
            case "udp":
                return Send(client, SyntheticFrames.Udp(client, server, 40_000, traffic.Port, Encoding.Latin1.GetBytes(traffic.Payload ?? "hello")));
            case "esp":
                return Send(client, SyntheticFrames.Raw(client, server, IpProtocols.Esp));
            case "gre":
                return Send(client, SyntheticFrames.Raw(client, server, 47));
            case "sctp":
                return Send(client, SyntheticFrames.Raw(client, server, IpProtocols.Sctp));
        }

        const ushort clientPort = 40_000;
        Verdict verdict = Send(client, SyntheticFrames.Tcp(client, server, clientPort, traffic.Port, 1000, 0, TcpFlags.Syn, default));
        if (verdict.Action != VerdictAction.Pass || verdict.Modified)
        {
            return verdict;
        }

        Send(server, SyntheticFrames.Tcp(server, client, traffic.Port, clientPort, 5000, 1001, TcpFlags.Syn | TcpFlags.Ack, default));
        verdict = Send(client, SyntheticFrames.Tcp(client, server, clientPort, traffic.Port, 1001, 5001, TcpFlags.Ack, default));
        byte[]? payload = traffic.Http is { } request ? Encoding.Latin1.GetBytes($"{request} HTTP/1.1\r\nHost: www.example\r\nUser-Agent: policy-test\r\n\r\n")
            : traffic.Tls is { } sni ? SyntheticFrames.ClientHello(sni.Length > 0 ? sni : null, traffic.EncryptedHello)
            : traffic.Payload is { } text ? Encoding.Latin1.GetBytes(text) : null;
        if (payload is null)
        {
            return verdict;
        }

        verdict = Send(client, SyntheticFrames.Tcp(client, server, clientPort, traffic.Port, 1001, 5001, TcpFlags.Psh | TcpFlags.Ack, payload));
        uint next = 1001 + (uint)payload.Length;
        if (verdict.Action != VerdictAction.Pass)
        {
            return verdict;
        }

        // Much is decided when the server acknowledges what the client said.
        byte[] answer = traffic.TlsVersion != 0 ? SyntheticFrames.ServerHello(traffic.TlsVersion) : [];
        TcpFlags flags = answer.Length > 0 ? TcpFlags.Psh | TcpFlags.Ack : TcpFlags.Ack;
        verdict = Send(server, SyntheticFrames.Tcp(server, client, traffic.Port, clientPort, 5001, next, flags, answer));
        return verdict.Action != VerdictAction.Pass ? verdict
            : Send(client, SyntheticFrames.Tcp(client, server, clientPort, traffic.Port, next, 5001 + (uint)answer.Length, TcpFlags.Ack, default));
    }

    private static byte[] Syn(SyntheticEnd client, SyntheticEnd server, ushort sourcePort, ushort port) =>
        SyntheticFrames.Tcp(client, server, sourcePort, port, 1000, 0, TcpFlags.Syn, default);

    private static byte[] Lie(string kind, SyntheticEnd client, SyntheticEnd server)
    {
        SyntheticEnd other = End(3);
        return kind switch
        {
            "arp" => SyntheticFrames.Arp(client, client.Mac, other.Address, server.Address),
            "nd" => SyntheticFrames.NeighborAdvertisement(client, server, other.Address6),
            "ra" => SyntheticFrames.RouterAdvertisement(client, server),
            "dhcp" => SyntheticFrames.DhcpOffer(client, server),
            "mac" => SyntheticFrames.Ping(client with { Mac = other.Mac }, server, 1, 32),
            _ => SyntheticFrames.Ping(client with { Address = other.Address }, server, 1, 32),
        };
    }

    private Verdict Repeat(int count, long gapUs, Func<int, Verdict> send)
    {
        Verdict last = default;
        for (int i = 0; i < count; i++)
        {
            last = send(i);
            _nowUs += gapUs;
        }

        return last;
    }

    private Verdict Send(SyntheticEnd from, byte[] frame)
    {
        _nowUs += 100;
        Verdict verdict = _worker!.Process(frame, 0, frame.Length, new FrameInfo { TimestampUs = _nowUs, LinkType = LinkType.Ethernet, PortId = from.PortId, Checksum = ChecksumState.Valid });
        _worker.Injector.Clear();
        return verdict;
    }

    private SimulationResult Result(Verdict last)
    {
        string verdict = last.Action == VerdictAction.Pass
            ? last.Modified || last.ToPort != 0 ? "redirect" : last.Mark != 0 ? "mark" : _events.Alerts.Count > 0 ? "alert" : "pass"
            : last.Reason switch
            {
                DropReason.Redirect => _events.Actions.Contains("sinkhole") ? "sinkhole" : "redirect",
                DropReason.Tarpit => "tarpit",
                DropReason.BlockPage => "block-page",
                DropReason.RateLimit => "rate-limit",
                _ => last.Reject != RejectTarget.None ? "reject" : "drop",
            };
        return new SimulationResult(verdict, [.. _events.Alerts], [.. _events.Places], last.Action == VerdictAction.Drop ? last.Reason.ToString() : "");
    }

    /// <summary>Takes what it needs of the engine's alerts.</summary>
    private sealed class Recorder : IEventSink
    {
        public List<string> Alerts { get; } = [];

        public List<string> Places { get; } = [];

        public List<string> Actions { get; } = [];

        public void Clear()
        {
            Alerts.Clear();
            Places.Clear();
            Actions.Clear();
        }

        public void Write(in EventHeader header, ReadOnlySpan<byte> json)
        {
            if (header.Kind != EventKind.Alert)
            {
                return;
            }

            Utf8JsonReader reader = new(json);
            using JsonDocument document = JsonDocument.ParseValue(ref reader);
            JsonElement alert = document.RootElement.GetProperty("alert");
            Alerts.Add(string.Create(CultureInfo.InvariantCulture, $"{alert.GetProperty("gid").GetInt64()}:{alert.GetProperty("signature_id").GetInt64()}"));
            if (document.RootElement.TryGetProperty("policy", out JsonElement decided))
            {
                Actions.Add(decided.GetProperty("action").GetString()!);
                if (decided.TryGetProperty("place", out JsonElement place))
                {
                    Places.Add(place.GetString()!);
                }
            }
        }
    }
}
