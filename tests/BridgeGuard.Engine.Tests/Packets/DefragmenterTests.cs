using System.Text;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Testing.Packets;
using Xunit;

namespace BridgeGuard.Engine.Tests.Packets;

public sealed class DefragmenterTests
{
    private readonly PacketDecoder _decoder = new(new DecoderSettings());
    private readonly PacketQueue _inner = new();
    private readonly Packet _packet = new();
    private Defragmenter _defragmenter = Create(new DefragSettings());
    private long _nowUs = 1_000_000;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void EveryOrderOfFourFragmentsGivesTheDatagram(bool v6)
    {
        byte[] data = Fragments.UdpData("abcdefghijklmnopqrstuvwxyz"u8);
        uint id = 1;
        foreach (int[] order in Permutations(4))
        {
            Packet? rebuilt = null;
            for (int i = 0; i < 4; i++)
            {
                Assert.Null(rebuilt);
                int start = order[i] * 8;
                rebuilt = Send(v6, id, start, order[i] < 3, order[i] < 3 ? data.AsSpan(start, 8) : data.AsSpan(24)).Rebuilt;
            }

            Assert.NotNull(rebuilt);
            Assert.Equal("abcdefghijklmnopqrstuvwxyz"u8, rebuilt.Payload);
            Assert.Equal((1000, 2000), (rebuilt.SourcePort, rebuilt.DestinationPort));
            Assert.True(rebuilt.Has(PacketFlags.Defragmented));
            Assert.Equal(PacketSource.Defragmentation, rebuilt.Source);
            Decoding.Check(rebuilt);
            id++;
        }

        Assert.Equal(0, _defragmenter.Waiting);
        Assert.Equal(0, _defragmenter.UsedBytes);
    }

