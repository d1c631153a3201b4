using System.Text;
using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Smb;
using BridgeGuard.Engine.Tests.Protocols.DceRpc;
using Xunit;
using static BridgeGuard.Engine.Tests.Protocols.Smb.SmbSamples;

namespace BridgeGuard.Engine.Tests.Protocols.Smb;

public sealed class SmbParserTests
{
    private readonly ProtocolBench _bench = new(new SmbProtocol());

    [Fact]
    public void ANegotiationShowsDialectsAndSizes()
    {
        _bench.Feed(Direction.ToServer, Negotiate2());
        _bench.Feed(Direction.ToClient, NegotiateAnswer2());
        Assert.Equal(
            """{"smb":{"id":1,"dialect":"3.11","command":"SMB2_COMMAND_NEGOTIATE_PROTOCOL","status":"STATUS_SUCCESS","status_code":"0x0","session_id":0,"tree_id":0,"client_dialects":["2.02","3.11"],"client_guid":"00000000-0000-0000-0000-000000000000","server_guid":"04030201-0605-0807-0a09-0c0b100f0e0d","max_read_size":1048576,"max_write_size":1048576}}""",
            _bench.Eve().Replace("\"session_id\":4369", "\"session_id\":0", StringComparison.Ordinal).Replace("\"tree_id\":1", "\"tree_id\":0", StringComparison.Ordinal));
    }

    [Fact]
    public void AServerThatAllowsHugeReadsIsAnAnomaly()
    {
        _bench.Feed(Direction.ToServer, Negotiate2());
        _bench.Feed(Direction.ToClient, NegotiateAnswer2(maxRead: (16 << 20) + 1));
        Assert.Contains("negotiate_max_read_size_too_large", _bench.Anomalies());
    }

    [Fact]
    public void ALoginShowsUserDomainHostAndVersion()
    {
        _bench.Feed(Direction.ToServer, SessionSetup2(1, Ntlm()));
        Assert.Contains("""{"domain":"DOM","user":"alice","host":"PC","version":"10.0 build 17763 rev 15"}""", _bench.Eve());
        Assert.Equal("alice", _bench.Buffer("smb.ntlmssp_user", Direction.ToServer));
        Assert.Equal("DOM", _bench.Buffer("smb.ntlmssp_domain", Direction.ToServer));
    }

    /// <summary>Fields of NTLMSSP: where their offsets stand.</summary>
    private const int AnswerField = 12;
    private const int DomainField = 28;
    private const int UserField = 36;
    private const int KeyField = 52;

    [Theory]
    [InlineData(DomainField, 0xff)] // Reaches behind the message.
    [InlineData(DomainField, 0)] // Lies in the header.
    [InlineData(KeyField, 0xff)] // Begins behind the message.
    public void ALoginWhoseFieldsDoNotLieInItsMessageSaysNothing(int field, byte offset)
    {
        byte[] token = Ntlm();
        token[field + 4] = offset;
        _bench.Feed(Direction.ToServer, SessionSetup2(1, token));
        Assert.DoesNotContain("ntlmssp", _bench.Eve(), StringComparison.Ordinal);
        Assert.Empty(_bench.Anomalies());
    }

    [Fact]
    public void AnEmptySessionKeyAtTheEndOfALoginHidesIt()
    {
        byte[] token = Ntlm();
        token = token[..^16];
        token[KeyField] = token[KeyField + 2] = 0;
        _bench.Feed(Direction.ToServer, SessionSetup2(1, token));
        Assert.DoesNotContain("ntlmssp", _bench.Eve(), StringComparison.Ordinal);
    }

    [Fact]
    public void ALoginWithAFieldInItsHeaderHasNoRoomForAVersion()
    {
        byte[] token = Ntlm();
        token[AnswerField + 4] = 64;
        _bench.Feed(Direction.ToServer, SessionSetup2(1, token));
        Assert.Contains("""{"domain":"DOM","user":"alice","host":"PC"}""", _bench.Eve());
    }

