using System.Text;
using System.Text.Json;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy.Guests;
using BridgeGuard.Engine.Policy.Roles;
using BridgeGuard.Engine.Policy.Standing;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Testing.Packets;
using Xunit;

namespace BridgeGuard.Host.Tests.Policies;

/// <summary>Guests, roles and actions in the engine: who is named, whose verdict wins, what becomes of flows.</summary>
public sealed class GuestPolicyTests
{
    private const string Attack = "alert http any any -> any any (msg:\"attack\"; flow:to_server; http.uri; content:\"/attack\"; classtype:web-application-attack; sid:1;)";

    [Fact]
    public void TwoGuestsThatSwapAddressesKeepTheirNamesInEveryEvent()
    {
        using PolicyWire wire = new(["name: a\n", "name: b\n"], "alert tcp any any -> any any (msg:\"any\"; content:\"GET\"; sid:1;)");
        wire.SetGuests(wire.Guest("alice", "a", 1), wire.Guest("bob", "b", 2));

        wire.Request(1, "10.0.0.1", 2, "10.0.0.2", 80, PolicyWire.Get("/"));
        wire.Request(1, "10.0.0.2", 2, "10.0.0.1", 80, PolicyWire.Get("/"));
        wire.Worker.Finish();

        Assert.Equal(2, wire.Alerts.Count());
        Assert.All(wire.Events, e =>
        {
            Assert.Equal("alice", e.GetProperty("vm").GetProperty("name").GetString());
            Assert.Equal("a", e.GetProperty("vm").GetProperty("role").GetString());
            Assert.Equal("bob", e.GetProperty("peer_vm").GetProperty("name").GetString());
        });
    }

    /// <summary>The shipped desktop's contract: an administrator's access is none of its events, a proxy that it begins to serve is.</summary>
    [Fact]
    public void ADesktopThatBeginsToServeAProxyIsTold()
    {
        using PolicyWire wire = new([File.ReadAllText(Path.Combine(ShippedRoles.RoleFolder, "desktop.yaml"))], Attack, "targets:\n  - {name: honeypot, address: 10.0.0.99}\n");
        wire.SetGuests(wire.Guest("pc", "desktop", 1, "10.0.0.1"));

        wire.Request(0, "10.0.0.9", 1, "10.0.0.1", 3389, "connect", sourcePort: 40_001);
        Assert.Empty(wire.Alerts);
        wire.Request(0, "10.0.0.9", 1, "10.0.0.1", 3128, "CONNECT a:443 HTTP/1.1\r\n\r\n", sourcePort: 40_002);

        JsonElement told = Assert.Single(wire.Alerts);
        Assert.Equal((3128, "pc"), (told.GetProperty("dest_port").GetInt32(), told.GetProperty("peer_vm").GetProperty("name").GetString()));
        Assert.Equal("allowed", told.GetProperty("alert").GetProperty("action").GetString());
    }

    [Theory]
    [InlineData("drop", "reject", VerdictAction.Drop, RejectTarget.None)]
    [InlineData("reject", "alert", VerdictAction.Drop, RejectTarget.Both)]
    [InlineData("alert", "off", VerdictAction.Pass, RejectTarget.None)]
    public void TheStricterRoleWinsWhicheverEndHasIt(string strict, string mild, VerdictAction action, RejectTarget reject)
    {
        string Role(string name, string what) => $"name: {name}\nrules:\n  - {{classtype: web-application-attack, action: {what}}}\n";
        foreach (bool clientIsStrict in (bool[])[true, false])
        {
            using PolicyWire wire = new([Role("strict", strict), Role("mild", mild)], Attack);
            wire.SetGuests(wire.Guest("c", clientIsStrict ? "strict" : "mild", 1), wire.Guest("s", clientIsStrict ? "mild" : "strict", 2));

            Verdict verdict = wire.Request(1, "10.0.0.1", 2, "10.0.0.2", 80, PolicyWire.Get("/attack"));

            Assert.Equal(action, verdict.Action);
            Assert.Equal(reject, verdict.Reject);
            JsonElement alert = Assert.Single(wire.Alerts);
            Assert.Equal("strict", alert.GetProperty("policy").GetProperty("role").GetString());
            Assert.Contains("role0.yaml:3:", alert.GetProperty("policy").GetProperty("place").GetString());
        }
    }

