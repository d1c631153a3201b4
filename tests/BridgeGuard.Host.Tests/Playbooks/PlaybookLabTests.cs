using System.Net.Sockets;
using System.Text;
using BridgeGuard.Host.Tests.Attachments.Bridge;
using BridgeGuard.Host.Tests.Guests;
using BridgeGuard.Host.Tests.Scanning;
using Xunit;

namespace BridgeGuard.Host.Tests.Playbooks;

/// <summary>A playbook on a real bridge, with the data plane in a process of its own: what it does to guests, whom it tells, and where it stops.</summary>
public sealed class PlaybookLabTests
{
    private const string Rule = "alert udp any any -> any 7777 (msg:\"bad\"; content:\"bad\"; sid:1;)";
    private const int WebhookPort = 9955;

    [Fact]
    public void AnOutbreakIsContainedToldAndMarkedUpToTheCap()
    {
        using TemporaryFolder folder = new();
        File.WriteAllText(folder.File("outbreak.yaml"), """
            name: outbreak
            when: {sid: 1}
            then:
              - {block: vm}
              - {mark: vm, set: "inet lab suspects"}
              - {webhook: soc}
            cap: {targets: 2, minutes: 10}
            """);
        string more = $"playbooks: {{files: [\"{folder.File("outbreak.yaml")}\"]}}\nwebhooks:\n  - {{name: soc, url: \"http://127.0.0.1:{WebhookPort}/hook\", secret-files: [\"{folder.File("secret")}\"]}}";
        File.WriteAllText(folder.File("secret"), $"whsec_{Convert.ToBase64String(new byte[32])}\n");
        using GuestLab lab = new(["default", "default", "default", "default", "default"], Rule, more);
        Nft(lab, "add table inet lab");
        Nft(lab, "add set inet lab suspects { type ipv4_addr; }");
        using Socket listener = BridgeLab.Listen(lab.Bridge.Host, WebhookPort);
        var told = new List<string>();
        new Thread(() => Take(listener, told)) { IsBackground = true }.Start();
        LabGuest victim = lab.Guests[4];
        using Socket receiver = BridgeLab.Udp(victim.Space, port: 7777);

        for (int i = 0; i < 4; i++)
        {
            LabGuest guest = lab.Guests[i];
            Assert.True(BridgeLab.Ping(guest.Space, victim.Address)); // Its address is known then, for the set.
            Send(guest, victim, "bad");
            string state = i < 2 ? "active" : "capped";
            Assert.True(BridgeLab.Until(() => Listed(lab, guest, state, "block"), 20_000), $"{guest.Name} is not {state}: {lab.Program($"action list --all -c {lab.Daemon.ConfigFile}").Output}");
        }

        // Two are cut off, the others go on: somebody must decide about them.
        for (int i = 0; i < 4; i++)
        {
            Drain(receiver);
            Send(lab.Guests[i], victim, "good");
            Assert.Equal(i >= 2, receiver.Poll(i < 2 ? 500_000 : 5_000_000, SelectMode.SelectRead));
        }

        string Set() => Nft(lab, "list set inet lab suspects");
        Assert.True(BridgeLab.Until(() => Set().Contains(lab.Guests[0].Address, StringComparison.Ordinal) && Set().Contains(lab.Guests[1].Address, StringComparison.Ordinal)), Set());
        Assert.DoesNotContain(lab.Guests[2].Address, Set(), StringComparison.Ordinal);
        Assert.True(BridgeLab.Until(() => Told(told, lab.Guests[0].Name) && Told(told, lab.Guests[1].Name), 15_000), string.Join("\n---\n", told));

        // Taken back: the guest talks again and its address is out of the set.
        foreach (int id in Ids(lab, lab.Guests[0]))
        {
            Assert.Equal(0, lab.Program($"action undo {id} -c {lab.Daemon.ConfigFile}").Code);
        }

        Assert.True(BridgeLab.Until(() => !Set().Contains(lab.Guests[0].Address, StringComparison.Ordinal)), Set());
        Drain(receiver);
        Assert.True(BridgeLab.Until(() =>
        {
            Send(lab.Guests[0], victim, "good");
            return receiver.Poll(300_000, SelectMode.SelectRead);
        }, 10_000));
        Assert.Equal(0, lab.Program($"action audit -c {lab.Daemon.ConfigFile}").Code);
    }

