using System.Globalization;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using BridgeGuard.Engine.Worker;
using Xunit;

namespace BridgeGuard.Host.Tests.Attachments.Bridge;

/// <summary>What a verdict says about how a frame goes on: its mark, read by nftables' counters on the bridge, the port it leaves by, and how long it has waited.</summary>
public sealed class MarkTests : IDisposable
{
    private readonly BridgeLab _lab = new();

    public void Dispose() => _lab.Dispose();

    private static bool Is(ReadOnlySpan<byte> frame, string text) => frame.IndexOf(System.Text.Encoding.ASCII.GetBytes(text)) >= 0;

    [Fact]
    public void TheFramesOfTheEngineAndThoseOfDecidedFlowsCarryTheirMark()
    {
        Count(0x20, 0x12345678, 0);
        using RunningBridge bridge = RunningBridge.Start(_lab, (Span<byte> frame, in FrameInfo info, FrameInjector _) =>
            Is(frame, "marked") ? new Verdict { Mark = 0x20 }
            : frame.Length > 40 && frame[12] == 8 && frame[23] == 6 ? new Verdict { Mark = 0x12345678, Offload = FlowOffload.Pass }
            : default);
        using Socket b = BridgeLab.Udp(_lab.B, port: 9);
        using Socket a = BridgeLab.Udp(_lab.A, BridgeLab.AddressA, 0, BridgeLab.AddressB, 9);
        for (int i = 0; i < 3; i++)
        {
            a.Send("marked"u8);
            a.Send("plain"u8);
        }

        Assert.True(BridgeLab.Until(() => Counted(0x20) == 3), Counters());

        // Both ways, the part that the kernel carries alone included.
        using Socket listener = BridgeLab.Listen(_lab.B, 90);
        using Socket client = BridgeLab.Connect(_lab.A, BridgeLab.AddressB, 90)!;
        using Socket server = listener.Accept();
        byte[] block = new byte[1 << 20];
        for (int i = 0; i < 8; i++)
        {
            Thread sending = new(() => client.Send(block));
            sending.Start();
            for (int got = 0; got < block.Length;)
            {
                got += server.Receive(block, got, block.Length - got, SocketFlags.None);
            }

            sending.Join();
        }

        Assert.True(bridge.Counters("pa").Passed.Bytes > 4 << 20, "the kernel carried little of it");
        Assert.True(Bytes(0x12345678) > 8 << 20, Counters());
        Assert.True(Bytes(0) < 1 << 20, Counters());
        Assert.Equal(0, bridge.Attachment.Stats.MarkRefused);
    }

