using System.Text;
using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Nfs;
using Xunit;
using static BridgeGuard.Engine.Tests.Protocols.Nfs.NfsSamples;

namespace BridgeGuard.Engine.Tests.Protocols.Nfs;

public sealed class NfsParserTests
{
    private readonly ProtocolBench _bench = new(new NfsProtocol());

    [Fact]
    public void ACallIsShownWithItsCredentialsAndStatus()
    {
        _bench.Feed(Direction.ToServer, Record(Lookup(9, "a.txt")));
        _bench.Feed(Direction.ToClient, Record(Reply(9, [.. U32(2), .. U32(0)])));
        Assert.Equal(
            """{"rpc":{"xid":9,"status":"ACCEPTED","auth_type":"UNIX","creds":{"machine_name":"client1!","uid":1000,"gid":100}},"nfs":{"version":3,"procedure":"LOOKUP","filename":"a.txt","id":1,"file_tx":false,"type":"response","status":"ERR_NOENT"}}""",
            _bench.Eve());
    }

    [Fact]
    public void ALookupThatFailedShowsTheDirectorysAttributesAsAHandle()
    {
        _bench.Feed(Direction.ToServer, Record(Lookup(9, "a.txt")));
        _bench.Feed(Direction.ToClient, Record(Reply(9, [.. U32(2), .. U32(1), .. new byte[84]])));
        Assert.Contains("\"hhash\":\"d202ef8d\"", _bench.Eve());
    }

    [Fact]
    public void ALookupThatFailedWithoutAttributesIsMalformed()
    {
        _bench.Feed(Direction.ToServer, Record(Lookup(9, "a.txt")));
        _bench.Feed(Direction.ToClient, Record(Reply(9, U32(2))));
        Assert.Contains("malformed_data", _bench.Anomalies());
    }

    [Fact]
    public void WritesOfAFileAreOneTransactionUntilTheCommit()
    {
        _bench.Feed(Direction.ToServer, Record(Lookup(1, "a.txt")));
        _bench.Feed(Direction.ToClient, Record(Found(1)));
        _bench.Feed(Direction.ToServer, [.. Record(Write(2, 3, "def"u8, 0)), .. Record(Write(3, 0, "abc"u8, 0))]);
        TrackedFile file = _bench.Transaction(1).FilesToServer![0];
        Assert.Equal("a.txt", Encoding.ASCII.GetString(file.Name));
        Assert.Equal("abcdef", Encoding.ASCII.GetString(file.Content.Data));
        Assert.False(file.IsEnded);
        _bench.Feed(Direction.ToServer, Record(Commit(4)));
        Assert.Equal(FileState.Closed, file.State);
        Assert.Contains("\"write\":{\"first\":true,\"last\":true,\"last_xid\":4,\"chunks\":2}", _bench.Eve(1));
        Assert.True(Matches("nfs_procedure", "21", 1));
        Assert.True(Matches("nfs_procedure", "7", 1));
    }

    [Fact]
    public void AReadEndsWithTheFile()
    {
        _bench.Feed(Direction.ToServer, [.. Record(Read(5, 0)), .. Record(Read(6, 4))]);
        _bench.Feed(Direction.ToClient, [.. Record(ReadDone(5, "read"u8, isEnd: false)), .. Record(ReadDone(6, "content"u8, isEnd: true))]);
        TrackedFile file = _bench.Transaction(0).FilesToClient![0];
        Assert.Equal("readcontent", Encoding.ASCII.GetString(file.Content.Data));
        Assert.Equal(FileState.Closed, file.State);
        Assert.Contains("\"read\":{\"first\":true,\"last\":true,\"last_xid\":6,\"chunks\":2}", _bench.Eve());
    }