    /// <summary>What a playbook moves away is moved with its next connection, to that target only, and comes back when its time is over.</summary>
    [Fact]
    public void APlaybookMovesAGuestToTheHoneypotForATime()
    {
        using TemporaryFolder folder = new();
        Directory.CreateDirectory(folder.File("roles"));
        File.WriteAllText(folder.File("roles/plain.yaml"), "name: plain\n");
        File.WriteAllText(folder.File("move.yaml"), "name: move\nwhen: {sid: 1}\nthen:\n  - {redirect: vm, to: honeypot, for: 15s}\n");
        using GuestLab lab = new(["plain", "plain", "default"], Rule, $"playbooks: {{files: [\"{folder.File("move.yaml")}\"]}}", roleFiles: folder.File("roles"));
        (LabGuest guest, LabGuest other, LabGuest honeypot) = (lab.Guests[0], lab.Guests[1], lab.Guests[2]);
        using Socket real = BridgeLab.Listen(other.Space, 9000);
        using Socket trap = BridgeLab.Listen(honeypot.Space, 9000);
        bool Reaches(Socket listener)
        {
            using Socket? client = BridgeLab.Connect(guest.Space, other.Address, 9000, timeoutMs: 1000);
            bool isThere = client is not null && listener.Poll(500_000, SelectMode.SelectRead);
            if (isThere)
            {
                listener.Accept().Dispose();
            }

            return isThere;
        }

        Assert.True(Reaches(real));
        Send(guest, other, "bad");
        Assert.True(BridgeLab.Until(() => Reaches(trap), 10_000), lab.Daemon.LogText);
        Assert.Contains(Lines(lab, guest), l => l.Contains(" redirect ", StringComparison.Ordinal) && l.Contains("by move", StringComparison.Ordinal));
        Assert.True(BridgeLab.Until(() => Reaches(real), 30_000), "it does not come back");
    }

    [Fact]
    public void AHookIsRunAndFramesAreKeptUntilItIsTakenBack()
    {
        using TemporaryFolder folder = new();
        string hooks = Directory.CreateDirectory(folder.File("hooks")).FullName;
        string said = folder.File("said");
        File.WriteAllText(Path.Combine(hooks, "note"), $"#!/bin/sh\necho \"$@\" >> {said}\n");
        BridgeLab.Run("chmod", $"500 {Path.Combine(hooks, "note")}");
        File.WriteAllText(folder.File("look.yaml"), $$"""
            name: look
            when: {sid: 1}
            then:
              - {capture: vm}
              - {hook: [{{hooks}}/note, "done to {guest} by {by}", "$(id)"], undo: [{{hooks}}/note, "undone to {guest}"]}
            """);
        using GuestLab lab = new(
            ["default", "default"], Rule, $"playbooks: {{files: [\"{folder.File("look.yaml")}\"], hook-folders: [{hooks}]}}\nrecorder: {{enabled: yes}}");
        (LabGuest guest, LabGuest other) = (lab.Guests[0], lab.Guests[1]);
        Assert.True(BridgeLab.Ping(guest.Space, other.Address));
        Send(guest, other, "bad");
        string Said() => File.Exists(said) ? File.ReadAllText(said) : "";
        Assert.True(BridgeLab.Until(() => Said() == $"done to {guest.Name} by look $(id)\n", 20_000), Said()); // No shell has looked at it.
        Assert.True(BridgeLab.Until(() => Listed(lab, guest, "active", "capture"), 10_000));
        Send(guest, other, "kept for later");
        Send(other, guest, "and back");
        string recordings = Path.Combine(lab.Daemon.LogFolder, "recordings");
        string Kept() => string.Join('\n', Directory.GetFiles(recordings, "capture-*.pcapng").Select(f => BridgeLab.Run("tshark", $"-n -r {f} -T fields -e ip.src -e ip.dst -e udp.dstport -e data.text -o data.show_as_text:TRUE").Output));
        Assert.True(BridgeLab.Until(() => Directory.Exists(recordings) && Kept().Contains($"{guest.Address}\t{other.Address}\t7777", StringComparison.Ordinal)
            && Kept().Contains($"{other.Address}\t{guest.Address}\t7777", StringComparison.Ordinal), 20_000), Directory.Exists(recordings) ? Kept() : "no recordings");
        foreach (int id in Ids(lab, guest))
        {
            Assert.Equal(0, lab.Program($"action undo {id} -c {lab.Daemon.ConfigFile}").Code);
        }

        Assert.True(BridgeLab.Until(() => Said().EndsWith($"undone to {guest.Name}\n", StringComparison.Ordinal)), Said());
        Assert.Empty(Ids(lab, guest));
    }

