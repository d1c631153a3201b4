using System.Formats.Asn1;
using System.Text;
using BridgeGuard.Engine.Pools;
using BridgeGuard.Engine.Protocols;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols;

public sealed class Asn1ElementTests
{
    [Fact]
    public void ElementsAreTakenOneAfterTheOther()
    {
        ReadOnlySpan<byte> rest = [0x02, 0x01, 0x05, 0x04, 0x02, 0x61, 0x62];
        Assert.True(Asn1Element.TryTake(ref rest, UniversalTagNumber.Integer, out Asn1Element number));
        Assert.True(number.TryReadNumber(out long value));
        Assert.Equal(5, value);
        Assert.False(Asn1Element.TryTake(ref rest, UniversalTagNumber.Integer, out _));
        Assert.True(Asn1Element.TryTake(ref rest, out Asn1Element text));
        Assert.True(text.Content.SequenceEqual("ab"u8));
        Assert.True(rest.IsEmpty);
    }

    [Fact]
    public void AnOptionalMemberThatIsNotThereTakesNothing()
    {
        ReadOnlySpan<byte> rest = [0xa1, 0x03, 0x02, 0x01, 0x07];
        Assert.False(Asn1Element.TryTakeContext(ref rest, 0, out _));
        Assert.True(Asn1Element.TryTakeContext(ref rest, 1, out Asn1Element member));
        Assert.Equal(3, member.Content.Length);
    }

    [Theory]
    [InlineData("3080020105")]
    [InlineData("30803084ffffffff0000")]
    [InlineData("0205")]
    [InlineData("02")]
    [InlineData("")]
    [InlineData("3082ffff00")]
    public void CutOrMalformedElementsAreRefused(string hex)
    {
        ReadOnlySpan<byte> rest = Convert.FromHexString(hex);
        int before = rest.Length;
        Assert.False(Asn1Element.TryTake(ref rest, out _));
        Assert.Equal(before, rest.Length);
    }

    [Theory]
    [InlineData("3003", 2, 3)]
    [InlineData("30820102", 4, 258)]
    [InlineData("30840000000a", 6, 10)]
    [InlineData("3080", 2, -1)]
    [InlineData("bf810105", 4, 5)]
    public void AHeaderIsReadWithoutItsContent(string hex, int header, int content)
    {
        Assert.True(Asn1Element.TryReadHeader(Convert.FromHexString(hex), out _, out int headerBytes, out int contentBytes));
        Assert.Equal((header, content), (headerBytes, contentBytes));
    }

    [Theory]
    [InlineData("30")]
    [InlineData("308201")]
    [InlineData("3084ffffffff")]
    [InlineData("1f")]
    public void AHeaderThatIsCutOrTooLargeIsRefused(string hex) =>
        Assert.False(Asn1Element.TryReadHeader(Convert.FromHexString(hex), out _, out _, out _));

    [Theory]
    [InlineData("0201ff", -1)]
    [InlineData("02020080", 128)]
    [InlineData("02087fffffffffffffff", long.MaxValue)]
    public void NumbersHaveASign(string hex, long expected)
    {
        ReadOnlySpan<byte> rest = Convert.FromHexString(hex);
        Assert.True(Asn1Element.TryTake(ref rest, out Asn1Element element));
        Assert.True(element.TryReadNumber(out long value));
        Assert.Equal(expected, value);
    }

    [Fact]
    public void IdentifiersAreDotted()
    {
        var text = new ByteBuffer();
        Asn1Element.AppendOid([0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x02, 0x0a], text);
        Assert.Equal("1.3.6.1.4.1.311.2.2.10", Encoding.ASCII.GetString(text.Span));
    }
}