    [Fact]
    public void ALargeWriteIsNotHeldAndALossInItIsAGapOfTheFile()
    {
        byte[] message = Record(Write(2, 0, new byte[1 << 20], 2));
        Assert.Equal(2000, _bench.Feed(Direction.ToServer, message.AsSpan(0, 2000)).Consumed);
        _bench.Gap(Direction.ToServer, 300_000);
        _bench.Feed(Direction.ToServer, [.. message[302_000..], .. Record(Lookup(3, "next"))]);
        TrackedFile file = _bench.Transaction(0).FilesToServer![0];
        Assert.Equal(1 << 20, file.Size);
        Assert.Equal(FileState.Truncated, file.State);
        Assert.Equal(2, _bench.State.Transactions.Count);
    }

    [Fact]
    public void AMessageOfSeveralFragmentsIsPutTogether()
    {
        byte[] call = Lookup(1, "a.txt");
        _bench.Feed(Direction.ToServer, [.. Record(call[..30], isLast: false), .. Record(call[30..50], isLast: false), .. Record(call[50..])]);
        Assert.Contains("a.txt", _bench.Eve());
    }

    [Fact]
    public void AfterALossTheNextCallIsFound()
    {
        _bench.Gap(Direction.ToServer, 100);
        _bench.Feed(Direction.ToServer, [.. new byte[37], .. Record(Lookup(1, "a.txt"))]);
        Assert.Contains("a.txt", _bench.Eve());
    }

    [Fact]
    public void AWriteInACompoundIsAFile()
    {
        _bench.Feed(Direction.ToServer, Record(Compound(
            2, 2, [.. U32(22), .. Opaque(Handle), .. U32(38), .. new byte[16], .. U64(0), .. U32(2), .. Opaque("hello"u8)])));
        TrackedFile file = _bench.Transaction(0).FilesToServer![0];
        Assert.Equal("hello", Encoding.ASCII.GetString(file.Content.Data));
        Assert.Equal(FileState.Closed, file.State);
        Assert.True(Matches("nfs.version", "4", 0));
    }

    /// <summary>Two files in one compound, and what is between and behind them, cut at every byte.</summary>
    [Fact]
    public void WritesBehindTheDataOfAnotherAreReadTooWhereverTheyAreCut()
    {
        byte[] other = "ANOTHER_HANDLE"u8.ToArray();
        byte[] record = Record(Compound(
            2, 7,
            [
                .. Operation(53, new byte[32]), .. Operation(22, Opaque(Handle)), .. Written(0, 0, "five "u8), .. Operation(9, [.. U32(1), .. U32(0x18)]),
                .. Written(5, 2, "bytes"u8), .. Operation(22, Opaque(other)), .. Written(0, 2, "other file"u8),
            ]));
        for (int cut = 1; cut < record.Length; cut++)
        {
            var bench = new ProtocolBench(new NfsProtocol());
            bench.Feed(Direction.ToServer, record.AsSpan(0, cut));
            bench.Feed(Direction.ToServer, record.AsSpan(cut));
            Assert.Equal(2, bench.State.Transactions.Count);
            Assert.Equal("five bytes", Encoding.ASCII.GetString(bench.Transaction(0).FilesToServer![0].Content.Data));
            Assert.Equal("other file", Encoding.ASCII.GetString(bench.Transaction(1).FilesToServer![0].Content.Data));
            Assert.Equal(FileState.Closed, bench.Transaction(1).FilesToServer![0].State);
        }
    }

