using System.Text;
using BridgeGuard.Engine.Detection.Matchers;
using Xunit;

namespace BridgeGuard.Engine.Tests.Detection.Matchers;

/// <summary>Rows are what Suricata 8.0.8 matched with UDP payloads.</summary>
public sealed class EntropyTests
{
    private static readonly string[] Payloads =
        ["aaaa", "aabb", "abcd", "aaab", "aabbcccc", string.Concat(Enumerable.Range(0, 256).Select(i => (char)i)), "aaaabcd"];

    [Theory]
    [InlineData("value = 1", "1")]
    [InlineData("value 2", "2")]
    [InlineData("value = 0", "0")]
    [InlineData("value > 0", "1 2 3 4 5 6")]
    [InlineData("value >= 2", "2 5")]
    [InlineData("value = 8", "5")]
    [InlineData("value 0-2", "1 3 4 6")]
    [InlineData("value !0-2", "0 2 5")]
    [InlineData("value !0<>2", "0 2 5")]
    [InlineData("value != 1", "0 2 3 4 5 6")]
    [InlineData("value <= 0.82", "0 3")]
    [InlineData("bytes 4, value 1", "1 4")]
    [InlineData("bytes 4, value 0", "0 6")]
    [InlineData("bytes 8, value >= 0", "4 5")]
    [InlineData("offset 4, value >= 0", "0 1 2 3 4 5 6")]
    [InlineData("offset 4, bytes 4, value 2", "5")]
    [InlineData("bytes -1, value >= 0", "0 1 2 3 4 5 6")]
    [InlineData("offset -1, value >= 0", "0 1 2 3 4 5 6")]
    [InlineData("offset 100, value >= 0", "5")]
    [InlineData("offset 4, bytes 100, value >= 0", "5")]
    [InlineData("offset 7, value >= 0", "4 5 6")]
    [InlineData("offset 8, value >= 0", "4 5")]
    [InlineData("value >4,bytes 4,offset 3", "")]
    [InlineData("value < 9,", "0 1 2 3 4 5 6")]
    public void Matches(string text, string expected)
    {
        Assert.True(Entropy.TryParse(text, out Entropy keyword, out ArgumentError error), error.Message);
        Assert.Equal(
            expected, string.Join(' ', Enumerable.Range(0, Payloads.Length).Where(i => keyword.Matches(Encoding.Latin1.GetBytes(Payloads[i]), out _))));
    }

    [Theory]
    [InlineData("value .5")]
    [InlineData("value 1e1")]
    [InlineData("value 1e-1-2")]
    [InlineData("value inf")]
    [InlineData("value +4")]
    [InlineData("value -4--3")]
    [InlineData("value 4 - 5")]
    [InlineData("value 4.0<>4.5")]
    [InlineData("value  >  4 ")]
    public void NumbersHaveTheseForms(string text) => Assert.True(Entropy.TryParse(text, out _, out _));

    [Theory]
    [InlineData("value>4")]
    [InlineData("offset 5")]
    [InlineData("bogus 5, value > 4")]
    [InlineData("7")]
    [InlineData("value !4")]
    [InlineData("value ! 4-5")]
    [InlineData("value > 4, value > 5")]
    [InlineData("value > 4, bytes 4, bytes 5")]
    [InlineData("value &4=4")]
    [InlineData("value 4kb")]
    [InlineData("value 0x4")]
    [InlineData("offset v, value 4")]
    [InlineData("value > 4x")]
    [InlineData(",value >4")]
    [InlineData("value 5-4")]
    [InlineData("value 4-4")]
    [InlineData("value 4.")]
    [InlineData("value > ")]
    [InlineData("value")]
    [InlineData("bytes 5.5,value 4")]
    [InlineData("bytes 99999999999,value 4")]
    [InlineData("value == 4")]
    [InlineData("")]
    public void BadArgumentsAreErrors(string text)
    {
        Assert.False(Entropy.TryParse(text, out _, out ArgumentError error));
        Assert.NotEmpty(error.Message);
        Assert.InRange(error.Offset, 0, text.Length);
    }
}
