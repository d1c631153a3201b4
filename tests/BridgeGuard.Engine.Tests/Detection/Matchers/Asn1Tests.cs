using BridgeGuard.Engine.Detection.Matchers;
using Xunit;

namespace BridgeGuard.Engine.Tests.Detection.Matchers;

/// <summary>Rows are what Suricata 8.0.8 matched with UDP payloads.</summary>
public sealed class Asn1Tests
{
    private static readonly (string Name, byte[] Bytes)[] Payloads =
    [
        ("bit18", Element(3, [0x18, 0xFF, 0xFF])), ("bit19", Element(3, [0x19, 0xFF, 0xFF])), ("bit00", Element(3, [0, 0xFF, 0xFF])),
        ("seq(bit)", Element(0x30, Element(3, [0xFF, 0xFF]))), ("seq(int,bit)", Element(0x30, [.. Element(2, [1]), .. Element(3, [0xFF, 0xFF])])),
        ("constructed", Element(0x23, [0xFF, 0xFF, 0xFF])), ("context", Element(0x83, [0xFF, 0xFF, 0xFF])), ("bit1", Element(3, [0xFF])),
        ("bit0", Element(3, [])), ("cut", [3, 10, 0xFF, 0xFF]), ("int,bit", [.. Element(2, [1]), .. Element(3, [0xFF, 0xFF, 0xFF])]),
        ("real256", Element(9, [0, .. Digits(255)])), ("real257", Element(9, [0, .. Digits(256)])), ("real3f", Element(9, [0x3F, .. Digits(299)])),
        ("real80", Element(9, [0x80, .. Digits(299)])), ("real40", Element(9, [0x40, .. Digits(299)])), ("octets10", Element(4, Digits(10))),
        ("octets11", Element(4, Digits(11))), ("octets11cut", [4, 11, 0x31]), ("seq11", Element(0x30, Element(4, Digits(9)))),
        ("indefinite", [0x30, 0x80, .. Element(4, Digits(11)), 0, 0]), ("length4", [4, 0x84, 0, 0, 0, 11, .. Digits(11)]),
        ("length5", [4, 0x85, 0, 0, 0, 0, 11, .. Digits(11)]), ("length8", [4, 0x88, 255, 255, 255, 255, 255, 255, 255, 255, 1]),
        ("xx,bit", [0x78, 0x78, .. Element(3, [0xFF, 0xFF, 0xFF])]),
    ];

    [Theory]
    [InlineData("bitstring_overflow", 0, "bit19 seq(bit) seq(int,bit) bit1 int,bit")]
    [InlineData("double_overflow", 0, "real257 real3f")]
    [InlineData("oversize_length 10", 0, "real256 real257 real3f real80 real40 octets11 seq11 indefinite length4 length5")]
    [InlineData("absolute_offset 2, bitstring_overflow", 0, "seq(bit) seq(int,bit) xx,bit")]
    [InlineData("relative_offset 1, bitstring_overflow", 1, "seq(bit) seq(int,bit) xx,bit")]
    [InlineData("absolute_offset 0", 0, "")]
    [InlineData("oversize_length 300", 0, "")]
    public void Matches(string text, int cursor, string expected)
    {
        Assert.True(Asn1.TryParse(text, out Asn1 keyword, out ArgumentError error), error.Message);
        Assert.Equal(expected, string.Join(' ', Payloads.Where(p => keyword.Matches(p.Bytes, cursor)).Select(p => p.Name)));
    }

    [Fact]
    public void DeepNestingEnds()
    {
        Assert.True(Asn1.TryParse("bitstring_overflow", out Asn1 keyword, out _));
        byte[] nested = Enumerable.Range(0, 60000).SelectMany(_ => (byte[])[0x30, 0x80]).ToArray();
        Assert.False(keyword.Matches(nested, 0));
    }

    [Theory]
    [InlineData("bitstring_overflow, double_overflow, oversize_length 5, absolute_offset 0")]
    [InlineData("bitstring_overflow double_overflow")]
    [InlineData("relative_offset -5, double_overflow")]
    [InlineData("oversize_length 0")]
    [InlineData("bitstring_overflow, bitstring_overflow")]
    public void GoodArgumentsAreTaken(string text) => Assert.True(Asn1.TryParse(text, out _, out _));

    [Theory]
    [InlineData("oversize_length")]
    [InlineData("oversize_length -1")]
    [InlineData("oversize_length 4294967296")]
    [InlineData("oversize_length 5 , absolute_offset 0")]
    [InlineData("absolute_offset -5, double_overflow")]
    [InlineData("absolute_offset 65536,double_overflow")]
    [InlineData("bogus")]
    [InlineData("double_overflow,bogus")]
    [InlineData("")]
    public void BadArgumentsAreErrors(string text)
    {
        Assert.False(Asn1.TryParse(text, out _, out ArgumentError error));
        Assert.NotEmpty(error.Message);
        Assert.InRange(error.Offset, 0, text.Length);
    }

    private static byte[] Digits(int count) => [.. Enumerable.Repeat((byte)'1', count)];

    private static byte[] Element(byte tag, byte[] content) =>
        content.Length < 128
            ? [tag, (byte)content.Length, .. content]
            : [tag, 0x82, (byte)(content.Length >> 8), (byte)content.Length, .. content];
}