    [Fact]
    public void ALoginWhoseNamesStandInAnotherOrderIsAnAnomaly()
    {
        byte[] token = Ntlm();
        token[UserField] = token[UserField + 2] = 0;
        token[UserField + 4] = (byte)(token.Length - 1);
        _bench.Feed(Direction.ToServer, SessionSetup2(1, token));
        Assert.Contains("unusual_ntlmssp_order", _bench.Anomalies());
    }

    [Fact]
    public void SharesAndPipesAreToldApart()
    {
        _bench.Feed(Direction.ToServer, [.. TreeConnect2(1, @"\\s\IPC$"), .. TreeConnect2(2, @"\\s\data")]);
        _bench.Feed(Direction.ToClient, [.. TreeConnectAnswer2(1, 2, 1), .. TreeConnectAnswer2(2, 1, 2)]);
        Assert.Equal(@"\\s\IPC$", _bench.Buffer("smb.named_pipe", Direction.ToServer));
        Assert.Null(_bench.Buffer("smb.share", Direction.ToServer));
        Assert.Equal(@"\\s\data", _bench.Buffer("smb.share", Direction.ToServer, 1));
        Assert.Contains("\"share_type\":\"FILE\"", _bench.Eve(1));
    }

    [Fact]
    public void WritesOfAFileAreOneTransactionThatEndsWithTheClose()
    {
        Open();
        _bench.Feed(Direction.ToServer, [.. Write2(4, 0, "abc"u8), .. Write2(5, 3, "def"u8)]);
        TrackedFile file = FileOf(2, toServer: true);
        Assert.Equal("abcdef", Encoding.ASCII.GetString(file.Content.Data));
        Assert.Equal(FileState.Opened, file.State);
        Assert.Equal(0, _bench.Transaction(2).ProgressToServer);
        _bench.Feed(Direction.ToServer, Close2(6));
        Assert.Equal(FileState.Closed, file.State);
        Assert.Equal(1, _bench.Transaction(2).ProgressToServer);
        Assert.Contains("\"filename\":\"a.txt\"", _bench.Eve(2));
    }

    [Fact]
    public void ChunksOutOfOrderArePutInOrder()
    {
        Open();
        _bench.Feed(Direction.ToServer, [.. Write2(4, 3, "def"u8), .. Write2(5, 6, "ghi"u8), .. Write2(6, 0, "abc"u8), .. Close2(7)]);
        TrackedFile file = FileOf(2, toServer: true);
        Assert.Equal("abcdefghi", Encoding.ASCII.GetString(file.Content.Data));
        Assert.False(file.HasGaps);
    }

    [Fact]
    public void AChunkThatIsThereAlreadyIsAnAnomaly()
    {
        Open();
        _bench.Feed(Direction.ToServer, [.. Write2(4, 0, "abcd"u8), .. Write2(5, 2, "XXef"u8)]);
        Assert.Contains("file_overlap", _bench.Anomalies(2));
        Assert.Equal("abcdef", Encoding.ASCII.GetString(FileOf(2, toServer: true).Content.Data));
    }

    [Theory]
    [InlineData("max-write-queue-size", "4", "write_queue_size_exceeded")]
    [InlineData("max-write-queue-cnt", "1", "write_queue_cnt_exceeded")]
    public void MoreOutOfOrderThanAllowedIsAnAnomalyAndAGap(string key, string value, string anomaly)
    {
        var bench = new ProtocolBench(new SmbProtocol(), new Dictionary<string, string> { [key] = value });
        bench.Feed(Direction.ToServer, [.. Write2(4, 10, "abc"u8), .. Write2(5, 20, "def"u8), .. Close2(6)]);
        Assert.Contains(anomaly, bench.Anomalies());
        TrackedFile file = bench.Transaction(0).FilesToServer![0];
        Assert.True(file.HasGaps);
        Assert.Equal(FileState.Truncated, file.State);
        Assert.Equal(23, file.Size);
    }

