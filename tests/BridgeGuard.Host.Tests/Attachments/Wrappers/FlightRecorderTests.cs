using BridgeGuard.Attachments.Wrappers;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Host.Tests.Attachments.Bridge;
using BridgeGuard.Host.Tests.Policies;
using BridgeGuard.Host.Tests.Scanning;
using SharpPcap;
using SharpPcap.LibPcap;
using Xunit;

namespace BridgeGuard.Host.Tests.Attachments.Wrappers;

/// <summary>An alert leaves the packets from before it on the disk, whole, in order, with the decision.</summary>
public sealed class FlightRecorderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly PolicyWire _wire = new(["name: a\n"], "drop udp any any -> any any (msg:\"evil\"; content:\"evil\"; sid:7;)");
    private long _nowUs = 1_700_000_000_000_000;

    public void Dispose()
    {
        _wire.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void AnAlertOnPacketFortyLeavesPacketsOneToSixty()
    {
        _wire.SetGuests(_wire.Guest("g", "a", 1));
        FlightRecorder recorder = new(_wire.Worker, 0, new FlightRecorderOptions());
        using (RecordingWriter writer = new(_folder.Path, [recorder], id => $"tap{id}", _ => { }))
        {
            for (int i = 1; i <= 100; i++)
            {
                Send(recorder, i == 40 ? "evil" : "good", i);
            }
        }

        string file = Assert.Single(Directory.GetFiles(_folder.Path, "*.pcapng"));
        string id = _wire.Alerts.Single().GetProperty("event_id").GetString()!;
        Assert.Equal(id + ".pcapng", Path.GetFileName(file));
        List<byte[]> frames = Read(file);
        Assert.Equal(60, frames.Count);
        Assert.Equal(Enumerable.Range(1, 60), frames.Select(f => (int)f[^1]));
        string text = System.Text.Encoding.Latin1.GetString(File.ReadAllBytes(file));
        Assert.Contains("alert 1:7 evil; verdict drop, reason Rules", text);
        Assert.Contains("tap1", text);
        AssertTsharkReadsIt(file, 60);
    }

    [Fact]
    public void TheRingKeepsItsSizeAndTheNewestFrames()
    {
        FrameRing ring = new(4096);
        byte[] frame = new byte[200];
        for (int i = 0; i < 1000; i++)
        {
            frame[0] = (byte)i;
            ring.Add(new KeptFrame { TimeUs = i, Length = frame.Length }, frame);
        }

        byte[] copy = new byte[4096];
        ReadOnlySpan<byte> rest = copy.AsSpan(0, ring.CopyTo(copy));
        var times = new List<long>();
        while (FrameRing.TryRead(ref rest, out KeptFrame kept, out ReadOnlySpan<byte> bytes))
        {
            Assert.Equal((byte)kept.TimeUs, bytes[0]);
            times.Add(kept.TimeUs);
        }

        Assert.Equal(ring.Count, times.Count);
        Assert.Equal(999, times[^1]);
        Assert.InRange(times.Count, 15, 20);
        Assert.Equal(times.Order(), times);
    }

    [Fact]
    public void AFloodOfAlertsCostsRecordingsAndNothingElse()
    {
        _wire.SetGuests(_wire.Guest("g", "a", 1));
        FlightRecorder recorder = new(_wire.Worker, 0, new FlightRecorderOptions { AfterFrames = 1 });
        for (int i = 0; i < 200; i++)
        {
            Send(recorder, "evil", i, port: (ushort)(1000 + i));
        }

        Assert.InRange(recorder.Missed, 150, 200);
    }

    [Fact]
    public void ACaptureHasTheFramesOfItsGuestOnly()
    {
        _wire.SetGuests(_wire.Guest("g", "a", 1), _wire.Guest("h", "a", 2));
        FlightRecorder recorder = new(_wire.Worker, 0, new FlightRecorderOptions()) { Captures = [new CaptureOrder(9, [PolicyWire.Mac(1)], default)] };
        using (RecordingWriter writer = new(_folder.Path, [recorder], id => $"tap{id}", _ => { }))
        {
            for (int i = 0; i < 10; i++)
            {
                Send(recorder, "good", i);
                byte[] other = Frame("good", i, 3000);
                other[11] = 2;
                recorder.Process(other, 0, other.Length, new FrameInfo { TimestampUs = _nowUs += 10, LinkType = LinkType.Ethernet, PortId = 2 });
            }

            recorder.Tick(_nowUs + 2_000_000);
        }

        Assert.Equal(10, Read(Assert.Single(Directory.GetFiles(_folder.Path, "capture-9-*.pcapng"))).Count);
    }

    [Fact]
    public void AWarmRecorderAllocatesNothing()
    {
        _wire.SetGuests(_wire.Guest("g", "a", 1));
        FlightRecorder recorder = new(_wire.Worker, 0, new FlightRecorderOptions());
        byte[] frame = Frame("good", 1, 2000);
        for (int i = 0; i < 2000; i++)
        {
            recorder.Process(frame, 0, frame.Length, new FrameInfo { TimestampUs = _nowUs += 10, LinkType = LinkType.Ethernet, PortId = 1 });
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 2000; i++)
        {
            recorder.Process(frame, 0, frame.Length, new FrameInfo { TimestampUs = _nowUs += 10, LinkType = LinkType.Ethernet, PortId = 1 });
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static byte[] Frame(string text, int number, ushort port)
    {
        byte[] frame = Testing.Packets.FrameBuilder.Udp("10.0.0.1", port, "198.51.100.1", 9, [.. System.Text.Encoding.ASCII.GetBytes(text), (byte)number]);
        frame[11] = 1;
        return frame;
    }

    private void Send(FlightRecorder recorder, string text, int number, ushort port = 2000)
    {
        byte[] frame = Frame(text, number, port);
        recorder.Process(frame, 0, frame.Length, new FrameInfo { TimestampUs = _nowUs += 100, LinkType = LinkType.Ethernet, PortId = 1 });
    }

    private static List<byte[]> Read(string file)
    {
        var frames = new List<byte[]>();
        using CaptureFileReaderDevice reader = new(file);
        reader.Open();
        while (reader.GetNextPacket(out PacketCapture packet) == GetPacketStatus.PacketRead)
        {
            frames.Add(packet.Data.ToArray());
        }

        return frames;
    }

    /// <summary>Where tshark is installed it must agree.</summary>
    private static void AssertTsharkReadsIt(string file, int frames)
    {
        if (File.Exists("/usr/bin/tshark"))
        {
            (int code, string output) = BridgeLab.Run("/usr/bin/tshark", $"-r {file} -T fields -e frame.number -e frame.comment");
            Assert.Equal(0, code);
            Assert.Equal(frames, output.Split('\n').Count(l => l.Length > 0 && char.IsAsciiDigit(l[0])));
            Assert.Contains("alert 1:7 evil", output);
        }
    }
}
