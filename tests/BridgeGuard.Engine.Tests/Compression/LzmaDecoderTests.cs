using System.Security.Cryptography;
using BridgeGuard.Engine.Compression;
using Xunit;

namespace BridgeGuard.Engine.Tests.Compression;

/// <summary>The decoder of LZMA files against what liblzma wrote: in any pieces, at its limits, damaged.</summary>
public sealed class LzmaDecoderTests
{
    private readonly LzmaDecoder _decoder = new();

    public static TheoryData<int> Samples => [.. Enumerable.Range(0, LzmaSample.All.Length)];

    [Theory]
    [MemberData(nameof(Samples))]
    public void WhatLiblzmaWroteIsRead(int index)
    {
        LzmaSample sample = LzmaSample.All[index];
        LzmaStatus status = Decode([sample.Bytes], 16 << 10, out byte[] plain);
        Assert.Equal(LzmaStatus.Done, status);
        AssertIs(sample, plain);
    }

    [Theory]
    [MemberData(nameof(Samples))]
    public void EveryCutAndOneByteAtATimeGiveTheSame(int index)
    {
        LzmaSample sample = LzmaSample.All[index];
        byte[] bytes = sample.Bytes;
        int step = sample.Length > 1 << 20 ? bytes.Length / 3 : 1;
        for (int cut = 1; cut < bytes.Length; cut += step)
        {
            Assert.Equal(LzmaStatus.Done, Decode([bytes[..cut], bytes[cut..]], 1 << 10, out byte[] plain));
            AssertIs(sample, plain);
        }

        Assert.Equal(LzmaStatus.Done, Decode([.. bytes.Select(value => new[] { value })], 7, out byte[] single));
        AssertIs(sample, single);
    }

    [Fact]
    public void WhatCanBeDecodedOfABeginningIs()
    {
        LzmaSample sample = LzmaSample.All[1];
        byte[] bytes = sample.Bytes;
        int before = 0;
        int moves = 0;
        for (int length = 0; length < bytes.Length; length++)
        {
            LzmaStatus status = Decode([bytes[..length]], 1 << 10, out byte[] plain);
            Assert.InRange(plain.Length, before, sample.Length);
            Assert.Equal(plain.Length == sample.Length ? LzmaStatus.Done : LzmaStatus.NeedInput, status);
            moves += plain.Length > before ? 1 : 0;
            before = plain.Length;
        }

        // What is left flushes the encoder; before it most bytes tell something.
        Assert.Equal(sample.Length, before);
        Assert.True(moves > bytes.Length / 2, $"{moves} of {bytes.Length}");
    }

    [Fact]
    public void HistoryGrowsToTheLimitAndNoFurther()
    {
        LzmaSample far = LzmaSample.All.Single(sample => sample.Name == "A match far back");
        _decoder.MemoryLimitBytes = 64 << 10;
        Assert.Equal(LzmaStatus.MemoryLimit, Decode([far.Bytes], 1 << 10, out byte[] cut));
        Assert.Equal(64 << 10, cut.Length);

        _decoder.MemoryLimitBytes = far.Length;
        Assert.Equal(LzmaStatus.Done, Decode([far.Bytes], 1 << 10, out byte[] whole));
        AssertIs(far, whole);
    }

    [Fact]
    public void ASmallDictionaryNeedsNoMoreThanItself()
    {
        LzmaSample zeros = LzmaSample.All.Single(sample => sample.Length > 1 << 20);
        _decoder.MemoryLimitBytes = 64 << 10;
        Assert.Equal(LzmaStatus.Done, Decode([zeros.Bytes], 16 << 10, out byte[] plain));
        AssertIs(zeros, plain);
    }

    [Fact]
    public void TablesOverTheLimitAreRefused()
    {
        byte[] bytes = LzmaSample.All[0].Bytes;
        bytes[0] = 8 + (4 * 9);
        Assert.Equal(LzmaStatus.MemoryLimit, Decode([bytes], 1 << 10, out byte[] plain));
        Assert.Empty(plain);
    }

    [Theory]
    [InlineData(0, 225)]
    [InlineData(13, 1)]
    public void AHeaderThatNobodyWritesIsRefused(int at, byte value)
    {
        byte[] bytes = LzmaSample.All[0].Bytes;
        bytes[at] = value;
        Assert.Equal(LzmaStatus.Error, Decode([bytes], 1 << 10, out _));
    }

    [Fact]
    public void DamageIsSurvived()
    {
        byte[] bytes = LzmaSample.All[0].Bytes;
        for (int at = 0; at < bytes.Length; at++)
        {
            foreach (byte change in (byte[])[0x01, 0x80, 0xff])
            {
                byte[] damaged = [.. bytes];
                damaged[at] ^= change;
                Decode([damaged[..(at / 2)], damaged[(at / 2)..]], 1 << 10, out byte[] plain);
                Assert.InRange(plain.Length, 0, 4 << 20);
            }
        }
    }

    [Fact]
    public void NothingIsAllocatedOnceWarm()
    {
        byte[] bytes = LzmaSample.All[0].Bytes;
        byte[] output = new byte[16 << 10];
        for (int i = 0; i < 3; i++)
        {
            Run(bytes, output);
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        Run(bytes, output);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    private static void AssertIs(LzmaSample sample, byte[] plain)
    {
        Assert.Equal(sample.Length, plain.Length);
        Assert.Equal(sample.Sha256, Convert.ToHexString(SHA256.HashData(plain)));
    }

    private void Run(ReadOnlySpan<byte> input, byte[] output)
    {
        _decoder.Reset();
        while (_decoder.Run(ref input, output, out _) == LzmaStatus.OutputFull)
        {
        }

        _decoder.End();
    }

    private LzmaStatus Decode(byte[][] pieces, int room, out byte[] plain)
    {
        using MemoryStream decoded = new();
        byte[] output = new byte[room];
        LzmaStatus status = LzmaStatus.NeedInput;
        _decoder.Reset();
        foreach (byte[] piece in pieces)
        {
            ReadOnlySpan<byte> input = piece;
            do
            {
                status = _decoder.Run(ref input, output, out int written);
                decoded.Write(output, 0, written);
            }
            while (status == LzmaStatus.OutputFull);
        }

        plain = decoded.ToArray();
        return status;
    }
}
