using System.Net.Sockets;
using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Daemon.Plane;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Host.Tests.Attachments.Bridge;
using BridgeGuard.Host.Tests.Policies;
using Xunit;

namespace BridgeGuard.Host.Tests.Guests;

/// <summary>What is decided about whole hosts and guests is done by the kernel: its counters say so, and the engine does not see the frames.</summary>
public sealed class KernelPolicyTests
{
    private const string Rule = "alert udp any any -> any 7777 (msg:\"seen\"; content:\"numbered\"; sid:1;)";
    private const int Burst = 100;

    /// <summary>ARP, neighbour discovery and the like come to the engine all the while.</summary>
    private const int Noise = 20;

    [Fact]
    public void AQuarantinedGuestsTrafficEndsInTheKernelButForTheWayToBeRepaired()
    {
        using GuestLab lab = new(["default", "default"], Rule);
        (LabGuest guest, LabGuest other) = (lab.Guests[0], lab.Guests[1]);
        using Socket receiver = Receiver(other);
        Assert.Equal(Burst, Send(guest, other, receiver));
        Assert.Equal(0, lab.Program($"action do quarantine {guest.Name} -c {lab.Daemon.ConfigFile}").Code);

        PortCounters before = Counters(lab, guest);
        Assert.Equal(0, Send(guest, other, receiver));
        PortCounters after = Counters(lab, guest);
        Assert.InRange(after.Blocked.Frames - before.Blocked.Frames, Burst, Burst + Noise);
        Assert.InRange(after.Punted.Frames - before.Punted.Frames, 0, Noise);

        // The other direction: counted where the frames come in.
        using Socket own = Receiver(guest);
        before = Counters(lab, other);
        Assert.Equal(0, Send(other, guest, own));
        Assert.True(Counters(lab, other).Blocked.Frames - before.Blocked.Frames >= Burst);

        using Socket resolver = Receiver(other, 53);
        Assert.True(BridgeLab.Until(() => Send(guest, other, resolver, 53, count: 1) > 0), "a name is not resolved");

        Assert.Equal(0, lab.Program($"action undo 1 -c {lab.Daemon.ConfigFile}").Code);
        Assert.True(BridgeLab.Until(() => Send(guest, other, receiver, count: 1) == 1), "it is not let out");
    }

    [Fact]
    public void BlocksOutliveBothProcessesAndEndAtTheirTime()
    {
        using GuestLab lab = new(["default", "default", "default"], Rule);
        (LabGuest guest, LabGuest other, LabGuest third) = (lab.Guests[0], lab.Guests[1], lab.Guests[2]);
        using Socket receiver = Receiver(other);
        Assert.Equal(0, lab.Program($"action do block {guest.Name} -c {lab.Daemon.ConfigFile}").Code);
        AssertBlocked(lab, guest, other, receiver);

        int seen = lab.Daemon.LogCount("data plane in process");
        lab.Daemon.SignalPlane("KILL");
        Assert.True(lab.Daemon.WaitForLog("data plane in process", seen + 1), lab.Daemon.LogText);
        Assert.True(BridgeLab.Until(() => Counters(lab, guest).Blocked.Frames > 0 || Send(guest, other, receiver, count: 1) < 0), "the new data plane does not block");
        AssertBlocked(lab, guest, other, receiver);

        // While nobody but the data plane is there, and when the daemon comes back, not one frame gets through.
        lab.Daemon.KillDaemon();
        AssertBlocked(lab, guest, other, receiver);
        using (Timer steady = new(_ => Send(guest, other, null, count: 1), null, 0, 5))
        {
            lab.Daemon.StartAgain();
        }

        AssertBlocked(lab, guest, other, receiver);

        // A block with a time needs nobody to end it.
        Assert.Equal(0, lab.Program($"action do block {third.Address} --for 8 -c {lab.Daemon.ConfigFile}").Code);
        lab.Daemon.KillDaemon();
        Assert.Equal(0, Send(third, other, receiver));
        Assert.True(BridgeLab.Until(() => Send(third, other, receiver, count: 1) == 1, 20_000), "it does not end by itself");
    }