    /// <summary>Each read of a compound has its own place in the file; the reply has them in the same order.</summary>
    [Fact]
    public void ReadsOfOneCompoundKeepTheirPlacesWhereverTheirReplyIsCut()
    {
        byte[] call = Record(Compound(
            3, 5, [.. Operation(53, new byte[32]), .. Operation(22, Opaque(Handle)), .. Asked(4), .. Asked(0), .. Operation(9, [.. U32(1), .. U32(0x18)])]));
        byte[] reply = Record(Reply(
            3,
            [
                .. U32(0), .. U32(0), .. U32(5), .. Result(53, new byte[36]), .. Result(22, []), .. Result(25, [.. U32(0), .. Opaque("fourth"u8)]),
                .. Result(25, [.. U32(0), .. Opaque("zero"u8)]), .. Result(9, [.. U32(1), .. U32(0x18), .. Opaque(new byte[16])]),
            ]));
        for (int cut = 1; cut < reply.Length; cut++)
        {
            var bench = new ProtocolBench(new NfsProtocol());
            bench.Feed(Direction.ToServer, call);
            bench.Feed(Direction.ToClient, reply.AsSpan(0, cut));
            bench.Feed(Direction.ToClient, reply.AsSpan(cut));
            Assert.Equal("zerofourth", Encoding.ASCII.GetString(bench.Transaction(0).FilesToClient![0].Content.Data));
        }
    }

    /// <summary>Operations that a client of 4.0 or 4.1 puts before a write or read: each has to be passed over by its own shape.</summary>
    [Theory]
    [InlineData("18 open, new file by name", 18)]
    [InlineData("18 open by handle", 1018)]
    [InlineData("18 open, exclusive 4.1", 2018)]
    [InlineData("34 attributes", 34)]
    [InlineData("37 verify", 37)]
    [InlineData("12 lock of a new owner", 12)]
    [InlineData("12 lock of a known owner", 1012)]
    [InlineData("14 unlock", 14)]
    [InlineData("15 lookup", 15)]
    [InlineData("31 saved handle", 31)]
    [InlineData("6 create a link", 6)]
    [InlineData("26 directory", 26)]
    [InlineData("55 states", 55)]
    [InlineData("59 room", 59)]
    public void WhatComesBeforeAWriteIsPassedOver(string what, int kind)
    {
        byte[] owner = [.. U64(1), .. Opaque("owner"u8)];
        byte[] attributes = [.. U32(2), .. U32(0x10), .. U32(2), .. Opaque(new byte[12])];
        byte[] before = kind switch
        {
            18 => [.. U32(1), .. U32(2), .. U32(0), .. owner, .. U32(1), .. U32(0), .. attributes, .. U32(0), .. Opaque("name"u8)],
            1018 => [.. U32(1), .. U32(2), .. U32(0), .. owner, .. U32(0), .. U32(4)],
            2018 => [.. U32(1), .. U32(2), .. U32(0), .. owner, .. U32(1), .. U32(3), .. U64(9), .. attributes, .. U32(0), .. Opaque("name"u8)],
            34 => [.. new byte[16], .. attributes],
            37 => attributes,
            12 => [.. U32(1), .. U32(0), .. U64(0), .. U64(9), .. U32(1), .. U32(1), .. new byte[16], .. U32(2), .. owner],
            1012 => [.. U32(1), .. U32(0), .. U64(0), .. U64(9), .. U32(0), .. new byte[16], .. U32(2)],
            14 => [.. U32(1), .. U32(1), .. new byte[16], .. U64(0), .. U64(9)],
            15 => Opaque("name"u8),
            31 => [],
            6 => [.. U32(5), .. Opaque("target"u8), .. Opaque("name"u8), .. attributes],
            26 => [.. U64(0), .. U64(0), .. U32(100), .. U32(100), .. U32(1), .. U32(0x18)],
            55 => [.. U32(2), .. new byte[32]],
            _ => [.. new byte[16], .. U64(0), .. U64(9)],
        };
        _bench.Feed(Direction.ToServer, Record(Compound(2, 4, [.. Operation(22, Opaque(Handle)), .. Operation(32, []), .. Operation((uint)(kind % 1000), before), .. Written(0, 2, "content"u8)])));

        // What creates is a transaction too.
        int others = kind == 6 ? 1 : 0;
        Assert.True(_bench.State.Transactions.Count == others + 1, what);
        Assert.Equal("content", Encoding.ASCII.GetString(_bench.Transaction(others).FilesToServer![0].Content.Data));
    }

