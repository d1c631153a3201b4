using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy.Roles;
using BridgeGuard.Engine.Policy.Standing;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Testing.Packets;
using Xunit;

namespace BridgeGuard.Host.Tests.Policies;

/// <summary>Moved flows whose answers reach another worker than their client's packets: queues are chosen by addresses, and the target's are others than the server's.</summary>
public sealed class SplitMoveTests : IDisposable
{
    private const string Scanner = "10.0.0.1";
    private const string Victim = "10.0.0.2";
    private const string Trap = "10.0.0.99";
    private const int ServerPort = 80;

    private const string Rules = """
        alert http any any -> any any (msg:"asked"; flow:to_server; http.uri; content:"/attack"; sid:1;)
        alert tcp any any -> any any (msg:"answered"; flow:to_client,established; content:"secret"; sid:2;)
        """;

    // The victim may call nobody and five ports are a scan: taken for its own, the answers would break both at once.
    private static readonly string[] Roles =
    [
        "name: pc\n",
        "name: server\ncontract: {out: {default: reject}}\nbehaviour: {port-scan: {count: 5, seconds: 60, action: redirect, for-seconds: 600}}\n",
        "name: trap\nl2-guard: {mac-spoofing: drop, address-spoofing: drop, arp: drop}\n",
    ];

    private readonly PolicyWire _wire = new(Roles, Rules, $"targets:\n  - {{name: trap, address: {Trap}}}\n");

    public SplitMoveTests()
    {
        _wire.SetGuests(_wire.Guest("pc", "pc", 1, Scanner), _wire.Guest("server", "server", 2, Victim), _wire.Guest("trap", "trap", 3, Trap));
        _wire.AddWorker();

        // Its Ethernet address is learnt from any frame of its own, and workers tell one another.
        Assert.Equal(VerdictAction.Pass, FromTrap(FrameBuilder.Udp(Trap, 1, "10.0.0.77", 1, "x"u8), _wire.Second!).Action);
    }

    public void Dispose()
    {
        _wire.Second!.Dispose();
        _wire.Dispose();
    }

    [Fact]
    public void AScanGoesOnAtTheTargetAndItsAnswersAreNobodysScan()
    {
        for (ushort port = 1000; port < 1004; port++)
        {
            Assert.False(Ask(port, "S", 100, 0).Modified);
        }

        for (ushort port = 1004; port < 1064; port++)
        {
            Converse(port, (ushort)(40_000 + port));
        }

        Assert.Equal([30u, 36u], _wire.Alerts.Select(Sid).Where(s => s >= 20).Distinct()); // The scan, and what its source begins from then on.
        Assert.All(_wire.Alerts, a => Assert.Equal(Scanner, a.GetProperty(Sid(a) == 2 ? "dest_ip" : "src_ip").GetString()));
        Assert.Equal(60, _wire.Alerts.Count(a => Sid(a) == 1)); // Both halves are inspected.
        Assert.Equal(60, _wire.Alerts.Count(a => Sid(a) == 2));
        Assert.All(_wire.Alerts.Where(a => Sid(a) == 2), a => Assert.Equal(("pc", "server", "trap"), (Name(a, "vm"), Name(a, "peer_vm"), a.GetProperty("redirect").GetProperty("target").GetString())));
        Assert.Equal(0, _wire.Worker.Counters[Counter.IpsBlocked] + _wire.Second!.Counters[Counter.IpsBlocked]);

        _wire.Worker.Finish();
        _wire.Second.Finish();
        JsonElement[] flows = [.. _wire.Events.Where(e => e.GetProperty("event_type").GetString() == "flow" && e.GetProperty("proto").GetString() == "TCP" && e.GetProperty("dest_port").GetInt32() >= 1004)];
        Assert.Equal(120, flows.Length);
        Assert.All(flows, f => Assert.Equal((Scanner, Victim), (f.GetProperty("src_ip").GetString(), f.GetProperty("dest_ip").GetString())));
    }

    [Fact]
    public void AClosedPortOfTheTargetIsClosedForTheClient()
    {
        Move();
        Assert.True(Ask(ServerPort, "S", 100, 0).Modified);
        Verdict verdict = Answer(ServerPort, 0, "RA", ack: 101);
        Assert.Equal((VerdictAction.Pass, true), (verdict.Action, verdict.Modified));

        // And a client that gives up is heard.
        Assert.True(Ask(ServerPort, "S", 100, 0, from: 50_000).Modified);
        Assert.Equal(VerdictAction.Pass, Answer(ServerPort, 500, "SA", 101, to: 50_000).Action);
        verdict = Ask(ServerPort, "RA", 101, 501, from: 50_000);
        Assert.Equal((VerdictAction.Pass, true), (verdict.Action, verdict.Modified));
    }

