using System.Text;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy.Roles;
using BridgeGuard.Host.Tests.Scanning;
using Xunit;

namespace BridgeGuard.Host.Tests.Files;

/// <summary>Writers that go back, leave holes, cut or continue what others wrote: what is judged is what stands in the file in the end, or the role's fail policy decides.</summary>
public sealed class RewrittenUploadTests
{
    private const int FileBytes = 20_000;
    private const int BlockBytes = 4096;
    private const string Guest = "10.0.0.1";
    private const string Server = "10.0.0.100";

    public static TheoryData<string, bool> Writers => new()
    {
        { "smb", false }, { "smb", true }, { "nfs", false }, { "nfs", true }, { "nfs-stable", false }, { "nfs-stable", true }, { "nfs4", false }, { "nfs4", true },
    };

    /// <summary>First something harmless, then over it the malicious bytes, at whatever place they are.</summary>
    [Theory]
    [MemberData(nameof(Writers))]
    public async Task BadBytesOverCleanOnesDoNotStand(string protocol, bool isPipelined)
    {
        foreach (int marker in (int[])[0, 5000, FileBytes / 2, FileBytes - 20])
        {
            (byte[] clean, byte[] bad) = Contents(marker);
            await using var wire = new GuardedWire(GuardedWire.Tail) { Patience = TimeSpan.FromSeconds(20) };
            var upload = new Upload(wire, protocol, "x" + marker, isPipelined, FileBytes);
            upload.WriteAll(clean);
            upload.Write(marker / 64 * 64, bad.AsSpan(marker / 64 * 64, Math.Min(128, FileBytes - (marker / 64 * 64))));
            upload.Close();
            Assert.NotEqual(bad, upload.Disk);
            Assert.True(upload.IsStopped, $"marker at {marker}");
            Assert.Contains(wire.Alerts, alert => alert.Contains("malicious", StringComparison.OrdinalIgnoreCase));
        }
    }

    /// <summary>A writer that goes back to its header, as makers of archives do, is not kept from it: it is judged once more, and the records say what came first.</summary>
    [Theory]
    [MemberData(nameof(Writers))]
    public async Task CleanBytesOverCleanOnesGoOn(string protocol, bool isPipelined)
    {
        (byte[] clean, _) = Contents(100);
        await using var wire = new GuardedWire(GuardedWire.Tail);
        var upload = new Upload(wire, protocol, "archive", isPipelined, FileBytes + 500);
        byte[] header = Encoding.ASCII.GetBytes("now the length is known");
        upload.WriteAll(clean);
        upload.Write(8, header);
        upload.Write(FileBytes, new byte[500]);
        upload.Write(5000, header);
        upload.Close();
        byte[] wanted = [.. clean, .. new byte[500]];
        header.CopyTo(wanted, 8);
        header.CopyTo(wanted, 5000);
        Assert.False(upload.IsStopped);
        Assert.Equal(wanted, upload.Disk);
        Assert.True(wire.Sink.Counters.Overwrites >= 2);
        Assert.True(BridgeGuard.Host.Tests.Attachments.Bridge.BridgeLab.Until(() => wire.Cache.Find(StubScanner.KeyOf(wanted)) is { Kind: Engine.Files.FileVerdictKind.Clean }, 20_000), "what stands there has no verdict");
    }

    /// <summary>The marker is in the end of the file and complete only with a beginning that comes over another open.</summary>
    [Theory]
    [MemberData(nameof(Writers))]
    public async Task PartsOverSeveralOpensDoNotAddUp(string protocol, bool isPipelined)
    {
        (_, byte[] bad) = Contents(BlockBytes - 4);
        await using var wire = new GuardedWire(GuardedWire.Tail) { Patience = TimeSpan.FromSeconds(20) };
        var rest = new Upload(wire, protocol, "parts", isPipelined, FileBytes);
        for (int at = BlockBytes; at < FileBytes; at += BlockBytes)
        {
            rest.Write(at, bad.AsSpan(at, Math.Min(BlockBytes, FileBytes - at)));
        }

        rest.Close();
        Assert.True(rest.IsStopped, "the end goes on without its beginning");
        var beginning = new Upload(wire, protocol, "parts", isPipelined, FileBytes) { Disk = rest.Disk };
        beginning.Write(0, bad.AsSpan(0, BlockBytes));
        beginning.Close();
        Assert.NotEqual(bad, beginning.Disk);
    }

    /// <summary>With a role that fails open what cannot be judged goes on.</summary>
    [Fact]
    public async Task HoleGoesOnWhereTheRoleFailsOpen()
    {
        (_, byte[] bad) = Contents(10);
        await using var wire = new GuardedWire(GuardedWire.Tail with { FilesFailOpen = true });
        var upload = new Upload(wire, "smb", "hole", isPipelined: false, FileBytes);
        upload.Write(BlockBytes, bad.AsSpan(BlockBytes, BlockBytes));
        upload.Close();
        Assert.False(upload.IsStopped);
        Assert.Equal(bad[BlockBytes..(2 * BlockBytes)], upload.Disk[BlockBytes..(2 * BlockBytes)]);
    }