    [Fact]
    public void WhatIsOverARateLimitDoesNotReachTheEngine()
    {
        using GuestLab lab = new(["default", "default"], Rule);
        (LabGuest guest, LabGuest other) = (lab.Guests[0], lab.Guests[1]);
        using Socket receiver = Receiver(other);
        Assert.Equal(0, lab.Program($"action do rate-limit {guest.Name} -c {lab.Daemon.ConfigFile}").Code);

        // Fifty packets a second are what a role allows that says nothing else.
        PortCounters before = Counters(lab, guest);
        int arrived = Send(guest, other, receiver, count: 1000);
        PortCounters after = Counters(lab, guest);
        long limited = after.Limited.Frames - before.Limited.Frames;
        Assert.InRange(limited, 500, 1000);
        Assert.InRange(after.Punted.Frames - before.Punted.Frames, 1, 1000 - limited + Noise);
        Assert.InRange(arrived, 1, 1000 - limited);

        Assert.Equal(0, lab.Program($"action undo 1 -c {lab.Daemon.ConfigFile}").Code);
        Assert.Equal(Burst, Send(guest, other, receiver));
    }

    [Fact]
    public void TheShippedQuarantineIsOneThatTheKernelCanHold()
    {
        PolicyModel policy = ShippedRoles.Load()!;
        Assert.Equal(
            [(1, 0), (17, 53), (17, 67), (17, 547), (58, 0)],
            KernelPolicy.RemediesOf(policy.Roles[policy.FindRole("quarantine")])!.Select(r => ((int)r.Protocol, (int)r.Port)).Order());
        Assert.Null(KernelPolicy.RemediesOf(policy.Roles[policy.FindRole("default")]));
        Assert.Null(KernelPolicy.RemediesOf(policy.Roles[policy.FindRole("kubernetes-node")]));
    }

    [Fact]
    public void AFloodUnderAnothersAddressEndsInTheKernelAfterItWasToldOf()
    {
        using GuestLab lab = new(["database", "default"], Rule);
        (LabGuest liar, LabGuest other) = (lab.Guests[0], lab.Guests[1]);
        byte[] lie = FrameBuilder.Udp(liar.Address, other.Address, 4000, 53, "numbered", "02:77:00:00:99:99", other.Mac);
        byte[] truth = FrameBuilder.Udp(liar.Address, other.Address, 4000, 53, "numbered", liar.Mac, other.Mac);
        Assert.True(BridgeLab.Until(() =>
        {
            SendRaw(liar, lie, 50);
            return lab.Daemon.LogCount("floods with addresses") > 0;
        }, 15_000), "the kernel does not take it over");

        PortCounters before = Counters(lab, liar);
        SendRaw(liar, lie, 500);
        PortCounters after = Counters(lab, liar);
        Assert.True(after.Guarded.Frames - before.Guarded.Frames >= 500);
        Assert.InRange(after.Punted.Frames - before.Punted.Frames, 0, Noise);
        Assert.Contains(lab.Daemon.Records("alert"), a => a.GetProperty("alert").GetProperty("gid").GetInt32() == 310 && a.GetProperty("alert").GetProperty("signature_id").GetInt32() == 10);

        // What is its own goes on.
        using Socket receiver = Receiver(other, 53);
        SendRaw(liar, truth, 1);
        Assert.True(receiver.Poll(5_000_000, SelectMode.SelectRead));
    }