    [Theory]
    [InlineData("vm.role:desktop;", true)]
    [InlineData("vm.role:!desktop;", false)]
    [InlineData("peer.role:web;", true)]
    [InlineData("peer.role:desktop;", false)]
    [InlineData("vm.tag:Prod;", true)]
    [InlineData("vm.tag:!prod;", false)]
    [InlineData("peer.tag:prod;", false)]
    public void RulesMatchOnRolesAndTags(string keyword, bool matches)
    {
        using PolicyWire wire = new(["name: desktop\n", "name: web\n"], $"alert tcp any any -> any any (msg:\"x\"; flow:to_server; content:\"GET\"; {keyword} sid:1;)");
        GuestModel desktop = new() { Name = "d", Role = (byte)wire.Policy.FindRole("desktop"), Macs = [PolicyWire.Mac(1)], Tags = ["prod"] };
        wire.SetGuests(desktop, wire.Guest("w", "web", 2));

        wire.Request(1, "10.0.0.1", 2, "10.0.0.2", 80, PolicyWire.Get("/"));

        Assert.Equal(matches, wire.Alerts.Any());
    }

    [Fact]
    public void HomeIsTheGuestItselfAndANeighbourIsOutside()
    {
        const string rules = "alert tcp $EXTERNAL_NET any -> $HOME_NET any (msg:\"inwards\"; flow:to_server; content:\"GET\"; sid:1;)\n"
            + "alert tcp $EXTERNAL_NET any -> $HTTP_SERVERS any (msg:\"to web\"; flow:to_server; content:\"GET\"; sid:2;)\n"
            + "alert tcp $HOME_NET any -> $EXTERNAL_NET any (msg:\"outwards\"; flow:to_server; content:\"GET\"; sid:3;)";
        foreach ((string home, int[] sids) in new[] { ("guest", new[] { 1, 3 }), ("configured", Array.Empty<int>()) })
        {
            using PolicyWire wire = new([$"name: a\nhome: {home}\n" + (home == "guest" ? "server-groups: [SQL_SERVERS]\n" : "")], rules);
            wire.SetGuests(wire.Guest("x", "a", 1), wire.Guest("y", "a", 2));

            wire.Request(1, "10.0.0.1", 2, "10.0.0.2", 80, PolicyWire.Get("/"));

            Assert.Equal(sids, wire.Alerts.Select(a => a.GetProperty("alert").GetProperty("signature_id").GetInt32()).Order());
        }
    }

    [Theory]
    [InlineData("first", 1)]
    [InlineData("last", 2)]
    public void TheRoleSaysHowItsGuestsSystemRebuildsOverlaps(string system, int sid)
    {
        const string rules = "alert tcp any any -> any any (msg:\"old\"; content:\"1234old!\"; sid:1;)\nalert tcp any any -> any any (msg:\"new\"; content:\"1234new!\"; sid:2;)";
        using PolicyWire wire = new([$"name: a\nhost-os: {system}\n"], rules, isInline: false);
        wire.SetGuests(wire.Guest("s", "a", 1));
        void FromClient(uint sequence, string flags, string data, uint acknowledgement = 501) =>
            wire.Send(0, 1, FrameBuilder.Tcp("198.51.100.9", 40_000, "10.0.0.1", 80, sequence, acknowledgement, flags, Encoding.ASCII.GetBytes(data)));
        void FromServer(uint sequence, uint acknowledgement, string flags) =>
            wire.Send(1, 0, FrameBuilder.Tcp("10.0.0.1", 80, "198.51.100.9", 40_000, sequence, acknowledgement, flags, default));

        FromClient(100, "S", "", 0);
        FromServer(500, 101, "SA");
        FromClient(101, "A", "");
        FromClient(105, "PA", "old!");
        FromClient(105, "PA", "new!");
        FromClient(101, "PA", "1234");
        FromServer(501, 109, "A");
        wire.Worker.Finish();

        Assert.Equal([sid], wire.Alerts.Select(a => a.GetProperty("alert").GetProperty("signature_id").GetInt32()).Distinct());
    }

