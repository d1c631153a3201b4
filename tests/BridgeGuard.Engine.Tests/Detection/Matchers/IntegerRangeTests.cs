using BridgeGuard.Engine.Detection.Matchers;
using Xunit;

namespace BridgeGuard.Engine.Tests.Detection.Matchers;

/// <summary>Rows are what Suricata 8.0.8 accepted and refused (ttl, dsize, filesize, bsize), and what dsize matched.</summary>
public sealed class IntegerRangeTests
{
    private static readonly IntegerName[] Names = [new("CONNECT", 1), new("publish", 3), new("fin", 0x80), new("comp", 0x40)];

    [Theory]
    [InlineData("5", "5")]
    [InlineData(">5", ">5")]
    [InlineData("<5", "<5")]
    [InlineData("5-10", "5-10")]
    [InlineData("5<>10", "5-10")]
    [InlineData("!5", "!5")]
    [InlineData(">=255", ">=255")]
    [InlineData("<=0", "<=0")]
    [InlineData("!5-10", "!5-10")]
    [InlineData("!5<>10", "!5-10")]
    [InlineData("&0x80=0x80", "&0x80=0x80")]
    [InlineData("& 0x80 = 0x80", "&0x80=0x80")]
    [InlineData("&0x80 != 0x80", "&0x80!=0x80")]
    [InlineData("&128=128", "&0x80=0x80")]
    [InlineData("0x10", "16")]
    [InlineData(" 5 - 10 ", "5-10")]
    [InlineData("0-255", "0-255")]
    [InlineData("&0x80=0", "&0x80=0x0")]
    [InlineData("=5", "5")]
    [InlineData("010", "10")]
    [InlineData("5 ", "5")]
    [InlineData("! 5", "!5")]
    [InlineData("!=5", "!5")]
    [InlineData("5<> 7", "5-7")]
    [InlineData(">= 5", ">=5")]
    [InlineData("0x1-0xf", "1-15")]
    [InlineData("<1", "<1")]
    public void BytesAreAccepted(string text, string normal)
    {
        Assert.True(IntegerRange.TryParse(text, IntegerRange.MaxU8, out IntegerRange range, out ArgumentError error), error.Message);
        Assert.Equal(normal, range.ToString());
    }

    [Theory]
    [InlineData("256")]
    [InlineData(">255")]
    [InlineData("<0")]
    [InlineData(">=0")]
    [InlineData("<=255")]
    [InlineData("-5")]
    [InlineData("5-")]
    [InlineData("&0x80")]
    [InlineData("!&0x80")]
    [InlineData("!&0x80=0x80")]
    [InlineData("!>5")]
    [InlineData("10-5")]
    [InlineData("5-5")]
    [InlineData("5-6")]
    [InlineData("1kb")]
    [InlineData("&0")]
    [InlineData("&256=1")]
    [InlineData("&0x80=0x100")]
    [InlineData("&0x80==0x80")]
    [InlineData("&0x80 =")]
    [InlineData("&=0x80")]
    [InlineData("!255-256")]
    [InlineData("+5")]
    [InlineData("5<>")]
    [InlineData("<>5")]
    [InlineData("> =5")]
    [InlineData("0b101")]
    [InlineData("0X10")]
    [InlineData("0xfg")]
    [InlineData("5<>6")]
    [InlineData("! 5-10")]
    [InlineData("!=5-10")]
    [InlineData("==5")]
    [InlineData("5 6")]
    [InlineData("5,6")]
    [InlineData("1<5")]
    [InlineData("1<>5<>7")]
    [InlineData("-")]
    [InlineData("!")]
    [InlineData(">")]
    [InlineData("&")]
    [InlineData("")]
    [InlineData("abc")]
    [InlineData("1.5")]
    public void BytesAreRefused(string text)
    {
        Assert.False(IntegerRange.TryParse(text, IntegerRange.MaxU8, out _, out ArgumentError error));
        Assert.NotEmpty(error.Message);
        Assert.InRange(error.Offset, 0, text.Length);
    }

