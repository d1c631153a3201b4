using System.Text;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Settings;
using Xunit;

namespace BridgeGuard.Engine.Tests.Streams;

/// <summary>Random cuts, orders, repetitions and contradicting copies against a model that keeps one array of bytes.</summary>
public sealed class RandomSegmentsTests
{
    private const int StreamLength = 300;
    private const int Rounds = 300;

    [Fact]
    public void InlineEveryFrameCarriesTheFirstCopyAndTheStreamIsThatCopy()
    {
        for (int seed = 0; seed < Rounds; seed++)
        {
            Random random = new(seed);
            TcpBench bench = new(TcpBench.Inline());
            bench.Handshake(unchecked((uint)random.Next()), 77);
            uint first = bench.LastFlow!.Tcp!.Client.InitialSequence + 1;
            byte?[] model = new byte?[StreamLength];
            for (int i = 0; i < 60; i++)
            {
                (int start, byte[] bytes) = Segment(random);
                for (int k = 0; k < bytes.Length; k++)
                {
                    model[start + k] ??= bytes[k];
                }

                Packet packet = bench.Send(bench.Maker.Make(Direction.ToServer, TcpFlags.Ack, first + (uint)start, 78, bytes));
                Assert.Equal(model[start..(start + bytes.Length)].Select(b => b!.Value), packet.Payload.ToArray());
                Assert.Equal(0, TcpPacketMaker.Checksum(packet));
            }

            Assert.Equal(Prefix(model), bench.Consumer.Text(Direction.ToServer));
            bench.Table.EndAll(bench);
            Assert.Equal(0, bench.Tracker.Reassembler.UsedBytes);
        }
    }

    [Theory]
    [InlineData(HostOs.First)]
    [InlineData(HostOs.Last)]
    public void PassiveTheAcknowledgedStreamIsTheCopyThatThePolicyKeeps(HostOs os)
    {
        for (int seed = 0; seed < Rounds; seed++)
        {
            Random random = new(seed);
            TcpBench bench = new(new EngineSettings { HostOs = [new HostOsEntry(default, 0, os)] });
            bench.Handshake();
            byte?[] model = new byte?[StreamLength];
            for (int i = 0; i < 40; i++)
            {
                (int start, byte[] bytes) = Segment(random);
                for (int k = 0; k < bytes.Length; k++)
                {
                    model[start + k] = os == HostOs.Last ? bytes[k] : model[start + k] ?? bytes[k];
                }

                bench.Data(start, Encoding.Latin1.GetString(bytes));
            }

            string expected = Prefix(model);
            bench.ServerAck(expected.Length);
            Assert.Equal(expected, bench.Consumer.Text(Direction.ToServer));
            bench.Table.EndAll(bench);
            Assert.Equal(0, bench.Tracker.Reassembler.UsedBytes);
        }
    }

    [Fact]
    public void AParserThatConsumesAsItLikesSeesEachByteOnceAndInOrder()
    {
        for (int seed = 0; seed < Rounds; seed++)
        {
            Random random = new(seed);
            TcpBench bench = new(new EngineSettings { IsInline = (seed & 1) == 0 });
            bench.Consumer.Appetite = (_, length) => random.Next(length + 1);
            bench.Handshake();
            string text = string.Concat(Enumerable.Range(0, 60).Select(i => $"{i:D4}|"));
            int sent = 0;
            while (sent < text.Length)
            {
                int length = Math.Min(random.Next(1, 30), text.Length - sent);
                bench.Data(sent, text.Substring(sent, length));
                sent += length;
                if (random.Next(3) == 0)
                {
                    bench.ServerAck(sent);
                }
            }

            bench.Table.EndAll(bench);
            Assert.Equal(text, bench.Consumer.Text(Direction.ToServer));
        }
    }

    private static (int Start, byte[] Bytes) Segment(Random random)
    {
        int start = random.Next(StreamLength);
        byte[] bytes = new byte[random.Next(1, Math.Min(40, StreamLength - start) + 1)];
        random.NextBytes(bytes);
        return (start, bytes);
    }

    private static string Prefix(byte?[] model) => Encoding.Latin1.GetString(model.TakeWhile(b => b.HasValue).Select(b => b!.Value).ToArray());
}