    [Fact]
    public void QuarantineCutsWhatIsOpenAndLetsItGoOnAfterwards()
    {
        using PolicyWire wire = new(["name: free\n", "name: quarantine\ncontract: {out: {services: [{protocol: udp, ports: [53]}], default: drop}, in: {default: drop}}\n"], Attack);
        GuestModel guest = wire.Guest("g", "free", 1);
        wire.SetGuests(guest);
        Assert.Equal(VerdictAction.Pass, wire.Request(1, "10.0.0.1", 0, "198.51.100.1", 22, "SSH-2.0-x\r\n").Action);
        byte[] Data() => FrameBuilder.Tcp("10.0.0.1", 40_000, "198.51.100.1", 22, 112, 501, "PA", "more"u8);

        wire.SetGuests(new GuestModel { Name = "g", Role = (byte)wire.Policy.FindRole("quarantine"), Macs = guest.Macs, IsQuarantined = true });
        Verdict verdict = wire.Send(1, 0, Data());
        Assert.Equal((VerdictAction.Drop, DropReason.Quarantine), (verdict.Action, verdict.Reason));
        Assert.Equal(VerdictAction.Pass, wire.Send(1, 0, FrameBuilder.Udp("10.0.0.1", 5000, "198.51.100.2", 53, "query"u8)).Action);
        Assert.Equal(22, wire.Alerts.Last().GetProperty("alert").GetProperty("signature_id").GetInt32());

        wire.SetGuests(guest);
        Assert.Equal(VerdictAction.Pass, wire.Send(1, 0, Data()).Action);
    }

    [Fact]
    public void QuarantineWithoutARoleForItLeavesNothingOpen()
    {
        using PolicyWire wire = new(["name: free\n"], Attack);
        wire.SetGuests(new GuestModel { Name = "g", Role = 1, Macs = [PolicyWire.Mac(1)], IsQuarantined = true });

        Assert.Equal(DropReason.Quarantine, wire.Send(1, 0, FrameBuilder.Udp("10.0.0.1", 5000, "198.51.100.2", 53, "query"u8)).Reason);
    }

    [Fact]
    public void ABlockedPeerIsBlockedForItsTime()
    {
        using PolicyWire wire = new(["name: a\n"], Attack);
        wire.SetGuests(wire.Guest("g", "a", 1));
        wire.SetActions(new StandingAction { Id = 1, Peer = PolicyWire.Address("203.0.113.9"), Action = RoleAction.Drop, ExpiresUs = wire.NowUs + 1_000_000 });

        Assert.Equal(DropReason.Blocked, wire.Send(0, 1, FrameBuilder.Udp("203.0.113.9", 1, "10.0.0.1", 2, "x"u8)).Reason);
        Assert.Equal(VerdictAction.Pass, wire.Send(0, 1, FrameBuilder.Udp("203.0.113.8", 1, "10.0.0.1", 2, "x"u8)).Action);
        Assert.Equal(VerdictAction.Pass, wire.Send(0, 1, FrameBuilder.Udp("203.0.113.9", 3, "10.0.0.1", 2, "x"u8), afterUs: 2_000_000).Action);
    }

    [Fact]
    public void ALimitedGuestGetsItsRateAndNotMore()
    {
        using PolicyWire wire = new(["name: a\n"], Attack);
        wire.SetGuests(wire.Guest("g", "a", 1));
        wire.SetActions(new StandingAction { Id = 1, Guest = 1, Action = RoleAction.RateLimit, Rate = new RateLimitModel(100, 0, RateLimitBy.Guest) });

        int passed = 0;
        for (int i = 0; i < 2000; i++)
        {
            passed += wire.Send(1, 0, FrameBuilder.Udp("10.0.0.1", (ushort)(1000 + (i % 5)), "198.51.100.2", 9, "x"u8), afterUs: 1000).Action == VerdictAction.Pass ? 1 : 0;
        }

        // Two seconds at a hundred packets each, and what may come at once.
        Assert.InRange(passed, 190, 215);
    }