    /// <summary>Blocks that overtake one another are no hole once the last of them is there.</summary>
    [Theory]
    [InlineData("smb")]
    [InlineData("nfs")]
    [InlineData("nfs4")]
    public async Task WritesOutOfOrderGoOn(string protocol)
    {
        (byte[] clean, _) = Contents(10);
        await using var wire = new GuardedWire(GuardedWire.Tail);
        var upload = new Upload(wire, protocol, "order", isPipelined: true, FileBytes);
        foreach (int block in (int[])[1, 0, 3, 4, 2])
        {
            int at = block * BlockBytes;
            upload.Write(at, clean.AsSpan(at, Math.Min(BlockBytes, FileBytes - at)));
        }

        upload.Close();
        Assert.False(upload.IsStopped);
        Assert.Equal(clean, upload.Disk);
    }

    /// <summary>A file that was there before gets malicious bytes in its middle, and nobody has seen its others.</summary>
    [Fact]
    public async Task FileThatWasThereIsNotPatchedUnseen()
    {
        (_, byte[] bad) = Contents(10);
        await using var wire = new GuardedWire(GuardedWire.Tail) { Patience = TimeSpan.FromSeconds(20) };
        var upload = new Upload(wire, "smb", "there", isPipelined: false, FileBytes, existing: FileBytes);
        upload.Write(0, bad.AsSpan(0, 64));
        upload.Close();
        Assert.True(upload.IsStopped);
        Assert.NotEqual(bad[..64], upload.Disk[..64]);
    }

    /// <summary>What is longer on the way is cut to the malicious length by itself.</summary>
    [Theory]
    [InlineData("smb")]
    [InlineData("nfs")]
    [InlineData("nfs4")]
    public async Task FileIsNotCutToWhatNobodyJudged(string protocol)
    {
        (byte[] clean, _) = Contents(10);
        await using var wire = new GuardedWire(GuardedWire.Tail, new StubScanner { OnlySize = FileBytes - 1000 }) { Patience = TimeSpan.FromSeconds(20) };
        var upload = new Upload(wire, protocol, "cut", isPipelined: false, FileBytes);
        upload.WriteAll(clean);
        upload.Resize(FileBytes - 1000);
        upload.Close();
        Assert.True(upload.IsStopped);
        Assert.Equal(FileBytes, upload.Disk.Length);
    }

