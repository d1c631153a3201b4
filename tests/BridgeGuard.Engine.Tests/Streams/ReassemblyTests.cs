using System.Text;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;
using Xunit;

namespace BridgeGuard.Engine.Tests.Streams;

public sealed class ReassemblyTests
{
    private const string Attack = "GET /attack/evil.exe HTTP/1.1\r\n\r\n";

    [Fact]
    public void PassiveDataIsHandedOverWithTheAcknowledgement()
    {
        TcpBench bench = new();
        bench.Handshake();
        bench.Data(0, Attack);
        Assert.Empty(bench.Consumer.Log);
        bench.ServerAck(Attack.Length);
        Assert.Equal([$"5 ToServer {Attack} Start"], bench.Consumer.Log);
    }

    [Fact]
    public void InlineDataIsHandedOverAtOnce()
    {
        TcpBench bench = new(TcpBench.Inline());
        bench.Handshake();
        bench.Data(0, Attack);
        Assert.Equal([$"4 ToServer {Attack} Start"], bench.Consumer.Log);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void EveryCutGivesTheSameStream(bool inline)
    {
        for (int cut = 1; cut < Attack.Length; cut++)
        {
            TcpBench bench = new(new EngineSettings { IsInline = inline });
            bench.Handshake();
            bench.Data(0, Attack[..cut]);
            bench.Data(cut, Attack[cut..]);
            bench.ServerAck(Attack.Length);
            Assert.Equal(Attack, bench.Consumer.Text(Direction.ToServer));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void SwappedSegmentsGiveTheSameStream(bool inline)
    {
        for (int cut = 1; cut < Attack.Length; cut++)
        {
            TcpBench bench = new(new EngineSettings { IsInline = inline });
            bench.Handshake();
            bench.Data(cut, Attack[cut..]);
            bench.Data(0, Attack[..cut]);
            bench.ServerAck(Attack.Length);
            Assert.Equal(Attack, bench.Consumer.Text(Direction.ToServer));
            Assert.Equal(0, bench.Consumer.GapBytes[0]);
        }
    }

    [Fact]
    public void OneByteSegmentsInReverseGiveTheSameStream()
    {
        TcpBench bench = new();
        bench.Handshake();
        for (int i = Attack.Length - 1; i >= 0; i--)
        {
            bench.Data(i, Attack[i].ToString());
        }

        bench.ServerAck(Attack.Length);
        Assert.Equal(Attack, bench.Consumer.Text(Direction.ToServer));
    }

    [Fact]
    public void AnUnconsumedTailComesBackWithMoreBehindIt()
    {
        TcpBench bench = new(TcpBench.Inline());
        bench.Consumer.Appetite = (_, length) => length < 8 ? 0 : length;
        bench.Handshake();
        bench.Data(0, "abc");
        bench.Data(3, "def");
        bench.Data(6, "gh");
        Assert.Equal(["4 ToServer abc Start", "5 ToServer abcdef None", "6 ToServer abcdefgh None"], bench.Consumer.Log);
    }

    [Fact]
    public void InlineTheFirstCopyWinsAndTheSecondIsRewrittenInItsFrame()
    {
        TcpBench bench = new(TcpBench.Inline());
        bench.Handshake();
        bench.Data(0, "harmless");
        Packet second = bench.Data(4, "EVILmore");
        Assert.Equal("harmlessmore", bench.Consumer.Text(Direction.ToServer));
        Assert.Equal("lessmore", Encoding.Latin1.GetString(second.Payload));
        Assert.True(second.Has(PacketFlags.Modified));
        Assert.True(second.Events.Contains(PacketEvent.StreamReassemblyOverlapDifferentData));
        Assert.Equal(0, TcpPacketMaker.Checksum(second));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void TheChecksumIsRightAfterARewriteAtAnyParity(int offset)
    {
        TcpBench bench = new(TcpBench.Inline());
        bench.Handshake();
        bench.Data(0, "0123456789");
        Packet second = bench.Data(offset, "abcde");
        Assert.Equal("0123456789"[offset..(offset + 5)], Encoding.Latin1.GetString(second.Payload));
        Assert.Equal(0, TcpPacketMaker.Checksum(second));
    }

    [Fact]
    public void BytesThatTheServerHasButNobodySawAreAGap()
    {
        TcpBench bench = new();
        bench.Handshake();
        bench.Data(0, "abc");
        bench.Data(10, "xyz");
        Packet ack = bench.ServerAck(13);
        Assert.Equal(7, bench.Consumer.GapBytes[0]);
        Assert.Equal("abcxyz", bench.Consumer.Text(Direction.ToServer));
        Assert.True(ack.Events.Contains(PacketEvent.StreamReassemblySeqGap));
        Assert.Equal(1, bench.Counters[Counter.TcpReassemblyGap]);
    }

    [Fact]
    public void DataBeyondTheDepthIsNotHandedOver()
    {
        EngineSettings settings = new() { Stream = new StreamSettings { Reassembly = new ReassemblySettings { Depth = 10 } } };
        TcpBench bench = new(settings);
        bench.Handshake();
        bench.Data(0, "0123456");
        Packet over = bench.Data(7, "789abcdef");
        bench.ServerAck(16);
        Assert.Equal("0123456789", bench.Consumer.Text(Direction.ToServer));
        Assert.True(over.Events.Contains(PacketEvent.StreamReassemblyDepthReached));
        Assert.Equal(0, bench.Consumer.GapBytes[0]);
    }

    [Fact]
    public void LeftoversAreHandedOverAtTheEndOfTheFlow()
    {
        TcpBench bench = new();
        bench.Handshake();
        bench.Data(0, "never acknowledged");
        bench.Table.EndAll(bench);
        Assert.Equal("never acknowledged", bench.Consumer.Text(Direction.ToServer));
        Assert.True(bench.Consumer.Ended[0]);
        Assert.True(bench.Consumer.Ended[1]);
        Assert.Equal(0, bench.Tracker.Reassembler.UsedBytes);
    }

    [Fact]
    public void AResetHandsOverWhatWasNotAcknowledged()
    {
        TcpBench bench = new();
        bench.Handshake();
        bench.Data(0, "abc");
        bench.Send(Direction.ToServer, TcpFlags.Rst, TcpBench.ClientIsn + 4, 0);
        Assert.Equal("abc", bench.Consumer.Text(Direction.ToServer));
        Assert.True(bench.Consumer.Ended[0]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void SequenceNumbersMayWrap(bool inline)
    {
        for (uint isn = uint.MaxValue - (uint)Attack.Length - 2; isn != 3; isn++)
        {
            TcpBench bench = new(new EngineSettings { IsInline = inline });
            bench.Handshake(isn);
            bench.Send(Direction.ToServer, TcpFlags.Ack, isn + 11, TcpBench.ServerIsn + 1, Attack[10..]);
            bench.Send(Direction.ToServer, TcpFlags.Ack, isn + 1, TcpBench.ServerIsn + 1, Attack[..10]);
            bench.Send(Direction.ToClient, TcpFlags.Ack, TcpBench.ServerIsn + 1, isn + 1 + (uint)Attack.Length);
            Assert.Equal(Attack, bench.Consumer.Text(Direction.ToServer));
        }
    }
}