    [Theory]
    [InlineData("10.0.0.1", "198.51.100.1")]
    [InlineData("2001:db8::1", "2001:db8:5::80")]
    public void ARequestIsAnsweredWithAPageAndTheServerIsLetGo(string client, string server)
    {
        using PolicyWire wire = new(["name: a\nrules:\n  - {classtype: web-application-attack, action: block-page}\n"], Attack);
        wire.SetGuests(wire.Guest("g", "a", 1));

        Verdict verdict = wire.Request(1, client, 0, server, 80, PolicyWire.Get("/attack<script>"));

        Assert.Equal((VerdictAction.Drop, DropReason.BlockPage), (verdict.Action, verdict.Reason));
        Assert.Equal(2, wire.Injected.Count);
        string page = Encoding.ASCII.GetString(wire.Injected[0]);
        Assert.Contains("HTTP/1.1 403 Forbidden", page);
        Assert.Contains("Reason: attack</p>", page);
        int length = int.Parse(page.Split("Content-Length: ")[1].Split("\r\n")[0], System.Globalization.CultureInfo.InvariantCulture);
        Assert.Equal(length, page.Split("\r\n\r\n")[1].Length);
        Assert.True(Decode(wire.Injected[1]).IsTcp);
        Assert.True(Decode(wire.Injected[1]).Tcp.Has(TcpFlags.Rst));
        Assert.Equal(PolicyWire.Address(server), Decode(wire.Injected[1]).DestinationAddress);
        Assert.Equal((PolicyWire.Address(server), PolicyWire.Address(client)), (Decode(wire.Injected[0]).SourceAddress, Decode(wire.Injected[0]).DestinationAddress));
        Assert.All(wire.Injected, frame => Assert.Equal(0, TransportSum(Decode(frame))));
        Assert.Equal("blocked", Assert.Single(wire.Alerts).GetProperty("alert").GetProperty("action").GetString());
    }

    [Theory]
    [InlineData("203.0.113.9", "10.0.0.1")]
    [InlineData("2001:db8::9", "2001:db8::1")]
    public void ATarpitHoldsAConnectionWithAClosedWindow(string peer, string server)
    {
        using PolicyWire wire = new(["name: a\n"], Attack);
        wire.SetGuests(wire.Guest("g", "a", 1));
        wire.SetActions(new StandingAction { Id = 1, Peer = PolicyWire.Address(peer), Action = RoleAction.Tarpit });

        Assert.Equal(DropReason.Tarpit, wire.Send(0, 1, FrameBuilder.Tcp(peer, 1000, server, 25, 100, 0, "S", default)).Reason);
        Packet opening = Decode(wire.Injected[^1]);
        Assert.True(opening.Tcp.Has(TcpFlags.Syn | TcpFlags.Ack));
        Assert.Equal(101u, opening.Tcp.Acknowledgement);
        wire.Send(0, 1, FrameBuilder.Tcp(peer, 1000, server, 25, 101, opening.Tcp.Sequence + 1, "PA", "EHLO"u8));
        Packet answer = Decode(wire.Injected[^1]);

        Assert.Equal(0, answer.Tcp.Window);
        Assert.Equal(101u, answer.Tcp.Acknowledgement);
        Assert.Equal(opening.Tcp.Sequence + 1, answer.Tcp.Sequence);
    }

    [Fact]
    public void ASourceFoundScanningIsMovedToTheHoneypotHalfWay()
    {
        using PolicyWire wire = new(
            ["name: a\nbehaviour: {port-scan: {count: 10, seconds: 60, action: redirect, for-seconds: 60}}\n"], Attack, "targets:\n  - {name: pot, address: 10.0.0.99, mac: \"02:00:00:00:00:77\"}\n");
        wire.SetGuests(wire.Guest("g", "a", 1));

        var moved = new List<bool>();
        for (int i = 0; i < 40; i++)
        {
            byte[] syn = FrameBuilder.Tcp("203.0.113.9", (ushort)(2000 + i), "10.0.0.1", (ushort)(20 + i), 1, 0, "S", default);
            moved.Add(wire.Send(0, 1, syn).Modified && syn[5] == 0x77);
        }

        int first = moved.IndexOf(true);
        Assert.InRange(first, 8, 12);
        Assert.All(moved.Skip(first), Assert.True);
        Assert.Equal(VerdictAction.Pass, wire.Send(0, 1, FrameBuilder.Tcp("203.0.113.8", 5, "10.0.0.1", 22, 1, 0, "S", default)).Action);
        Assert.Equal("pot", wire.Alerts.Last(a => a.TryGetProperty("redirect", out _)).GetProperty("redirect").GetProperty("target").GetString());
    }