    private static void Send(LabGuest from, LabGuest to, string text)
    {
        using Socket socket = BridgeLab.Udp(from.Space, to: to.Address, toPort: 7777);
        socket.Send(Encoding.ASCII.GetBytes(text));
    }

    private static void Drain(Socket receiver)
    {
        byte[] buffer = new byte[100];
        while (receiver.Poll(100_000, SelectMode.SelectRead))
        {
            receiver.Receive(buffer);
        }
    }

    private static bool Listed(GuestLab lab, LabGuest guest, string state, string kind) => Lines(lab, guest).Any(l => l.Contains($" {state} ", StringComparison.Ordinal) && l.Contains($" {kind} ", StringComparison.Ordinal));

    private static IEnumerable<int> Ids(GuestLab lab, LabGuest guest) =>
        [.. Lines(lab, guest).Where(l => l.Contains(" active ", StringComparison.Ordinal)).Select(l => int.Parse(l.Trim().Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture))];

    private static IEnumerable<string> Lines(GuestLab lab, LabGuest guest) =>
        lab.Program($"action list --all -c {lab.Daemon.ConfigFile}").Output.Split('\n').Where(l => l.Contains($" {guest.Name} ", StringComparison.Ordinal));

    private static bool Told(List<string> told, string guest)
    {
        lock (told)
        {
            return told.Exists(t => t.Contains("\"action\":\"webhook\"", StringComparison.Ordinal) && t.Contains($"1:1 bad", StringComparison.Ordinal) && t.Contains(guest, StringComparison.Ordinal));
        }
    }

    private static string Nft(GuestLab lab, string arguments) => BridgeLab.Run("nsenter", $"--net=/run/netns/{lab.Bridge.Host} nft {arguments}").Output;

    /// <summary>The receiving end of a webhook: keeps what is posted.</summary>
    private static void Take(Socket listener, List<string> told)
    {
        try
        {
            while (true)
            {
                Socket connection = listener.Accept();
                new Thread(() => Answer(connection, told)) { IsBackground = true }.Start();
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The test has ended.
        }
    }

    private static void Answer(Socket connection, List<string> told)
    {
        using (connection)
        {
            connection.ReceiveTimeout = 1000;
            byte[] buffer = new byte[1 << 16];
            var text = new StringBuilder();
            try
            {
                for (int length; (length = connection.Receive(buffer)) > 0;)
                {
                    text.Append(Encoding.UTF8.GetString(buffer, 0, length));
                    if (text.ToString().TrimEnd().EndsWith('}') || text.ToString().TrimEnd().EndsWith(']'))
                    {
                        lock (told)
                        {
                            told.Add(text.ToString());
                        }

                        text.Clear();
                        connection.Send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"u8);
                    }
                }
            }
            catch (SocketException)
            {
                // It goes when it likes.
            }
        }
    }
}