    [Fact]
    public void AClientThatUsesItsPortAgainBeginsAnewWithBothWorkers()
    {
        Move();
        Converse(ServerPort, 40_000, 1000);
        Converse(ServerPort, 40_000, 9_000_000);
        Assert.Equal(2, _wire.Alerts.Count(a => Sid(a) == 1));
        Assert.Equal(2, _wire.Alerts.Count(a => Sid(a) == 2));
    }

    [Fact]
    public void ADatagramsAnswerIsNotTheServersCall()
    {
        Move();
        Assert.True(_wire.Send(1, 2, FrameBuilder.Udp(Scanner, 4000, Victim, 161, "get"u8)).Modified);
        byte[] answer = FrameBuilder.Udp(Trap, 161, Scanner, 4000, "value"u8);
        Verdict verdict = FromTrap(answer, _wire.Second!);
        Assert.Equal((VerdictAction.Pass, true), (verdict.Action, verdict.Modified));
        Assert.Equal([10, 0, 0, 2], answer[26..30]);
        Assert.DoesNotContain(_wire.Alerts, a => Sid(a) == 20);
    }

    [Fact]
    public void AConnectionMovedInItsMiddleGoesOnWithItsAnswersElsewhere()
    {
        _wire.Request(1, Scanner, 2, Victim, ServerPort, "GET /first HTTP/1.1\r\n");
        Move();
        byte[] rest = Encoding.ASCII.GetBytes("Host: x\r\n\r\n");
        uint next = 101 + (uint)"GET /first HTTP/1.1\r\n".Length;
        Assert.Equal(DropReason.Redirect, Ask(ServerPort, "PA", next, 501, rest).Reason);
        byte[] syn = _wire.Injected.First(f => f[47] == (byte)TcpFlags.Syn);
        uint begins = BinaryPrimitives.ReadUInt32BigEndian(syn.AsSpan(38)) + 1;

        // The target's handshake is the other worker's, and is completed by it.
        Assert.Equal(DropReason.Redirect, Answer(ServerPort, 7000, "SA", begins).Reason);
        uint heard = next + (uint)rest.Length;
        for (uint i = 0; i < 20; i++)
        {
            Verdict verdict = Answer(ServerPort, 7001 + (i * 100), "PA", heard, new byte[100]);
            Assert.Equal((VerdictAction.Pass, true), (verdict.Action, verdict.Modified));

            // What the client acknowledges was never seen by its worker.
            verdict = Ask(ServerPort, "A", heard, 501 + ((i + 1) * 100));
            Assert.Equal((VerdictAction.Pass, true), (verdict.Action, verdict.Modified));
        }
    }

    /// <summary>Scanners ask every host from one port; at the target those are connections of ports of their own, and each answer is its server's.</summary>
    [Fact]
    public void AClientThatAsksManyServersFromOnePortHasAConnectionOfItsOwnForEach()
    {
        Move();
        Dictionary<int, string> servers = [];
        for (int i = 2; i < 42; i++)
        {
            byte[] frame = FrameBuilder.Tcp(Scanner, 40_000, $"10.0.0.{i}", ServerPort, 100, 0, "S", default);
            Assert.True(_wire.Send(1, i == 2 ? 2 : 0, frame).Modified);
            Assert.Equal([10, 0, 0, 99], frame[30..34]);
            Assert.True(servers.TryAdd(BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(34)), $"10.0.0.{i}"), "two connections of one port");
        }