    [Fact]
    public void AGuestTeachesItsAddressesOnceAndLiesTeachNothing()
    {
        using PolicyWire wire = new(["name: a\nl2-guard: {arp: drop}\n"], Attack);
        wire.SetGuests(wire.Guest("x", "a", 1), wire.Guest("y", "a", 2, "10.0.0.2"));

        Assert.Equal(VerdictAction.Pass, wire.SendAsIs(1, Arp(1, "10.0.0.1")).Action);
        wire.SendAsIs(1, Arp(1, "10.0.0.1"));
        Assert.Equal(DropReason.LinkGuard, wire.SendAsIs(1, Arp(1, "10.0.0.2")).Reason);

        JsonElement seen = Assert.Single(wire.Events, e => e.GetProperty("event_type").GetString() == "guard");
        Assert.Equal("10.0.0.1", seen.GetProperty("guard").GetProperty("address").GetString());
        Assert.Equal(1, seen.GetProperty("guard").GetProperty("guest").GetInt32());
        JsonElement alert = Assert.Single(wire.Alerts);
        Assert.Equal("x", alert.GetProperty("vm").GetProperty("name").GetString());
        Assert.Equal(12, alert.GetProperty("alert").GetProperty("signature_id").GetInt32());
    }

    [Fact]
    public void AHostThatLiesWithoutEndIsToldOfOnceASecond()
    {
        using PolicyWire wire = new(["name: a\nl2-guard: {mac-spoofing: drop}\n"], Attack);
        wire.SetGuests(wire.Guest("x", "a", 5));
        for (int i = 0; i < 3000; i++)
        {
            byte[] frame = FrameBuilder.Udp("10.0.0.1", 1, "10.0.0.2", 2, "x"u8);
            Assert.Equal(DropReason.LinkGuard, wire.SendAsIs(1, frame, afterUs: 1000).Reason);
        }

        Assert.InRange(wire.Alerts.Count(), 3, 4);
    }

    [Fact]
    public void WhoWasHonestIsBelievedOnlyForTheSameAddressesOnTheSamePort()
    {
        using PolicyWire wire = new(["name: a\nl2-guard: {mac-spoofing: drop, address-spoofing: drop, dhcp-server: drop}\n"], Attack);
        wire.SetGuests(wire.Guest("x", "a", 1, "10.0.0.1", "fd00::1"), wire.Guest("y", "a", 2, "10.0.0.2", "fd00::2"));
        DropReason As(int number, string source, int port = 1)
        {
            byte[] frame = FrameBuilder.Tcp(source, 5000, source.Contains(':', StringComparison.Ordinal) ? "fd00::9" : "10.0.0.9", 9, 1, 0, "S", default);
            frame[11] = (byte)number;
            frame[6] = 2;
            frame.AsSpan(7, 4).Clear();
            return wire.SendAsIs(port, frame).Reason;
        }

        for (int round = 0; round < 3; round++)
        {
            Assert.Equal(DropReason.NotDropped, As(1, "10.0.0.1"));
            Assert.Equal(DropReason.NotDropped, As(1, "fd00::1"));
            Assert.Equal(DropReason.LinkGuard, As(1, "10.0.0.2"));
            Assert.Equal(DropReason.LinkGuard, As(1, "fd00::2"));
            Assert.Equal(DropReason.LinkGuard, As(2, "10.0.0.1"));
            Assert.Equal(DropReason.NotDropped, As(1, "10.0.0.1"));

            // What only a server says is looked at each time.
            byte[] Offer(ushort from)
            {
                byte[] frame = FrameBuilder.Udp("10.0.0.1", from, "10.0.0.9", 68, [2, 1, 6, 0]);
                (frame[6], frame[11]) = (2, 1);
                frame.AsSpan(7, 4).Clear();
                return frame;
            }

            Assert.Equal(VerdictAction.Pass, wire.SendAsIs(1, Offer(66)).Action);
            Assert.Equal(DropReason.LinkGuard, wire.SendAsIs(1, Offer(67)).Reason);
        }

        // Another is behind the port, and the worker has not heard of other guests.
        wire.SetPorts(0, 2, 1);
        Assert.Equal(DropReason.LinkGuard, As(1, "10.0.0.1"));
        Assert.Equal(DropReason.NotDropped, As(2, "10.0.0.2"));

        // The same port, but the address is another's now.
        wire.SetGuests(wire.Guest("x", "a", 1, "10.0.0.1"), wire.Guest("y", "a", 2, "10.0.0.2"));
        Assert.Equal(DropReason.NotDropped, As(1, "10.0.0.1"));
        wire.SetGuests(wire.Guest("x", "a", 1, "10.0.0.7"), wire.Guest("y", "a", 2, "10.0.0.1"));
        Assert.Equal(DropReason.LinkGuard, As(1, "10.0.0.1"));
    }