    [Fact]
    public void ASeventhMarkIsLeftOutAndCounted()
    {
        Count(1, 2, 3, 4, 5, 6, 7);
        using RunningBridge bridge = RunningBridge.Start(_lab, (Span<byte> frame, in FrameInfo _, FrameInjector _) =>
            new Verdict { Mark = Is(frame, "mark") ? (uint)(frame[frame.IndexOf("mark"u8) + 4] - '0') : 0 });
        using Socket b = BridgeLab.Udp(_lab.B, port: 9);
        using Socket a = BridgeLab.Udp(_lab.A, BridgeLab.AddressA, 0, BridgeLab.AddressB, 9);
        for (int i = 1; i <= 7; i++)
        {
            a.Send(System.Text.Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"mark{i}")));
        }

        Assert.True(BridgeLab.Until(() => Enumerable.Range(1, 6).All(i => Counted((uint)i) == 1)), Counters());
        Assert.True(BridgeLab.Until(() => bridge.Attachment.Stats.MarkRefused == 1));
        Assert.Equal(0, Counted(7));
        for (int i = 0; i < 7; i++)
        {
            Assert.StartsWith("mark", System.Text.Encoding.ASCII.GetString(b.ReceiveBytes()), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void AFrameLeavesByThePortThatTheVerdictNames()
    {
        string c = _lab.AddNamespace("c");
        BridgeLab.Ip($"-n {c} link set lo up");
        _lab.AddGuest(c, "pc", "02:77:00:00:00:03", "10.77.0.3", "fd77::3");
        ushort to = 0;
        using RunningBridge bridge = RunningBridge.Start(_lab, (Span<byte> frame, in FrameInfo _, FrameInjector _) =>
            new Verdict { ToPort = Is(frame, "elsewhere") ? Volatile.Read(ref to) : (ushort)0 });
        Volatile.Write(ref to, bridge.Port("pc").PortId);
        using Socket wire = BridgeLab.In(c, () => RawSockets.Open("eth0"));
        using Socket b = BridgeLab.Udp(_lab.B, port: 9);
        using Socket a = BridgeLab.Udp(_lab.A, BridgeLab.AddressA, 0, BridgeLab.AddressB, 9);
        a.Send("elsewhere"u8);
        a.Send("straight on"u8);
        Assert.Equal("straight on", System.Text.Encoding.ASCII.GetString(b.ReceiveBytes()));
        wire.ReceiveTimeout = 3000;
        Assert.True(BridgeLab.Until(() => Is(wire.ReceiveBytes(), "elsewhere")));
    }

    [Fact]
    public void AFrameBehindSlowOnesSaysHowLongItHasWaited()
    {
        const int frames = 20;
        const int slowMs = 20;
        var waited = new List<int>();
        using RunningBridge bridge = RunningBridge.Start(_lab, (Span<byte> frame, in FrameInfo info, FrameInjector injector) =>
        {
            injector.WantsWait = true;
            if (Is(frame, "slow"))
            {
                waited.Add(info.WaitedUs);
                Thread.Sleep(slowMs);
            }

            return default;
        }, RunningBridge.Options() with { WorkerCount = 1 });
        using Socket a = BridgeLab.Udp(_lab.A, BridgeLab.AddressA, 0, BridgeLab.AddressB, 9);
        for (int i = 0; i < frames; i++)
        {
            a.Send("slow"u8);
        }

        Assert.True(BridgeLab.Until(() => waited.Count == frames));
        Assert.InRange(waited[0], 0, slowMs * 1000 * 5); // The neighbour's address was asked for before it.
        for (int i = 3; i < frames; i++)
        {
            // All were there when the second was looked at, at the latest.
            Assert.True(waited[i] >= (i - 2) * slowMs * 1000, string.Join(' ', waited));
        }
    }

    private void Count(params uint[] marks)
    {
        string file = Path.GetTempFileName();
        File.WriteAllText(file, $"table bridge lab {{\n chain f {{\n type filter hook forward priority 0; policy accept;\n{string.Join('\n', marks.Select(m => $" meta mark {m} counter"))}\n }}\n}}\n");
        (int code, string output) = BridgeLab.Run("ip", $"netns exec {_lab.Host} nft -f {file}");
        File.Delete(file);
        Assert.SkipUnless(code == 0, $"needs nftables on bridges: {output}");
    }

    private string Counters() => BridgeLab.Run("ip", $"netns exec {_lab.Host} nft list table bridge lab").Output;

    private long Counted(uint mark) => Read(mark, "packets");

    private long Bytes(uint mark) => Read(mark, "bytes");

    private long Read(uint mark, string what) => long.Parse(
        Regex.Match(Counters(), string.Create(CultureInfo.InvariantCulture, $"mark 0x{mark:x8} counter packets (?<packets>\\d+) bytes (?<bytes>\\d+)")).Groups[what].Value, CultureInfo.InvariantCulture);
}

/// <summary>What arrives next, whole.</summary>
internal static class ReceivingSocket
{
    public static byte[] ReceiveBytes(this Socket socket)
    {
        byte[] buffer = new byte[2048];
        return buffer[..socket.Receive(buffer)];
    }
}