    [Theory]
    [InlineData("1kb", 1024)]
    [InlineData("1kB", 1024)]
    [InlineData("1KIB", 1024)]
    [InlineData("63kb", 64512)]
    [InlineData("1mb", 1 << 20)]
    [InlineData("1MiB", 1 << 20)]
    [InlineData("1gb", 1L << 30)]
    [InlineData("1gib", 1L << 30)]
    public void UnitsArePowersOf1024(string text, long value)
    {
        Assert.True(IntegerRange.TryParse(text, IntegerRange.MaxU64, out IntegerRange range, out _));
        Assert.Equal((ulong)value, range.First);
    }

    [Theory]
    [InlineData("64kb")]
    [InlineData("1mb")]
    [InlineData("1b")]
    [InlineData("1k")]
    [InlineData("1 kb")]
    [InlineData("1kbb")]
    [InlineData("1tb")]
    [InlineData("0x1kb")]
    [InlineData("0-65536")]
    public void UnitsAndBoundsOfSixteenBitsAreChecked(string text) =>
        Assert.False(IntegerRange.TryParse(text, IntegerRange.MaxU16, out _, out _));

    [Fact]
    public void SixtyFourBitsHaveNoRoomForMore()
    {
        Assert.True(IntegerRange.TryParse("18446744073709551615", IntegerRange.MaxU64, out _, out _));
        Assert.False(IntegerRange.TryParse("18446744073709551616", IntegerRange.MaxU64, out _, out _));
        Assert.False(IntegerRange.TryParse("17179869184gb", IntegerRange.MaxU64, out _, out _));
    }

    [Theory]
    [InlineData("5-10", "6 9")]
    [InlineData("!5-10", "0 1 4 5 10 11 1000 1024")]
    [InlineData("!5", "0 1 4 6 9 10 11 1000 1024")]
    [InlineData("&0x5=0x5", "5")]
    [InlineData("&0x5!=0x5", "0 1 4 6 9 10 11 1000 1024")]
    [InlineData("<=5", "0 1 4 5")]
    [InlineData(">=1000", "1000 1024")]
    [InlineData("<5", "0 1 4")]
    [InlineData(">10", "11 1000 1024")]
    [InlineData("1kb", "1024")]
    [InlineData("010", "10")]
    public void ValuesMatch(string text, string expected)
    {
        Assert.True(IntegerRange.TryParse(text, IntegerRange.MaxU16, out IntegerRange range, out _));
        ulong[] values = [0, 1, 4, 5, 6, 9, 10, 11, 1000, 1024];
        Assert.Equal(expected, string.Join(' ', values.Where(range.Matches)));
    }

    [Theory]
    [InlineData("connect", "1")]
    [InlineData("!CONNECT", "!1")]
    [InlineData("Publish", "3")]
    [InlineData("1", "1")]
    [InlineData("1-5", "1-5")]
    public void NamesStandForValues(string text, string normal)
    {
        Assert.True(IntegerRange.TryParse(text, IntegerRange.MaxU8, Names, out IntegerRange range, out _));
        Assert.Equal(normal, range.ToString());
    }

    [Theory]
    [InlineData("! connect")]
    [InlineData(">connect")]
    [InlineData("connect-publish")]
    [InlineData("!=connect")]
    [InlineData("connect,publish")]
    [InlineData("connec")]
    public void NamesTakeNoOtherSigns(string text) =>
        Assert.False(IntegerRange.TryParse(text, IntegerRange.MaxU8, Names, out _, out _));

    [Theory]
    [InlineData("fin", "&0x80=0x80")]
    [InlineData("fin,!comp", "&0xc0=0x80")]
    [InlineData("fin, !comp", "&0xc0=0x80")]
    [InlineData("!fin", "&0x80=0x0")]
    [InlineData("&0x80=0x80", "&0x80=0x80")]
    [InlineData("0x80", "128")]
    public void FlagsStandForBits(string text, string normal)
    {
        Assert.True(IntegerRange.TryParseFlags(text, IntegerRange.MaxU8, Names, out IntegerRange range, out _));
        Assert.Equal(normal, range.ToString());
    }

    [Fact]
    public void UnknownFlagsAreRefused()
    {
        Assert.False(IntegerRange.TryParseFlags("fin,bogus", IntegerRange.MaxU8, Names, out _, out ArgumentError error));
        Assert.Equal(4, error.Offset);
        Assert.False(IntegerRange.TryParseFlags("fin,fin", IntegerRange.MaxU8, Names, out _, out _));
    }
}
