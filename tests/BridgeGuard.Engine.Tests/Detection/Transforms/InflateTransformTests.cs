using System.IO.Compression;
using System.Text;
using BridgeGuard.Engine.Detection.Transforms;
using Xunit;

namespace BridgeGuard.Engine.Tests.Detection.Transforms;

public sealed class InflateTransformTests
{
    private static readonly byte[] Hello = "hello"u8.ToArray();

    [Fact]
    public void UndoesWhatTheFrameworkCompressed()
    {
        using var scratch = new TransformScratch();
        Transform gunzip = TransformTests.Create("gunzip", "max-size 1mb");
        Transform zlib = TransformTests.Create("zlib_deflate", "max-size 1mb");
        foreach (CompressionLevel level in Enum.GetValues<CompressionLevel>())
        {
            for (int seed = 0; seed < 15; seed++)
            {
                var random = new Random(seed);
                var bytes = new byte[random.Next(40_000)];
                int alphabet = seed % 3 == 0 ? 256 : 3;
                foreach (ref byte value in bytes.AsSpan())
                {
                    value = (byte)random.Next(alphabet);
                }
                Assert.True(gunzip.Apply(TransformTests.Compress(bytes, true, level), scratch).SequenceEqual(bytes));
                Assert.True(zlib.Apply(TransformTests.Compress(bytes, false, level), scratch).SequenceEqual(bytes));
            }
        }
    }

    [Fact]
    public void EveryTruncationGivesAPrefix()
    {
        using var scratch = new TransformScratch();
        Transform zlib = TransformTests.Create("zlib_deflate", "");
        byte[] text = Encoding.ASCII.GetBytes("It was the best of times, it was the worst of times, it was the age of wisdom");
        byte[] whole = TransformTests.Compress(text, gzip: false);
        int longest = 0;
        for (int length = 0; length < whole.Length; length++)
        {
            ReadOnlySpan<byte> part = zlib.Apply(whole.AsSpan(0, length), scratch);
            Assert.True(text.AsSpan().StartsWith(part));
            Assert.True(part.Length >= longest);
            longest = part.Length;
        }
        Assert.Equal(text.Length, longest);
    }

    [Fact]
    public void EveryOneByteCorruptionReturns()
    {
        using var scratch = new TransformScratch();
        Transform zlib = TransformTests.Create("zlib_deflate", "");
        byte[] whole = TransformTests.Compress(Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, 200))), gzip: false);
        int different = 0;
        for (int position = 0; position < whole.Length; position++)
        {
            for (int value = 0; value < 256; value++)
            {
                byte[] damaged = [.. whole];
                damaged[position] = (byte)value;
                different += zlib.Apply(damaged, scratch).Length != 490 ? 1 : 0;
            }
        }
        Assert.True(different > whole.Length * 200);
    }

    [Fact]
    public void OutputEndsAtTheLimit()
    {
        using var scratch = new TransformScratch();
        byte[] bytes = TransformTests.Compress(new byte[100_000], gzip: true);
        Assert.Equal(1024, TransformTests.Create("gunzip", "").Apply(bytes, scratch).Length);
        Assert.Equal(20, TransformTests.Create("gunzip", "max-size 20").Apply(bytes, scratch).Length);
        Assert.Equal(100_000, TransformTests.Create("gunzip", "max-size 16mb").Apply(bytes, scratch).Length);
    }

    // The remaining rows are what Suricata 8.0.8 made of the same bytes.
    [Theory]
    [InlineData(0x08, "6E616D6500", false, true)]
    [InlineData(0x10, "636D7400", false, true)]
    [InlineData(0x04, "02006162", false, true)]
    [InlineData(0x02, "0000", false, false)]
    [InlineData(0x00, "", true, true)]
    [InlineData(0xE0, "", false, false)]
    public void GzipHeadersAreReadAndTrailersAreNot(byte flags, string extra, bool damageTrailer, bool readable)
    {
        using var scratch = new TransformScratch();
        byte[] plain = TransformTests.Compress(Hello, gzip: true);
        byte[] bytes = [0x1F, 0x8B, 8, flags, 0, 0, 0, 0, 0, 3, .. Convert.FromHexString(extra), .. plain.AsSpan(10)];
        if (damageTrailer)
        {
            bytes[^1] ^= 9;
            bytes[^8] ^= 9;
        }
        Assert.Equal(readable ? "hello" : "", Encoding.ASCII.GetString(TransformTests.Create("gunzip", "").Apply(bytes, scratch)));
    }

    [Fact]
    public void ZlibChecksumsCountWhenTheyAreThere()
    {
        using var scratch = new TransformScratch();
        Transform zlib = TransformTests.Create("zlib_deflate", "");
        byte[] whole = TransformTests.Compress(Hello, gzip: false);
        byte[] wrong = [.. whole];
        wrong[^1] ^= 1;
        Assert.Equal(0, zlib.Apply(wrong, scratch).Length);
        Assert.Equal(5, zlib.Apply(whole.AsSpan(0, whole.Length - 1), scratch).Length);
        Assert.Equal(5, zlib.Apply([.. whole, .. "junk"u8], scratch).Length);
        Assert.Equal(0, zlib.Apply([0x78, 0x9D, .. whole.AsSpan(2)], scratch).Length);
    }

    [Fact]
    public void OnlyTheFirstGzipMemberCounts()
    {
        using var scratch = new TransformScratch();
        byte[] member = TransformTests.Compress(Hello, gzip: true);
        Assert.Equal(5, TransformTests.Create("gunzip", "").Apply([.. member, .. member], scratch).Length);
    }
}