    [Fact]
    public void ALargeWriteIsNotHeldAndALossInItIsAGapOfTheFile()
    {
        Open();
        byte[] message = Write2(4, 0, new byte[1 << 20]);
        ParseResult result = _bench.Feed(Direction.ToServer, message.AsSpan(0, 1000));
        Assert.Equal(1000, result.Consumed);
        _bench.Gap(Direction.ToServer, 500_000);
        _bench.Feed(Direction.ToServer, [.. message[501_000..], .. Close2(5)]);
        TrackedFile file = FileOf(2, toServer: true);
        Assert.Equal(1 << 20, file.Size);
        Assert.Equal(FileState.Truncated, file.State);
        Assert.Equal(4, _bench.State.Transactions.Count);
    }

    [Fact]
    public void AfterALossTheNextSignatureIsFound()
    {
        _bench.Gap(Direction.ToServer, 100);
        _bench.Feed(Direction.ToServer, [.. "rest of something SMB "u8, .. TreeConnect2(2, @"\\s\d")]);
        Assert.Equal(@"\\s\d", _bench.Buffer("smb.share", Direction.ToServer));
    }

    [Fact]
    public void ReadsAreTheServersFile()
    {
        Open();
        _bench.Feed(Direction.ToServer, Read2(4, 0, 100));
        _bench.Feed(Direction.ToClient, ReadAnswer2(4, "from the server"u8));
        _bench.State.OnEnd(new ParseContext { Flow = _bench.Flow, Direction = Direction.ToClient, TimeUs = 1, Files = _bench.Files });
        TrackedFile file = FileOf(2, toServer: false);
        Assert.Equal("from the server", Encoding.ASCII.GetString(file.Content.Data));
        Assert.Equal(FileState.Truncated, file.State);
    }

    [Fact]
    public void CallsInAPipeAreTransactionsHoweverTheyAreCarried()
    {
        var rpc = new DceRpcSamples();
        _bench.Feed(Direction.ToServer, TreeConnect2(1, @"\\s\IPC$"));
        _bench.Feed(Direction.ToClient, TreeConnectAnswer2(1, 2, 1));
        _bench.Feed(Direction.ToServer, Create2(2, "samr"));
        _bench.Feed(Direction.ToClient, CreateAnswer2(2));
        byte[] bind = rpc.Bind(0, DceRpcSamples.Samr);
        _bench.Feed(Direction.ToServer, [.. Write2(3, 0, bind.AsSpan(0, 20)), .. Write2(4, 0, bind.AsSpan(20))]);
        _bench.Feed(Direction.ToServer, Read2(5, 0, 1024));
        _bench.Feed(Direction.ToClient, ReadAnswer2(5, rpc.Answer(0)));
        _bench.Feed(Direction.ToServer, Transceive2(6, rpc.Request(0, 4, "stub"u8)));
        _bench.Feed(Direction.ToClient, TransceiveAnswer2(6, rpc.Response(0, "result"u8)));
        Assert.Equal(4, _bench.State.Transactions.Count);
        Assert.Contains("\"request\":\"BIND\",\"response\":\"BINDACK\"", _bench.Eve(2));
        Assert.Contains("\"opnum\":4,\"req\":{\"frag_cnt\":1,\"stub_data_size\":4}", _bench.Eve(3));
        Assert.Equal("stub", _bench.Buffer("dcerpc.stub_data", Direction.ToServer, 3));
        Assert.Equal("result", _bench.Buffer("dcerpc.stub_data", Direction.ToClient, 3));
        KeywordDescriptor iface = _bench.Protocol.Keywords.Single(k => k.Name == "dcerpc.iface");
        Assert.True(iface.Parse(DceRpcSamples.Samr.ToString(), out _)!.Match(_bench.Transaction(3), Direction.ToServer, _bench.Flow));
    }

