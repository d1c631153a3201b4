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
        _bench.Feed(Direction.ToClient, Record(Reply(9, U32(2))));
        Assert.Equal(
            """{"rpc":{"xid":9,"status":"ACCEPTED","auth_type":"UNIX","creds":{"machine_name":"client1","uid":1000,"gid":100}},"nfs":{"version":3,"procedure":"LOOKUP","filename":"a.txt","id":1,"file_tx":false,"type":"response","status":"ERR_NOENT"}}""",
            _bench.Eve());
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
    public void TooManyOpenTransactionsAreAnAnomalyAndEndTheParsing()
    {
        var bench = new ProtocolBench(new NfsProtocol(), new Dictionary<string, string> { ["max-tx"] = "2" });
        bench.Feed(Direction.ToServer, [.. Record(Lookup(1, "a")), .. Record(Lookup(2, "b")), .. Record(Lookup(3, "c"))]);
        Assert.True(bench.HasStopped);
        Assert.Contains("too_many_transactions", bench.Anomalies(1));
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