    [Fact]
    public void AConnectionThatTheKernelCarriesHearsOfWhatIsDoneToItsGuest()
    {
        using GuestLab lab = new(["default", "default"], Rule);
        (LabGuest guest, LabGuest other) = (lab.Guests[0], lab.Guests[1]);
        string Nft(string arguments) => BridgeLab.Run("ip", $"netns exec {lab.Bridge.Host} nft {arguments}").Output;
        Nft("add table bridge lab");
        Nft("add chain bridge lab f { type filter hook forward priority 0 ; }");
        Nft("add rule bridge lab f meta mark 0x20 counter");
        using Socket listener = BridgeLab.Listen(other.Space, 9000);
        using Socket client = BridgeLab.Connect(guest.Space, other.Address, 9000)!;
        using Socket server = listener.Accept();
        Exchange(client, server, 16);
        Assert.True(Counters(lab, guest).Passed.Bytes > 1 << 20, "the kernel does not carry it");
        Assert.Contains("bytes 0", Nft("list table bridge lab"), StringComparison.Ordinal);

        Assert.Equal(0, lab.Program($"action do mark {guest.Name} --mark 0x20 -c {lab.Daemon.ConfigFile}").Code);
        Assert.True(BridgeLab.Until(() =>
        {
            Exchange(client, server, 1);
            return !Nft("list table bridge lab").Contains("bytes 0", StringComparison.Ordinal);
        }, 20_000), "its frames do not carry the mark");
        long carried = Counters(lab, guest).Passed.Bytes;
        Exchange(client, server, 16);
        Assert.True(Counters(lab, guest).Passed.Bytes - carried > 8 << 20, "the kernel does not carry it any more");

        Assert.Equal(0, lab.Program($"action undo 1 -c {lab.Daemon.ConfigFile}").Code);
        Assert.True(BridgeLab.Until(() =>
        {
            string before = Nft("list table bridge lab");
            Exchange(client, server, 1);
            return Nft("list table bridge lab") == before;
        }, 20_000), "its frames still carry the mark");

        // And one that is slowed by a tarpit stands still, whoever carried it before.
        Assert.Equal(0, lab.Program($"action do tarpit {guest.Name} -c {lab.Daemon.ConfigFile}").Code);
        server.ReceiveTimeout = 1000;
        Assert.True(BridgeLab.Until(() =>
        {
            client.Send("more"u8, SocketFlags.None, out _);
            byte[] buffer = new byte[100];
            server.Receive(buffer, 0, buffer.Length, SocketFlags.None, out SocketError error);
            return error != SocketError.Success;
        }, 20_000), "it goes on");
    }

    private static void Exchange(Socket client, Socket server, int megabytes)
    {
        byte[] block = new byte[1 << 20];
        for (int i = 0; i < megabytes; i++)
        {
            Thread sending = new(() => client.Send(block));
            sending.Start();
            for (int at = 0; at < block.Length;)
            {
                at += server.Receive(block, 0, block.Length - at, SocketFlags.None);
            }

            sending.Join();
        }
    }

    private static void SendRaw(LabGuest from, byte[] frame, int times) => BridgeLab.In(from.Space, () =>
    {
        using Socket raw = RawSockets.Open("eth0");
        for (int i = 0; i < times; i++)
        {
            raw.Send(frame);
        }

        return 0;
    });

    private static void AssertBlocked(GuestLab lab, LabGuest guest, LabGuest other, Socket receiver)
    {
        PortCounters before = Counters(lab, guest);
        Assert.Equal(0, Send(guest, other, receiver));
        PortCounters after = Counters(lab, guest);
        Assert.True(after.Blocked.Frames - before.Blocked.Frames >= Burst, $"{after.Blocked.Frames - before.Blocked.Frames} were blocked");
        Assert.InRange(after.Punted.Frames - before.Punted.Frames, 0, Noise);
    }

    private static Socket Receiver(LabGuest guest, int port = 7777)
    {
        Socket socket = BridgeLab.Udp(guest.Space, port: port);
        socket.ReceiveTimeout = 400;
        return socket;
    }

    /// <summary>Sends datagrams and counts those that arrive until it is quiet.</summary>
    private static int Send(LabGuest from, LabGuest to, Socket? receiver, int port = 7777, int count = Burst)
    {
        // Frames, not a socket: nobody asks by ARP first, and so nothing is lost where ARP is blocked.
        byte[][] frames = [.. Enumerable.Range(0, count).Select(i => FrameBuilder.Udp(from.Address, to.Address, 4000, port, $"numbered {i}", from.Mac, to.Mac))];
        BridgeLab.In(from.Space, () =>
        {
            using Socket raw = RawSockets.Open("eth0");
            foreach (byte[] frame in frames)
            {
                raw.Send(frame);
            }

            return 0;
        });
        int arrived = 0;
        byte[] buffer = new byte[100];
        while (receiver is not null && receiver.Poll(400_000, SelectMode.SelectRead))
        {
            receiver.Receive(buffer);
            arrived++;
        }

        return arrived;
    }

    private static PortCounters Counters(GuestLab lab, LabGuest guest) => lab.Daemon.Status().Ports.Single(p => p.Port.Name == guest.Port).Counters;
}
