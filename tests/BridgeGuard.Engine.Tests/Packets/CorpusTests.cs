using BridgeGuard.Engine.Packets;
using BridgeGuard.Testing.Packets;
using Xunit;

namespace BridgeGuard.Engine.Tests.Packets;

public sealed class CorpusTests
{
    public static TheoryData<string> Captures() =>
        [.. Directory.GetFiles(Path.Combine(CaptureFile.FindTestFolder("corpus"), "decoder"), "*.pcap").Select(path => Path.GetFileNameWithoutExtension(path)!)];

    [Theory]
    [MemberData(nameof(Captures))]
    public void EventsAreThoseOfThePeer(string name)
    {
        string path = Path.Combine(CaptureFile.FindTestFolder("corpus"), "decoder", name);
        if (!File.Exists(path + ".events"))
        {
            Assert.Skip("The peer does not read this link type.");
        }

        CaptureFile capture = CaptureFile.TryRead(path + ".pcap")!;
        string[] lines = File.ReadAllLines(path + ".events");
        Assert.Equal(lines.Length, capture.Frames.Count);
        Decoding decoding = new();
        List<string> differences = [];
        for (int i = 0; i < lines.Length; i++)
        {
            string[] columns = lines[i].Split('\t');
            string expected = columns.Length > 2 ? columns[2].Replace("-", string.Empty, StringComparison.Ordinal) : columns[1];
            Packet packet = decoding.Decode(capture.Frames[i], capture.LinkType);
            string actual = string.Join(',', Decoding.EventNames(packet).Where(e => !e.Contains("frag_", StringComparison.Ordinal)));
            if (actual != expected)
            {
                differences.Add($"{i + 1}: expected '{expected}', got '{actual}'");
            }
        }

        Assert.Empty(differences);
    }

    [Theory]
    [MemberData(nameof(Captures))]
    public void EveryPrefixAndEveryChangedByteIsAccepted(string name)
    {
        CaptureFile capture = CaptureFile.TryRead(Path.Combine(CaptureFile.FindTestFolder("corpus"), "decoder", name + ".pcap"))!;
        Decoding decoding = new(new Engine.Settings.DecoderSettings { GtpUEnabled = true });
        foreach (byte[] frame in capture.Frames)
        {
            for (int length = 0; length < frame.Length; length++)
            {
                decoding.Decode(frame.AsSpan(0, length), capture.LinkType);
            }

            byte[] changed = (byte[])frame.Clone();
            for (int i = 0; i < frame.Length; i++)
            {
                foreach (byte value in (ReadOnlySpan<byte>)[0, 1, 0x7f, 0x80, 0xff, (byte)(frame[i] + 1), (byte)(frame[i] - 1), (byte)(frame[i] ^ 0x10)])
                {
                    changed[i] = value;
                    decoding.Decode(changed, capture.LinkType);
                }

                changed[i] = frame[i];
            }
        }
    }
}
