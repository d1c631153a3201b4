using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Testing.Packets;
using Xunit;

namespace BridgeGuard.Engine.Tests.Packets;

public sealed class ChecksumsTests
{
    [Fact]
    public void SumAgreesWithTheDefinitionForEveryLength()
    {
        Random random = new(1);
        byte[] bytes = new byte[200];
        random.NextBytes(bytes);
        for (int length = 0; length <= bytes.Length; length++)
        {
            uint expected = 0;
            for (int i = 0; i < length; i++)
            {
                expected += (i & 1) == 0 ? (uint)bytes[i] << 8 : bytes[i];
            }

            while (expected > 0xffff)
            {
                expected = (expected & 0xffff) + (expected >> 16);
            }

            Assert.Equal((ushort)expected, Checksums.Fold(Checksums.Sum(bytes.AsSpan(0, length))));
        }
    }

    [Fact]
    public void ChecksumsOfAnotherImplementationAreRight()
    {
        foreach (byte[] frame in Frames())
        {
            Packet packet = new Decoding().Decode(frame);
            Assert.True(Checksums.IsIpv4Valid(packet));
            Assert.True(Checksums.IsTransportValid(packet));
            Assert.True(Checksums.Validate(packet));
        }
    }

    [Fact]
    public void EveryChangedByteOfTheMessageIsNoticed()
    {
        foreach (byte[] frame in Frames())
        {
            Packet good = new Decoding().Decode(frame);
            for (int i = good.TransportOffset; i < frame.Length; i++)
            {
                byte[] changed = (byte[])frame.Clone();
                changed[i] ^= 0x10;
                Packet packet = new Decoding().Decode(changed);
                if (packet.TransportOffset >= 0 && packet.PayloadOffset + packet.PayloadLength == good.PayloadOffset + good.PayloadLength)
                {
                    Assert.False(Checksums.Validate(packet));
                    Assert.True(packet.Has(PacketFlags.BadChecksum));
                }
            }
        }
    }

    [Theory]
    [InlineData(ChecksumState.Partial)]
    [InlineData(ChecksumState.Valid)]
    public void PartialAndVerifiedSumsAreNeverErrors(ChecksumState state)
    {
        byte[] frame = FrameBuilder.Tcp("10.0.0.1", 1, "10.0.0.2", 2, 3, 4, "A", "data"u8);
        frame[50] ^= 0xff;
        Assert.True(Checksums.Validate(new Decoding().Decode(frame, checksum: state)));
        Assert.False(Checksums.Validate(new Decoding().Decode(frame)));
    }

    [Fact]
    public void UdpWithoutChecksumIsRightOverIpv4Only()
    {
        byte[] v4 = FrameBuilder.Udp("10.0.0.1", 1, "10.0.0.2", 2, "x"u8);
        v4[40] = v4[41] = 0;
        Assert.True(Checksums.IsTransportValid(new Decoding().Decode(v4)));
        byte[] v6 = FrameBuilder.Udp("fd00::1", 1, "fd00::2", 2, "x"u8);
        v6[60] = v6[61] = 0;
        Assert.False(Checksums.IsTransportValid(new Decoding().Decode(v6)));
    }

    [Fact]
    public void FixMakesAChangedFrameRightAgain()
    {
        foreach (byte[] frame in Frames())
        {
            Decoding decoding = new();
            byte[] changed = (byte[])frame.Clone();
            changed[^1] ^= 0x55;
            changed[22] = 17;
            Packet packet = decoding.Decode(changed);
            Checksums.Fix(packet);
            Assert.True(Checksums.Validate(decoding.Decode(packet.Bytes.ToArray())));
        }
    }

    [Fact]
    public void FixKeepsAPartialSumPartial()
    {
        byte[] frame = FrameBuilder.Tcp("10.0.0.1", 1, "10.0.0.2", 2, 3, 4, "A", "data"u8);
        Packet packet = new Decoding().Decode(frame, checksum: ChecksumState.Partial);
        Checksums.Fix(packet);
        Span<byte> field = packet.Buffer.AsSpan(packet.TransportOffset + 16, 2);
        ushort partial = BinaryPrimitives.ReadUInt16BigEndian(field);

        // What the card does: the sum over the message with the field as it is, inverted.
        ushort full = Checksums.Finish(Checksums.Sum(packet.TransportBytes));
        BinaryPrimitives.WriteUInt16BigEndian(field, full);
        Assert.NotEqual(partial, full);
        Assert.True(Checksums.IsTransportSumRight(packet));
    }

    [Fact]
    public void IncrementalUpdateEqualsANewSum()
    {
        Random random = new(2);
        byte[] bytes = new byte[40];
        for (int i = 0; i < 10_000; i++)
        {
            random.NextBytes(bytes);
            ushort field = Checksums.Finish(Checksums.Sum(bytes));
            ushort partial = Checksums.Fold(Checksums.Sum(bytes));
            int at = random.Next(20) * 2;
            ushort before = BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(at));
            ushort after = (ushort)random.Next(65_536);
            BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(at), after);
            Assert.Equal(Checksums.Finish(Checksums.Sum(bytes)), Checksums.Update(field, before, after));
            Assert.Equal(Checksums.Fold(Checksums.Sum(bytes)), Checksums.UpdatePartial(partial, before, after));
        }
    }

    private static IEnumerable<byte[]> Frames()
    {
        yield return FrameBuilder.Tcp("10.0.0.1", 1234, "10.0.0.2", 80, 7, 9, "PA", "hello world"u8);
        yield return FrameBuilder.Tcp("fd00::1", 1234, "fd00::2", 80, 7, 9, "PA", "hello world!"u8);
        yield return FrameBuilder.Udp("10.0.0.1", 1234, "10.0.0.2", 53, "query"u8);
        yield return FrameBuilder.Udp("fd00::1", 1234, "fd00::2", 53, "query!"u8);
        yield return FrameBuilder.Ping("10.0.0.1", "10.0.0.2", 8, 1, 2, "payload"u8);
    }
}