        Assert.Equal(Victim, servers[40_000]);
        foreach ((int port, string server) in servers)
        {
            byte[] answer = FrameBuilder.Tcp(Trap, ServerPort, Scanner, (ushort)port, 500, 101, "SA", default);
            Verdict verdict = FromTrap(answer, _wire.Second!);
            Assert.Equal((VerdictAction.Pass, true), (verdict.Action, verdict.Modified));
            Assert.Equal((server, 40_000), ($"10.0.0.{answer[29]}", BinaryPrimitives.ReadUInt16BigEndian(answer.AsSpan(36))));
            byte[] third = FrameBuilder.Tcp(Scanner, 40_000, server, ServerPort, 101, 501, "A", default);
            Assert.True(_wire.Send(1, server == Victim ? 2 : 0, third).Modified);
            Assert.Equal(port, BinaryPrimitives.ReadUInt16BigEndian(third.AsSpan(34)));
            var read = PacketDotNet.Packet.ParsePacket(PacketDotNet.LinkLayers.Ethernet, third).Extract<PacketDotNet.TcpPacket>();
            Assert.True(read.ValidTcpChecksum);
        }
    }

    /// <summary>The same for connections that are moved in their middle: opened anew with the port at the target, reset with the own one.</summary>
    [Fact]
    public void ConnectionsOfOnePortMovedInTheirMiddleAreOpenedFromPortsOfTheirOwn()
    {
        string[] servers = [Victim, "10.0.0.3"];
        foreach (string server in servers)
        {
            _wire.Request(1, Scanner, server == Victim ? 2 : 0, server, ServerPort, "GET /first HTTP/1.1\r\n");
        }

        Move();
        uint next = 101 + (uint)"GET /first HTTP/1.1\r\n".Length;
        List<int> ports = [];
        foreach (string server in servers)
        {
            _wire.Injected.Clear();
            _wire.Send(1, server == Victim ? 2 : 0, FrameBuilder.Tcp(Scanner, 40_000, server, ServerPort, next, 501, "PA", "Host: x\r\n\r\n"u8.ToArray()));
            byte[] syn = _wire.Injected.First(f => f[47] == (byte)TcpFlags.Syn);
            byte[] reset = _wire.Injected.First(f => (f[47] & (byte)TcpFlags.Rst) != 0);
            ports.Add(BinaryPrimitives.ReadUInt16BigEndian(syn.AsSpan(34)));
            Assert.Equal((99, 40_000, server), (syn[33], BinaryPrimitives.ReadUInt16BigEndian(reset.AsSpan(34)), $"10.0.0.{reset[33]}"));
        }

        Assert.Equal(40_000, ports[0]);
        Assert.NotEqual(40_000, ports[1]);
    }

    /// <summary>All that the scanner begins goes to the target.</summary>
    private void Move()
    {
        _wire.SetActions(new StandingAction { Id = 1, Peer = PolicyWire.Address(Scanner), Action = RoleAction.Redirect, Target = 0 });
        _wire.Second!.Program = _wire.Worker.Program;
    }

    /// <summary>A whole connection to the target: opened, asked, answered, closed by both.</summary>
    private void Converse(ushort port, ushort from, uint start = 100)
    {
        byte[] request = Encoding.ASCII.GetBytes("GET /attack HTTP/1.1\r\nHost: x\r\n\r\n");
        byte[] reply = Encoding.ASCII.GetBytes("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret");
        uint asked = start + 1 + (uint)request.Length;
        uint answered = (start * 5) + 1 + (uint)reply.Length;
        Verdict[] verdicts =
        [
            Ask(port, "S", start, 0, from: from),
            Answer(port, start * 5, "SA", start + 1, to: from),
            Ask(port, "A", start + 1, (start * 5) + 1, from: from),
            Ask(port, "PA", start + 1, (start * 5) + 1, request, from),
            Answer(port, (start * 5) + 1, "A", asked, to: from),
            Answer(port, (start * 5) + 1, "PA", asked, reply, from),
            Ask(port, "A", asked, answered, from: from),
            Ask(port, "FA", asked, answered, from: from),
            Answer(port, answered, "FA", asked + 1, to: from),
            Ask(port, "A", asked + 1, answered + 1, from: from),
        ];
        Assert.All(verdicts, v => Assert.Equal((VerdictAction.Pass, true), (v.Action, v.Modified)));
    }

    private Verdict Ask(ushort port, string flags, uint sequence, uint ack, byte[]? payload = null, ushort from = 40_000) =>
        _wire.Send(1, 2, FrameBuilder.Tcp(Scanner, from, Victim, port, sequence, ack, flags, payload));

    private Verdict Answer(ushort port, uint sequence, string flags, uint ack, byte[]? payload = null, ushort to = 40_000)
    {
        byte[] frame = FrameBuilder.Tcp(Trap, port, Scanner, to, sequence, ack, flags, payload);
        Verdict verdict = FromTrap(frame, _wire.Second!);
        Assert.True(!verdict.Modified || frame.AsSpan(26, 4).SequenceEqual((ReadOnlySpan<byte>)[10, 0, 0, 2]));
        return verdict;
    }

    private Verdict FromTrap(byte[] frame, PacketWorker worker) => _wire.Send(3, 1, frame, worker: worker);

    private static uint Sid(JsonElement record) => record.GetProperty("alert").GetProperty("signature_id").GetUInt32();

    private static string Name(JsonElement record, string end) => record.GetProperty(end).GetProperty("name").GetString()!;
}