    [Theory]
    [InlineData("samr", true)]
    [InlineData(@"\svcctl", true)]
    [InlineData("SAMR", false)]
    [InlineData("mdssvc", false)]
    public void OfPipesOnlyThoseOfKnownServicesAreRead(string pipe, bool isRead)
    {
        var rpc = new DceRpcSamples();
        _bench.Feed(Direction.ToServer, TreeConnect2(1, @"\s\IPC$"));
        _bench.Feed(Direction.ToClient, TreeConnectAnswer2(1, 2, 1));
        _bench.Feed(Direction.ToServer, Create2(2, pipe));
        _bench.Feed(Direction.ToClient, CreateAnswer2(2));
        _bench.Feed(Direction.ToServer, Transceive2(3, rpc.Bind(0, DceRpcSamples.Samr)));
        Assert.Contains(isRead ? "\"request\":\"BIND\"" : "\"function\":\"FSCTL_PIPE_TRANSCEIVE\"", _bench.Eve(2));
        _bench.Feed(Direction.ToServer, Write2(4, 0, rpc.Bind(0, DceRpcSamples.Samr)));
        Assert.Equal(isRead ? 4 : 3, _bench.State.Transactions.Count);
    }

    [Fact]
    public void ALockIsNotAnswered()
    {
        _bench.Feed(Direction.ToServer, Message1(0x24, false, [0xff, 0, 0, 0, .. new byte[12]], [], id: 9));
        Assert.Equal(1, _bench.Transaction(0).ProgressToClient);
        Assert.DoesNotContain("status", _bench.Eve(), StringComparison.Ordinal);
    }

    [Fact]
    public void AFileWhoseOpeningWasNotSeenHasNoName()
    {
        _bench.Feed(Direction.ToServer, TreeConnect2(1, @"\\s\data"));
        _bench.Feed(Direction.ToClient, TreeConnectAnswer2(1, 1, 1));
        _bench.Feed(Direction.ToServer, Read2(2, 0, 4));
        _bench.Feed(Direction.ToClient, ReadAnswer2(2, "data"u8));
        Assert.Contains("\"filename\":\"<unknown>\"", _bench.Eve(1));
    }

    [Fact]
    public void ARenameShowsBothNames()
    {
        Open();
        _bench.Feed(Direction.ToServer, Rename2(4, "b.txt"));
        Assert.Contains("""{"from":"a.txt","to":"b.txt"}""", _bench.Eve(2));
    }

    [Fact]
    public void ACompoundIsReadMessageByMessage()
    {
        byte[] first = [.. Header2(13, 1, false, next: 72), 4, 0, 0, 0, 0, 0, 0, 0];
        byte[] second = [.. Header2(13, 2, false), 4, 0, 0, 0];
        _bench.Feed(Direction.ToServer, Frame([.. first, .. second]));
        Assert.Equal(2, _bench.State.Transactions.Count);
        Assert.Contains("SMB2_COMMAND_KEEPALIVE", _bench.Eve(1));
    }

    [Fact]
    public void AResponseTowardsTheServerIsPassedOverInSilence()
    {
        _bench.Feed(Direction.ToServer, CloseAnswer2(1));
        Assert.Equal(0, _bench.State.Transactions.Count);
    }

    [Fact]
    public void OldFilesAreWrittenAndClosed()
    {
        _bench.Feed(Direction.ToServer, TreeConnect1(@"\\srv\PUBLIC"));
        _bench.Feed(Direction.ToClient, TreeConnectAnswer1());
        _bench.Feed(Direction.ToServer, Create1(@"\old.txt"));
        _bench.Feed(Direction.ToClient, CreateAnswer1());
        _bench.Feed(Direction.ToServer, [.. Write1("content"u8), .. Close1()]);
        Assert.Equal("\\srv\\PUBLIC", _bench.Buffer("smb.share", Direction.ToServer));
        TrackedFile file = FileOf(2, toServer: true);
        Assert.Equal(@"\old.txt", Encoding.ASCII.GetString(file.Name));
        Assert.Equal("content", Encoding.ASCII.GetString(file.Content.Data));
        Assert.Equal(FileState.Closed, file.State);
        Assert.Contains("\"fuid\":\"4001\"", _bench.Eve(2));
    }