    [Fact]
    public void EveryCutOfADatagramGivesTheSame()
    {
        byte[] data = Fragments.UdpData(Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, 40).Select(i => $"word{i:000} "))));
        uint id = 1;
        for (int size = 8; size < data.Length; size += 8, id++)
        {
            Packet? rebuilt = null;
            for (int start = 0; start < data.Length; start += size)
            {
                int end = Math.Min(start + size, data.Length);
                rebuilt = Send(false, id, start, end < data.Length, data.AsSpan(start, end - start)).Rebuilt;
            }

            Assert.NotNull(rebuilt);
            Assert.Equal(data.AsSpan(8), rebuilt.Payload);
            Assert.True(Checksums.IsIpv4Valid(rebuilt));
        }
    }

    /// <summary>What Suricata 8 rebuilds under each host-os-policy; the original covers blocks 4 to 6, the later one those of the name.</summary>
    [Theory]
    [InlineData(HostOs.Bsd, "NNNO.. NNNN.. NNNNN. .OOO.. .OOO.. .OOON. .OOO.. .OOO.. .OOON.")]
    [InlineData(HostOs.BsdRight, "NOOO.. NOOO.. NOOON. .NNO.. .NNN.. .NNNN. .ONO.. .ONN.. .ONNN.")]
    [InlineData(HostOs.Linux, "NNNO.. NNNN.. NNNNN. .NNO.. .NNN.. .NNNN. .OOO.. .OOO.. .OOON.")]
    [InlineData(HostOs.OldLinux, "NNNO.. NNNN.. NNNNN. .NNO.. .NNN.. .NNNN. .OOO.. .OOO.. .OOON.")]
    [InlineData(HostOs.OldSolaris, "NOOO.. NOOO.. NOOON. .OOO.. .OOO.. .OOON. .OOO.. .OOO.. .OOON.")]
    [InlineData(HostOs.Solaris, "NOOO.. NNNN.. NNNNN. .OOO.. .OOO.. .OOON. .OOO.. .OOO.. .OOON.")]
    [InlineData(HostOs.HpUx10, "NNNO.. NNNN.. NNNNN. .OOO.. .OOO.. .OOON. .OOO.. .OOO.. .OOON.")]
    [InlineData(HostOs.HpUx11, "NOOO.. NOOO.. NOOON. .OOO.. .OOO.. .OOON. .OOO.. .OOO.. .OOON.")]
    [InlineData(HostOs.Irix, "NNNO.. NNNN.. NNNNN. .OOO.. .OOO.. .OOON. .OOO.. .OOO.. .OOON.")]
    [InlineData(HostOs.MacOs, "NOOO.. NOOO.. NOOON. .OOO.. .OOO.. .OOON. .OOO.. .OOO.. .OOON.")]
    [InlineData(HostOs.Windows, "NOOO.. NOOO.. NNNNN. .OOO.. .OOO.. .OOON. .OOO.. .OOO.. .OOON.")]
    [InlineData(HostOs.Vista, "NOOO.. NOOO.. NNNNN. .OOO.. .OOO.. .OOON. .OOO.. .OOO.. .OOON.")]
    [InlineData(HostOs.Windows2k3, "NOOO.. NOOO.. NNNNN. .OOO.. .OOO.. .OOON. .OOO.. .OOO.. .OOON.")]
    [InlineData(HostOs.First, "NOOO.. NOOO.. NOOON. .OOO.. .OOO.. .OOON. .OOO.. .OOO.. .OOON.")]
    [InlineData(HostOs.Last, "NNNO.. NNNN.. NNNNN. .NNO.. .NNN.. .NNNN. .ONO.. .ONN.. .ONNN.")]
    public void OverlapsAreResolvedAsTheHostDoes(HostOs os, string expected)
    {
        _defragmenter = Create(new DefragSettings(), [new HostOsEntry(default, 0, os)]);
        List<string> results = [];
        uint id = 1;
        for (int start = 3; start <= 5; start++)
        {
            for (int end = 6; end <= 8; end++, id++)
            {
                int low = Math.Min(start, 4);
                int high = Math.Max(end, 7);
                Send(false, id, 0, true, Fragments.UdpData(new byte[80])[..8]);
                Send(false, id, 32, true, Filled('O', 24));
                Assert.Contains("ipv4.frag_overlap", Send(false, id, start * 8, true, Filled('N', (end - start) * 8)).Events);
                Send(false, id, 8, true, Filled('.', (low - 1) * 8));
                Packet? rebuilt = Send(false, id, high * 8, false, Filled('.', (11 - high) * 8)).Rebuilt;
                Assert.NotNull(rebuilt);
                string payload = Encoding.ASCII.GetString(rebuilt.Payload);
                results.Add(string.Concat(Enumerable.Range(2, 6).Select(block => payload[block * 8])));
            }
        }

        Assert.Equal(expected, string.Join(' ', results));
    }

    [Fact]
    public void OverlappingFragmentIsHeldBackInlineAndTheFirstBytesStay()
    {
        _defragmenter = Create(new DefragSettings { DropOverlaps = true }, [new HostOsEntry(default, 0, HostOs.Last)]);
        byte[] data = Fragments.UdpData("harmless"u8);
        Send(false, 1, 0, true, data.AsSpan(0, 8));
        Send(false, 1, 8, true, "harmle"u8.ToArray().Concat("ss"u8.ToArray()).ToArray());
        Assert.Equal(DefragResult.Overlap, Send(false, 1, 8, true, "ATTACK!!"u8).Result);
        Assert.Equal(DefragResult.Overlap, Send(false, 1, 0, true, data.AsSpan(0, 8)).Result);
        Packet? rebuilt = Send(false, 1, 16, false, "x"u8).Rebuilt;
        Assert.NotNull(rebuilt);
        Assert.StartsWith("harmless", Encoding.ASCII.GetString(rebuilt.Payload), StringComparison.Ordinal);
    }

    [Fact]
    public void InlineADatagramHasOneEnd()
    {
        _defragmenter = Create(new DefragSettings { DropOverlaps = true });
        Send(false, 1, 16, false, new byte[8]);
        Assert.Equal(DefragResult.Overlap, Send(false, 1, 24, true, new byte[8]).Result);
        Assert.Equal(DefragResult.Overlap, Send(false, 1, 8, false, new byte[4]).Result);
        Send(false, 2, 16, true, new byte[16]);
        Assert.Equal(DefragResult.Overlap, Send(false, 2, 8, false, new byte[8]).Result);
        Assert.Equal(DefragResult.Waiting, Send(false, 2, 32, false, new byte[8]).Result);
    }

    [Fact]
    public void FirstFragmentsHeadersBeforeTheFragmentHeaderAreKept()
    {
        byte[] data = Fragments.UdpData("abcdefgh"u8);
        byte[] options = [44, 0, 1, 4, 0, 0, 0, 0];
        Process(Fragments.V6(7, 0, true, data.AsSpan(0, 8), 17, options));
        Packet? rebuilt = Process(Fragments.V6(7, 8, false, data.AsSpan(8), 17, options)).Rebuilt;
        Assert.NotNull(rebuilt);
        Assert.Equal(-1, rebuilt.FragmentHeaderOffset);
        Assert.Equal(48, rebuilt.NetworkHeaderLength);
        Assert.Equal("abcdefgh"u8, rebuilt.Payload);
    }

    [Fact]
    public void AtomicFragmentNeedsNoOther()
    {
        Packet packet = new Decoding().Decode(Fragments.V6(7, 0, false, Fragments.UdpData("abc"u8)));
        Assert.False(packet.Has(PacketFlags.Fragment));
        Assert.Equal("abc"u8, packet.Payload);
        Assert.Equal(["ipv6.exthdr_useless_fh"], Decoding.EventNames(packet));
    }

    [Fact]
    public void ImpossibleLengthsAreRefusedWithTheirEvents()
    {
        Assert.Equal(["ipv4.frag_pkt_too_large"], Send(false, 1, 65_528, false, new byte[64]).Events);
        Assert.Equal(["ipv6.frag_pkt_too_large"], Send(true, 1, 65_528, false, new byte[64]).Events);
        Assert.Equal(["ipv6.frag_invalid_length"], Send(true, 2, 8, true, new byte[15]).Events);
        Assert.Equal(0, _defragmenter.Waiting);
    }

    [Fact]
    public void LargestDatagramIsRebuiltAndOneByteMoreIsNot()
    {
        byte[] data = Fragments.UdpData(new byte[65_535 - 20 - 8]);
        Assert.NotNull(SendAll(1, data));
        Assert.Null(SendAll(2, [.. data, 0]));
    }

    [Fact]
    public void DatagramOfAnotherProtocolOrIdentificationIsAnother()
    {
        byte[] data = Fragments.UdpData("abcdefgh"u8);
        Send(false, 1, 0, true, data.AsSpan(0, 8));
        Assert.Null(Process(Fragments.V4(1, 8, false, data.AsSpan(8), 6)).Rebuilt);
        Assert.Null(Send(false, 2, 8, false, data.AsSpan(8)).Rebuilt);
        Assert.NotNull(Send(false, 1, 8, false, data.AsSpan(8)).Rebuilt);
    }

    [Fact]
    public void WaitingFragmentsAreForgottenAfterTheTimeout()
    {
        byte[] data = Fragments.UdpData("abcdefgh"u8);
        Send(false, 1, 0, true, data.AsSpan(0, 8));
        _defragmenter.Expire(_nowUs + 59_000_000);
        Assert.Equal(1, _defragmenter.Waiting);
        _defragmenter.Expire(_nowUs + 60_000_000);
        Assert.Equal(0, _defragmenter.Waiting);
        Assert.Equal(0, _defragmenter.UsedBytes);
        Assert.Equal(1, _defragmenter.Counters.Timeouts);
    }

    [Fact]
    public void MemoryCapIsNeverExceededAndSaysSo()
    {
        const long Cap = 64 * 2048;
        _defragmenter = Create(new DefragSettings { MemcapBytes = Cap });
        int refused = 0;
        for (uint id = 1; id <= 1000; id++)
        {
            (DefragResult result, _, string[] events) = Send(false, id, 8, true, new byte[1400]);
            if (result == DefragResult.NoMemory)
            {
                refused++;
                Assert.Contains("ipv4.frag_ignored", events);
            }

            Assert.True(_defragmenter.UsedBytes <= Cap);
        }

        Assert.True(refused > 900);
        Assert.True(_defragmenter.Counters.MemcapReached > 900);
    }

    [Fact]
    public void OldestDatagramGivesWayWhenThereAreTooMany()
    {
        _defragmenter = Create(new DefragSettings { MaxTrackers = 100 });
        for (uint id = 1; id <= 150; id++)
        {
            Send(false, id, 8, true, new byte[8]);
        }

        Assert.Equal(100, _defragmenter.Waiting);
        Assert.Equal(50, _defragmenter.Counters.HardReuse);
    }

    [Fact]
    public void FloodOfOverlapsIsCutOff()
    {
        for (int i = 0; i < 500; i++)
        {
            Send(false, 1, 8, true, new byte[16]);
        }

        Assert.True(_defragmenter.UsedBytes < 200 * 2048);
        Assert.Equal(DefragResult.NoMemory, Send(false, 1, 8, true, new byte[16]).Result);
    }

    [Fact]
    public void NothingIsAllocatedOnceWarm()
    {
        byte[] data = Fragments.UdpData(new byte[2992]);
        byte[][] frames = [Fragments.V4(1, 0, true, data.AsSpan(0, 1480)), Fragments.V4(1, 2960, false, data.AsSpan(2960)), Fragments.V4(1, 1480, true, data.AsSpan(1480, 1480))];
        Run(5);
        long before = GC.GetAllocatedBytesForCurrentThread();
        int rebuilt = Run(500);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(500, rebuilt);

        int Run(int times)
        {
            int count = 0;
            for (int i = 0; i < times; i++)
            {
                foreach (byte[] frame in frames)
                {
                    _packet.Reset(frame, 0, frame.Length, new FrameInfo { LinkType = LinkType.Ethernet, TimestampUs = 1 });
                    _decoder.Decode(_packet, _inner);
                    if (_defragmenter.Process(_packet, out Packet? whole) == DefragResult.Rebuilt)
                    {
                        _decoder.DecodeRebuilt(whole!, _inner);
                        count++;
                    }
                }
            }

            return count;
        }
    }

    [Fact]
    public void RandomFragmentsNeverBreakAnything()
    {
        Random random = new(4711);
        byte[] data = new byte[256];
        for (int i = 0; i < 50_000; i++)
        {
            int offset = random.Next(0, 30) * 8;
            int length = random.Next(1, 64);
            random.NextBytes(data);
            (_, Packet? rebuilt, _) = Send(random.Next(2) == 0, (uint)random.Next(8), offset, random.Next(3) != 0, data.AsSpan(0, length));
            if (rebuilt is not null)
            {
                Decoding.Check(rebuilt);
            }

            _nowUs += 1000;
        }

        _defragmenter.Expire(_nowUs + 120_000_000);
        Assert.Equal(0, _defragmenter.UsedBytes);
    }

    private static Defragmenter Create(DefragSettings settings, HostOsEntry[]? hostOs = null) =>
        new(settings, hostOs ?? [], vlanTracking: true, new FlowHash(1, 2));

    private static byte[] Filled(char letter, int length)
    {
        byte[] bytes = new byte[length];
        bytes.AsSpan().Fill((byte)letter);
        return bytes;
    }

    private static IEnumerable<int[]> Permutations(int count) =>
        count == 0 ? [[]] : Permutations(count - 1).SelectMany(rest => Enumerable.Range(0, count).Select(at => rest[..at].Append(count - 1).Concat(rest[at..]).ToArray()));

    private Packet? SendAll(uint id, byte[] data)
    {
        Packet? rebuilt = null;
        for (int start = 0; start < data.Length; start += 1480)
        {
            int end = Math.Min(start + 1480, data.Length);
            rebuilt = Send(false, id, start, end < data.Length, data.AsSpan(start, end - start)).Rebuilt;
        }

        return rebuilt;
    }

    private (DefragResult Result, Packet? Rebuilt, string[] Events) Send(bool v6, uint id, int offset, bool more, ReadOnlySpan<byte> data) =>
        Process(v6 ? Fragments.V6(id, offset, more, data) : Fragments.V4((ushort)id, offset, more, data));

    private (DefragResult Result, Packet? Rebuilt, string[] Events) Process(byte[] frame)
    {
        _packet.Reset(frame, 0, frame.Length, new FrameInfo { LinkType = LinkType.Ethernet, TimestampUs = _nowUs });
        _decoder.Decode(_packet, _inner);
        if (!_packet.Has(PacketFlags.Fragment))
        {
            return (DefragResult.Waiting, null, Decoding.EventNames(_packet));
        }

        DefragResult result = _defragmenter.Process(_packet, out Packet? rebuilt);
        if (rebuilt is not null)
        {
            _decoder.DecodeRebuilt(rebuilt, _inner);
        }

        return (result, rebuilt, Decoding.EventNames(_packet));
    }
}