    private static byte[] Operation(uint number, byte[] arguments) => [.. U32(number), .. arguments];

    private static byte[] Result(uint number, byte[] results) => [.. U32(number), .. U32(0), .. results];

    private static byte[] Written(ulong offset, uint stable, ReadOnlySpan<byte> data) => Operation(38, [.. new byte[16], .. U64(offset), .. U32(stable), .. Opaque(data)]);

    private static byte[] Asked(ulong offset) => Operation(25, [.. new byte[16], .. U64(offset), .. U32(100)]);

    [Theory]
    [InlineData("3", true)]
    [InlineData("1-3", true)]
    [InlineData("3<>5", true)]
    [InlineData("!3", false)]
    [InlineData(">3", false)]
    public void RangesIncludeTheirBounds(string argument, bool expected)
    {
        _bench.Feed(Direction.ToServer, Record(Lookup(1, "a.txt")));
        Assert.Equal(expected, Matches("nfs_procedure", argument, 0));
    }

    [Fact]
    public void OfTooManyOpenTransactionsTheOldestIsGivenUp()
    {
        var bench = new ProtocolBench(new NfsProtocol(), new Dictionary<string, string> { ["max-tx"] = "2" });
        bench.Feed(Direction.ToServer, [.. Record(Lookup(1, "a")), .. Record(Lookup(2, "b")), .. Record(Lookup(3, "c"))]);
        Assert.Equal([[], [], []], Enumerable.Range(0, bench.State.Transactions.Count).Select(bench.Anomalies));
        bench.Feed(Direction.ToServer, Record(Lookup(4, "d")));
        Assert.Equal([["too_many_transactions"], [], [], []], Enumerable.Range(0, bench.State.Transactions.Count).Select(bench.Anomalies));
        Assert.Equal(1, bench.Transaction(0).ProgressToClient);
        Assert.False(bench.HasStopped);
    }

    [Fact]
    public void AFileThatIsGivenUpTakesNoMoreData()
    {
        var bench = new ProtocolBench(new NfsProtocol(), new Dictionary<string, string> { ["max-tx"] = "3" });
        byte[] write = Record(Call(1, 3, 7, [.. Opaque([1, 2, 3, 4, 5, 6, 7, 8]), .. U64(0), .. U32(8), .. U32(0), .. Opaque([.. "contents"u8])]));
        bench.Feed(Direction.ToServer, write);
        bench.Feed(Direction.ToServer, [.. Record(Lookup(2, "b")), .. Record(Lookup(3, "c")), .. Record(Lookup(4, "d")), .. Record(Lookup(5, "e"))]);
        Assert.Equal(["too_many_transactions"], bench.Anomalies());
        Assert.Equal(FileState.Truncated, bench.Transaction(0).FilesToServer![0].State);

        // More of it is another transaction.
        bench.Feed(Direction.ToServer, write);
        Assert.Equal(6, bench.State.Transactions.Count);
        Assert.Equal(["too_many_transactions"], bench.Anomalies(1));
    }

    [Fact]
    public void DatagramsAreMessages()
    {
        ProtocolState state = new NfsProtocol().CreateState(ProtocolSettings.Empty);
        var flow = new Flow { Key = new FlowKey(default, default, 700, 2049, IpProtocols.Udp, 4, 0, 0, 0, 0, 0) };
        var context = new ParseContext { Flow = flow, Direction = Direction.ToServer, TimeUs = 1, Files = _bench.Files };
        state.Parse(Lookup(1, "a.txt"), in context);
        Assert.Equal(1, state.Transactions.Count);
    }

    private bool Matches(string keyword, string argument, int transaction) => _bench.Protocol.Keywords.Single(k => k.Name == keyword)
        .Parse(argument, out _)!.Match(_bench.Transaction(transaction), Direction.ToServer, _bench.Flow);
}