    [Theory]
    [InlineData("1", 0, true)]
    [InlineData("2", 0, false)]
    [InlineData("2", 1, true)]
    public void VersionsMatch(string argument, int transaction, bool expected)
    {
        _bench.Feed(Direction.ToServer, [.. Negotiate1(), .. Negotiate2()]);
        KeywordDescriptor keyword = _bench.Protocol.Keywords.Single(k => k.Name == "smb.version");
        Assert.Equal(expected, keyword.Parse(argument, out _)!.Match(_bench.Transaction(transaction), Direction.ToServer, _bench.Flow));
    }

    [Fact]
    public void TooManyOpenTransactionsAreAnAnomalyAndEndTheParsing()
    {
        var bench = new ProtocolBench(new SmbProtocol(), new Dictionary<string, string> { ["max-tx"] = "2" });
        bench.Feed(Direction.ToServer, [.. TreeConnect2(1, "a"), .. TreeConnect2(2, "b"), .. TreeConnect2(3, "c")]);
        Assert.True(bench.HasStopped);
        Assert.Equal(2, bench.State.Transactions.Count);
        Assert.Contains("too_many_transactions", bench.Anomalies(1));
    }

    [Fact]
    public void ASecondNegotiationIsNamed()
    {
        _bench.Feed(Direction.ToServer, Negotiate1());
        _bench.Feed(Direction.ToClient, NegotiateAnswer1());
        _bench.Feed(Direction.ToServer, Negotiate1());
        Assert.Contains("duplicate_negotiate", _bench.Anomalies(1));
    }

    [Fact]
    public void AWriteThatAnnouncesMoreThanItsMessageHoldsIsNamed()
    {
        Open();
        byte[] write = Write2(3, 0, "content"u8);
        write[4 + 64 + 4] = 200;
        _bench.Feed(Direction.ToServer, write);
        Assert.Contains("write_request_too_large", _bench.Anomalies(2));
    }

    [Fact]
    public void WhatIsReadOutOfOrderIsBounded()
    {
        var bench = new ProtocolBench(new SmbProtocol(), new Dictionary<string, string> { ["max-read-queue-size"] = "100" });
        bench.Feed(Direction.ToServer, TreeConnect2(1, @"\\s\data"));
        bench.Feed(Direction.ToClient, TreeConnectAnswer2(1, 1, 1));
        bench.Feed(Direction.ToServer, Create2(2, "a.txt"));
        bench.Feed(Direction.ToClient, CreateAnswer2(2));
        for (ulong i = 0; i < 3; i++)
        {
            bench.Feed(Direction.ToServer, Read2(3 + i, 1000 * (i + 1), 80));
            bench.Feed(Direction.ToClient, ReadAnswer2(3 + i, new byte[80]));
        }

        Assert.Contains(Enumerable.Range(0, bench.State.Transactions.Count), i => bench.Anomalies(i).Contains("read_queue_size_exceeded"));
    }

    private void Open()
    {
        _bench.Feed(Direction.ToServer, TreeConnect2(1, @"\\s\data"));
        _bench.Feed(Direction.ToClient, TreeConnectAnswer2(1, 1, 1));
        _bench.Feed(Direction.ToServer, Create2(2, "a.txt"));
        _bench.Feed(Direction.ToClient, CreateAnswer2(2));
    }

    private TrackedFile FileOf(int transaction, bool toServer) =>
        (toServer ? _bench.Transaction(transaction).FilesToServer : _bench.Transaction(transaction).FilesToClient)![0];
}