    [Fact]
    public void ADhcp6ReplySaysWhoHasWhichAddress()
    {
        using PolicyWire wire = new(["name: a\n"], Attack);
        wire.SetGuests(wire.Guest("x", "a", 1), wire.Guest("y", "a", 2));
        byte[] reply = Dhcp6(7, valid: 200);
        wire.Send(0, 1, FrameBuilder.Udp("fe80::99", 547, "fe80::1", 546, reply));
        wire.Send(0, 1, FrameBuilder.Udp("fe80::99", 547, "fe80::1", 546, reply)); // Told once.
        wire.Send(0, 2, FrameBuilder.Udp("fe80::99", 547, "fe80::1", 546, Dhcp6(2, valid: 200))); // Only offered.
        wire.Send(0, 2, FrameBuilder.Udp("fe80::99", 547, "fe80::1", 546, Dhcp6(7, valid: 0))); // Taken back.
        for (int length = 0; length < reply.Length; length++)
        {
            // Cut short: an address that is not whole is none.
            wire.Send(0, 2, FrameBuilder.Udp("fe80::99", 547, "fe80::1", 546, reply.AsSpan(0, length)));
        }

        JsonElement seen = Assert.Single(wire.Events, e => e.GetProperty("event_type").GetString() == "guard");
        Assert.Equal(PolicyWire.Address("2001:db8::77"), PolicyWire.Address(seen.GetProperty("guard").GetProperty("address").GetString()!));
        Assert.Equal(1, seen.GetProperty("guard").GetProperty("guest").GetInt32());
    }

    /// <summary>RFC 8415: a client identifier (DUID-LL), an association with one address.</summary>
    private static byte[] Dhcp6(byte type, byte valid) =>
    [
        type, 1, 2, 3,
        0, 1, 0, 10, 0, 3, 0, 1, 2, 0, 0, 0, 0, 1,
        0, 3, 0, 40, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 5, 0, 24, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x77, 0, 0, 0, valid, 0, 0, 0, valid,
    ];

    private static int TransportSum(Packet packet)
    {
        // Over the pseudo-header and the segment with its checksum: all ones when it is right (RFC 1071).
        byte[] addresses = new byte[32];
        int size = packet.IpVersion == 4 ? 4 : 16;
        packet.SourceAddress.Write(addresses, packet.IpVersion == 4);
        packet.DestinationAddress.Write(addresses.AsSpan(size), packet.IpVersion == 4);
        byte[] all = [.. addresses[..(2 * size)], 0, 6, .. packet.TransportBytes, .. packet.TransportBytes.Length % 2 == 1 ? [(byte)0] : Array.Empty<byte>()];
        long sum = packet.TransportBytes.Length;
        for (int i = 0; i < all.Length; i += 2)
        {
            sum += (all[i] << 8) | all[i + 1];
        }

        while (sum >> 16 != 0)
        {
            sum = (sum & 0xffff) + (sum >> 16);
        }

        return (int)(~sum & 0xffff);
    }

    private static Packet Decode(byte[] frame)
    {
        Packet packet = new();
        packet.Reset(frame, 0, frame.Length, new FrameInfo { LinkType = LinkType.Ethernet });
        new PacketDecoder(new BridgeGuard.Engine.Settings.DecoderSettings()).Decode(packet, new PacketQueue());
        return packet;
    }

    private static byte[] Arp(int from, string claims)
    {
        byte[] frame = new byte[42];
        frame.AsSpan(0, 6).Fill(0xff);
        for (int i = 0; i < 6; i++)
        {
            frame[6 + i] = frame[22 + i] = (byte)(PolicyWire.Mac(from) >> (40 - (8 * i)));
        }

        ((ReadOnlySpan<byte>)[8, 6, 0, 1, 8, 0, 6, 4, 0, 2]).CopyTo(frame.AsSpan(12));
        PolicyWire.Address(claims).Write(frame.AsSpan(28), asV4: true);
        return frame;
    }
}
