using System.Buffers.Binary;
using System.IO.Compression;
using BridgeGuard.Attachments;
using BridgeGuard.Attachments.Offline;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Worker;
using Xunit;

namespace BridgeGuard.Host.Tests.Attachments.Offline;

public sealed class OfflineAttachmentTests : IDisposable
{
    private static readonly byte[] Arp = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x06, .. new byte[46]];
    private static readonly byte[] Ipv6 = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x86, 0xDD, 0x60, .. new byte[45]];

    private readonly ScratchFolder _scratch = new();
    private readonly ScriptedProcessor _processor = new();

    public void Dispose() => _scratch.Dispose();

    private AttachmentError? Read(string[] paths, string? filter = null, AttachmentHooks? hooks = null)
    {
        using OfflineAttachment attachment = new(new OfflineOptions { Paths = paths, Filter = filter });
        return attachment.Open() ?? attachment.Run(_ => _processor, hooks ?? AttachmentHooks.None, TestContext.Current.CancellationToken);
    }

    [Fact]
    public void TimeNumberAndLengthsComeFromTheCapture()
    {
        string path = new CaptureBuilder().Add(Arp, 1_700_000_000, 123_456, 1514).Add(Ipv6, 1_700_000_001, 5).Save(_scratch.Path);
        Assert.Null(Read([path]));
        FrameInfo first = _processor.Seen[0].Info;
        Assert.Equal(1_700_000_000_123_456, first.TimestampUs);
        Assert.Equal((1ul, 1514, LinkType.Ethernet), (first.Number, first.WireLength, first.LinkType));
        Assert.Equal((2ul, 60), (_processor.Seen[1].Info.Number, _processor.Seen[1].Info.WireLength));
    }

    [Fact]
    public void NanosecondCapturesAreReadInMicroseconds()
    {
        string path = new CaptureBuilder(magic: 0xA1B23C4D).Add(Arp, 10, 123_456_789).Save(_scratch.Path);
        Assert.Null(Read([path]));
        Assert.Equal(10_123_456, _processor.Seen.Single().Info.TimestampUs);
    }

    [Fact]
    public void PcapngIsRead()
    {
        string path = Path.Combine(_scratch.Path, "input.pcapng");
        File.WriteAllBytes(path, Pcapng(Arp));
        Assert.Null(Read([path]));
        Assert.Equal(Arp, _processor.Seen.Single().Frame);
    }

    [Fact]
    public void CapturesCompressedWithGzipAreReadInFoldersToo()
    {
        byte[] capture = new CaptureBuilder().Add(Arp).Add(Ipv6).ToArray();
        string file = Path.Combine(_scratch.Path, "a.pcap.gz");
        File.WriteAllBytes(file, [.. Gzip(capture[..^60]), .. Gzip(capture[^60..])]); // Two members, as "cat a.gz b.gz" makes.
        File.WriteAllBytes(Path.Combine(_scratch.Path, "not-a-capture.gz"), Gzip("text"u8.ToArray()));
        Assert.Null(Read([file]));
        Assert.Equal([Arp, Ipv6], _processor.Seen.Select(seen => seen.Frame));
        Assert.Null(Read([_scratch.Path]));
        Assert.Equal(4, _processor.Seen.Count);
    }

    [Fact]
    public void ALargeCompressedCaptureIsReadInPiecesAndMayBeLeft()
    {
        CaptureBuilder builder = new();
        for (int i = 0; i < 20_000; i++)
        {
            builder.Add(Arp);
        }

        string file = Path.Combine(_scratch.Path, "large.gz");
        File.WriteAllBytes(file, Gzip(builder.ToArray()));
        Assert.Null(Read([file]));
        Assert.Equal(20_000, _processor.Seen.Count);
        using CancellationTokenSource stop = new();
        ScriptedProcessor first = new((_, _) =>
        {
            stop.Cancel();
            return Verdict.Pass;
        });
        using OfflineAttachment attachment = new(new OfflineOptions { Paths = [file] });
        Assert.Null(attachment.Open());
        Assert.Null(attachment.Run(_ => first, AttachmentHooks.None, stop.Token));
        Assert.Single(first.Seen);
    }

    [Fact]
    public void DamagedCompressionIsOneErrorAfterTheFramesBeforeIt()
    {
        byte[] whole = Gzip(new CaptureBuilder().Add(Arp).Add(Ipv6).ToArray());
        string file = Path.Combine(_scratch.Path, "damaged.gz");
        byte[] damaged = [.. whole];
        damaged[^6] ^= 0xFF; // In the checksum.
        File.WriteAllBytes(file, damaged);
        AttachmentError? error = Read([file]);
        Assert.Equal((AttachmentErrorKind.Corrupt, $"{file}: the compressed data is damaged"), (error!.Kind, error.Message));
        File.WriteAllBytes(file, whole[..^20]);
        Assert.Contains(file, Read([file])!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void OtherCompressionsAreNamedWithWhatHelps()
    {
        string file = Path.Combine(_scratch.Path, "a.zst");
        File.WriteAllBytes(file, [0x28, 0xB5, 0x2F, 0xFD, 0, 0, 0]);
        AttachmentError? error = Read([file]);
        Assert.Equal(AttachmentErrorKind.Unsupported, error?.Kind);
        Assert.Contains("zstd -dc", error!.Message, StringComparison.Ordinal);
    }

    private static byte[] Gzip(byte[] bytes)
    {
        MemoryStream packed = new();
        using (GZipStream gzip = new(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(bytes);
        }

        return packed.ToArray();
    }

    [Theory]
    [InlineData(101u, LinkType.RawBsd)] // libpcap gives LINKTYPE_RAW back as this platform's DLT_RAW.
    [InlineData(113u, LinkType.LinuxSll)]
    [InlineData(276u, LinkType.LinuxSll2)]
    [InlineData(228u, LinkType.Ipv4)]
    [InlineData(0u, LinkType.Null)]
    public void LinkTypesAreHandedOn(uint inFile, LinkType expected)
    {
        string path = new CaptureBuilder(inFile).Add(Arp).Save(_scratch.Path);
        Assert.Null(Read([path]));
        Assert.Equal(expected, _processor.Seen.Single().Info.LinkType);
    }

    [Fact]
    public void AnUnknownLinkTypeIsOneClearError()
    {
        AttachmentError? error = Read([new CaptureBuilder(127).Add(Arp).Save(_scratch.Path)]);
        Assert.Equal(AttachmentErrorKind.Unsupported, error?.Kind);
        Assert.EndsWith("link type 127 is not supported", error?.Message);
    }

    [Fact]
    public void ACutCaptureGivesItsWholeFramesThenNamesTheBadPacket()
    {
        string path = new CaptureBuilder().Add(Arp).Add(Arp).Add(Ipv6).Save(_scratch.Path, cut: 20);
        AttachmentError? error = Read([path]);
        Assert.Equal(2, _processor.Seen.Count);
        Assert.Equal((AttachmentErrorKind.Truncated, 3ul), (error!.Kind, error.PacketNumber));
        Assert.StartsWith($"{path}: packet 3: truncated dump file", error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(23)]
    public void AFileHeaderThatIsCutIsAnError(int length)
    {
        string path = Path.Combine(_scratch.Path, "short.pcap");
        File.WriteAllBytes(path, new CaptureBuilder().ToArray()[..length]);
        Assert.Equal(AttachmentErrorKind.Truncated, Read([path])?.Kind);
    }

    [Fact]
    public void BytesThatAreNoCaptureAreAnError()
    {
        string path = Path.Combine(_scratch.Path, "text.pcap");
        File.WriteAllText(path, new string('x', 100));
        AttachmentError? error = Read([path]);
        Assert.Equal(AttachmentErrorKind.Corrupt, error?.Kind);
        Assert.StartsWith(path, error?.Message);
    }

    [Fact]
    public void ARecordWithAnAbsurdLengthIsAnErrorWithItsNumber()
    {
        byte[] bytes = new CaptureBuilder().Add(Arp).Add(Arp).ToArray();
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(24 + 16 + 60 + 8), 0x7FFF_FFFF);
        string path = Path.Combine(_scratch.Path, "bad.pcap");
        File.WriteAllBytes(path, bytes);
        AttachmentError? error = Read([path]);
        Assert.Equal((AttachmentErrorKind.Corrupt, 2ul), (error!.Kind, error.PacketNumber));
    }

    [Fact]
    public void AMissingFileIsAnErrorThatNamesIt()
    {
        AttachmentError? error = Read(["/nonexistent/x.pcap"]);
        Assert.Equal((AttachmentErrorKind.NotFound, "/nonexistent/x.pcap: no such file or folder"), (error!.Kind, error.Message));
    }

    [Fact]
    public void NumbersRunOnThroughSeveralFiles()
    {
        string a = new CaptureBuilder().Add(Arp).Add(Arp).Save(_scratch.Path, "a.pcap");
        string b = new CaptureBuilder(228).Add(Ipv6).Save(_scratch.Path, "b.pcap");
        Assert.Null(Read([a, b]));
        Assert.Equal([1ul, 2, 3], _processor.Seen.Select(seen => seen.Info.Number));
        Assert.Equal(LinkType.Ipv4, _processor.Seen[2].Info.LinkType);
    }

    [Fact]
    public void ADamagedFileDoesNotKeepTheNextFromBeingRead()
    {
        string a = new CaptureBuilder().Add(Arp).Add(Arp).Save(_scratch.Path, "a.pcap", cut: 1);
        string b = new CaptureBuilder().Add(Ipv6).Save(_scratch.Path, "b.pcap");
        Assert.Equal(AttachmentErrorKind.Truncated, Read([a, b])?.Kind);
        Assert.Equal([Arp, Ipv6], _processor.Seen.Select(seen => seen.Frame));
    }

    [Fact]
    public void AFolderIsReadOldestFirstAndOtherFilesAreLeftOut()
    {
        string young = new CaptureBuilder().Add(Arp).Save(_scratch.Path, "a.pcap");
        string old = new CaptureBuilder().Add(Ipv6).Save(_scratch.Path, "b.pcap");
        File.SetLastWriteTimeUtc(old, DateTime.UnixEpoch.AddDays(1));
        File.SetLastWriteTimeUtc(young, DateTime.UnixEpoch.AddDays(2));
        File.WriteAllText(Path.Combine(_scratch.Path, "notes.txt"), "not a capture");
        List<string> files = [];
        Assert.Null(Read([_scratch.Path], hooks: new AttachmentHooks { FileStarted = files.Add }));
        Assert.Equal([old, young], files);
        Assert.Equal([Ipv6, Arp], _processor.Seen.Select(seen => seen.Frame));
    }

    [Fact]
    public void AFilterLeavesFramesOutBeforeTheyAreNumbered()
    {
        string path = new CaptureBuilder().Add(Arp).Add(Ipv6).Add(Arp).Save(_scratch.Path);
        Assert.Null(Read([path], "ip6"));
        Assert.Equal((1, 1ul), (_processor.Seen.Count, _processor.Seen[0].Info.Number));
    }

    [Fact]
    public void AFilterThatDoesNotCompileIsAnErrorWithItsText()
    {
        AttachmentError? error = Read([new CaptureBuilder().Add(Arp).Save(_scratch.Path)], "tcp prot 80");
        Assert.Equal(AttachmentErrorKind.BadArgument, error?.Kind);
        Assert.Contains("tcp prot 80", error?.Message);
    }

    [Fact]
    public void ANamedPipeIsReadAsStandardInputIs()
    {
        string pipe = Path.Combine(_scratch.Path, "pipe");
        Assert.Equal(0, Bridge.BridgeLab.Run("mkfifo", pipe).Code);
        byte[] capture = new CaptureBuilder().Add(Arp).Add(Ipv6).ToArray();
        Thread writing = new(() => File.WriteAllBytes(pipe, capture));
        writing.Start();
        AttachmentProgress last = new(1, 1, 1);
        Assert.Null(Read([pipe], hooks: new AttachmentHooks { Progress = progress => last = progress }));
        writing.Join();
        Assert.Equal([Arp, Ipv6], _processor.Seen.Select(seen => seen.Frame));
        Assert.Equal((0, 2ul), (last.BytesTotal, last.Frames));
    }

    [Fact]
    public void ProgressEndsWithEverythingRead()
    {
        string path = new CaptureBuilder().Add(Arp).Add(Ipv6).Save(_scratch.Path);
        AttachmentProgress last = default;
        Assert.Null(Read([path], hooks: new AttachmentHooks { Progress = progress => last = progress }));
        Assert.Equal(new AttachmentProgress(new FileInfo(path).Length, new FileInfo(path).Length, 2), last);
    }

    private static byte[] Pcapng(byte[] frame)
    {
        MemoryStream stream = new();
        using BinaryWriter writer = new(stream);
        uint[] section = [0x0A0D0D0A, 28, 0x1A2B3C4D, 0x0000_0001, 0xFFFF_FFFF, 0xFFFF_FFFF, 28];
        uint[] description = [1, 20, 1, 65535, 20];
        uint total = (uint)(32 + frame.Length);
        uint[] packet = [6, total, 0, 0, 1_000_000, (uint)frame.Length, (uint)frame.Length];
        Array.ForEach([.. section, .. description, .. packet], writer.Write);
        writer.Write(frame);
        writer.Write(total);
        return stream.ToArray();
    }
}