    /// <summary>Cut to nothing it is another file: what comes then is judged from its first byte.</summary>
    [Theory]
    [InlineData("smb")]
    [InlineData("nfs")]
    [InlineData("nfs-stable")]
    [InlineData("nfs4")]
    public async Task CutToNothingAFileBeginsAnew(string protocol)
    {
        (byte[] clean, byte[] bad) = Contents(FileBytes / 2);
        await using var wire = new GuardedWire(GuardedWire.Tail) { Patience = TimeSpan.FromSeconds(20) };
        var upload = new Upload(wire, protocol, "anew", isPipelined: false, FileBytes);
        upload.WriteAll(clean);
        upload.Resize(0);
        upload.WriteAll(clean[..9000]);
        Assert.False(upload.IsStopped);
        Assert.True(BridgeGuard.Host.Tests.Attachments.Bridge.BridgeLab.Until(() => wire.Cache.Find(StubScanner.KeyOf(clean.AsSpan(0, 9000))) is not null, 20_000), "the second has no verdict of its own");
        upload.Resize(0);
        upload.WriteAll(bad);
        upload.Close();
        Assert.True(upload.IsStopped);
        Assert.NotEqual(bad, upload.Disk);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task FtpUploadDoesNotGoOnWhereAnotherEnded(bool isAppended)
    {
        (_, byte[] bad) = Contents(BlockBytes - 4);
        var coverage = new Coverage(bad);
        await using var wire = new GuardedWire(GuardedWire.Tail) { Patience = TimeSpan.FromMilliseconds(300) };
        Transfers.FtpPut(wire, Guest, Server, "parts", bad[..BlockBytes], coverage);
        Transfers.FtpPutRest(wire, Guest, Server, "parts", bad, BlockBytes, isAppended, coverage);
        Assert.Equal(BlockBytes, coverage.Prefix);
        Assert.False(coverage.IsWhole);
        Assert.Single(wire.Alerts);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public async Task HttpUploadInRangesDoesNotAddUp(bool lastFirst, bool wholeFirst)
    {
        (_, byte[] bad) = Contents(9000 - 4);
        var coverage = new Coverage(bad);
        await using var wire = new GuardedWire(GuardedWire.Tail) { Patience = TimeSpan.FromMilliseconds(300) };
        if (wholeFirst)
        {
            Transfers.HttpPut(wire, Guest, Server, "/parts", bad[..9000], coverage);
        }

        foreach ((int from, int to) in lastFirst ? ((int, int)[])[(9000, FileBytes), (0, 9000), (9000, FileBytes)] : [(0, wholeFirst ? 0 : 9000), (9000, FileBytes), (9000, FileBytes)])
        {
            if (to > from)
            {
                Transfers.HttpPutRange(wire, Guest, Server, "/parts", bad, from, to, coverage);
            }
        }

        Assert.False(coverage.IsWhole);
    }

    private static (byte[] Clean, byte[] Bad) Contents(int marker)
    {
        byte[] clean = new byte[FileBytes];
        new Random(marker).NextBytes(clean);
        byte[] bad = [.. clean];
        Encoding.ASCII.GetBytes(StubScanner.Marker).CopyTo(bad, marker);
        return (clean, bad);
    }

    /// <summary>One open file on a server's disk: what arrives of each write is put where it says, in the order in which it arrives.</summary>
    private sealed class Upload
    {
        private readonly string _protocol;
        private readonly string _name;
        private readonly bool _isPipelined;
        private readonly Conversation _talk;
        private readonly List<(int StreamAt, int At, byte[] Data, long Resize)> _sent = [];
        private readonly List<byte> _waiting = [];
        private int _streamAt;
        private uint _number = 100;

        public Upload(GuardedWire wire, string protocol, string name, bool isPipelined, int size, int existing = 0)
        {
            (_protocol, _name, _isPipelined) = (protocol, name, isPipelined);
            Disk = new byte[size];
            bool isSmb = protocol == "smb";
            _talk = wire.Connect(Guest, Server, isSmb ? (ushort)445 : (ushort)2049);
            if (isSmb)
            {
                SmbWords.Open(_talk, name, existing);
            }
            else if (protocol != "nfs4")
            {
                _talk.ToServer(NfsWords.Lookup(77, name));
                _talk.ToClient(NfsWords.Found(77, name, 0));
            }

            _streamAt = _talk.AtServer.Length;
        }

        public byte[] Disk { get; set; }

        public bool IsStopped => _talk.IsDead;

        public void WriteAll(byte[] content)
        {
            for (int at = 0; at < content.Length; at += BlockBytes)
            {
                Write(at, content.AsSpan(at, Math.Min(BlockBytes, content.Length - at)));
            }
        }

        public void Write(int at, ReadOnlySpan<byte> data)
        {
            uint number = _number++;
            byte[] request = _protocol switch
            {
                "smb" => SmbWords.WriteRequest(number, at, data, out _),
                "nfs4" => NfsWords.Write4(number, _name, at, data, out _),
                _ => NfsWords.Write(number, _name, at, data, out _, _protocol == "nfs-stable"),
            };
            int dataAt = _protocol switch
            {
                "smb" => 4 + 64 + 48,
                _ => request.AsSpan().IndexOf(data),
            };
            _sent.Add((_streamAt + dataAt, at, data.ToArray(), -1));
            Send(request, _protocol switch
            {
                "smb" => SmbWords.Written(number, data.Length),
                "nfs4" => NfsWords.Written4(number, data.Length),
                _ => NfsWords.Written(number, data.Length),
            });
        }

        public void Resize(int size)
        {
            uint number = _number++;
            byte[] request = _protocol switch
            {
                "smb" => SmbWords.Resize(number, size),
                "nfs4" => NfsWords.Resize4(number, _name, size),
                _ => NfsWords.Resize(number, _name, size),
            };
            _sent.Add((_streamAt + request.Length - 1, 0, [0], size));
            Send(request, _protocol == "smb" ? SmbWords.Resized(number) : null);
        }

        public void Close()
        {
            byte[]? last = _protocol switch
            {
                "smb" => SmbWords.Close(_number),
                "nfs" => NfsWords.Commit(_number, _name),
                "nfs4" => NfsWords.Close4(_number, _name),
                _ => null,
            };
            _talk.Burst(Direction.ToServer, [.. _waiting, .. last ?? []]);
            Store();
        }

        private void Send(byte[] request, byte[]? answer)
        {
            _streamAt += request.Length;
            if (_isPipelined)
            {
                _waiting.AddRange(request);
                return;
            }

            if (!_talk.IsDead)
            {
                _talk.Burst(Direction.ToServer, request);
            }

            if (!_talk.IsDead && answer is not null)
            {
                _talk.ToClient(answer);
            }

            Store();
        }

        /// <summary>Only whole messages are carried out, as servers do; those that are cut off never are.</summary>
        private void Store()
        {
            int there = _talk.AtServer.Length;
            while (_sent.Count > 0 && _sent[0].StreamAt + _sent[0].Data.Length <= there)
            {
                (_, int at, byte[] data, long resize) = _sent[0];
                _sent.RemoveAt(0);
                if (resize < 0)
                {
                    data.CopyTo(Disk, at);
                }
                else if (resize > 0)
                {
                    Disk = Disk[..(int)resize];
                }
                else
                {
                    Disk.AsSpan().Clear();
                }
            }
        }
    }
}
