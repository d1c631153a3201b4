using System.Text;
using BridgeGuard.Engine.Detection.Matchers;
using Xunit;

namespace BridgeGuard.Engine.Tests.Detection.Matchers;

/// <summary>Rows are what Suricata 8.0.8's <c>base64_decode</c> made of UDP payloads.</summary>
public sealed class Base64Tests
{
    [Theory]
    [InlineData("", "aGVsbG8gd29ybGQ=", "hello world")]
    [InlineData("", "xxaGVsbG8gd29ybGQ=", null)]
    [InlineData("", "aGVsbG8gd29y\r\nbGQ=", "hello wor")]
    [InlineData("", "aGVsbG8!gd29ybGQ=", "hello")]
    [InlineData("", "aGVsbG8", "hello")]
    [InlineData("", "aGVs", "hel")]
    [InlineData("", "a", null)]
    [InlineData("", "aG", "h")]
    [InlineData("", "aGVsb", null)]
    [InlineData("", "aGVs bG8=", "hel")]
    [InlineData("", "=aGVsbG8=", null)]
    [InlineData("", "aGVs\0bG8=", "hel")]
    [InlineData("", "aGVsb!xxx", null)]
    [InlineData("", "aGVs=bG8", null)]
    [InlineData("", "aG=sbG8=", "hlo")]
    [InlineData("", "aGVsbG8==", null)]
    [InlineData("", "aGVsbA=a", "hell")]
    [InlineData("", "aGVsbG8=aGVs", "hellohel")]
    [InlineData("", "====", null)]
    [InlineData("", "!aGVs", null)]
    [InlineData("", "aG!", "h")]
    [InlineData("bytes 4", "aGVsbG8gd29ybGQ=", "hel")]
    [InlineData("bytes 5", "aGVsbG8gd29ybGQ=", null)]
    [InlineData("bytes 6", "aGVsbG8gd29ybGQ=", "hell")]
    [InlineData("bytes 200", "aGVsbG8=", "hello")]
    [InlineData("offset 2", "xxaGVsbG8=", "hello")]
    [InlineData("offset 100", "aGVsbG8=", null)]
    [InlineData("bytes 4, offset 2, relative", "12xxaGVsbG8=", "hel")]
    public void DecodesAsThePeer(string argument, string input, string? expected)
    {
        Assert.True(Base64Decode.TryParse(argument, out Base64Decode keyword, out ArgumentError error), error.Message);
        var output = new byte[100];
        bool decoded = keyword.TryDecode(Encoding.Latin1.GetBytes(input), 2, output, out int written);
        Assert.Equal(expected, decoded ? Encoding.Latin1.GetString(output, 0, written) : null);
    }

    [Fact]
    public void AFullOutputEndsDecoding()
    {
        var output = new byte[4];
        Assert.True(Base64.TryDecode("aGVsbG8gd29ybGQ="u8, Base64Mode.Rfc4648, output, out int written));
        Assert.Equal(4, written);
        Assert.Equal("hell"u8.ToArray(), output);
    }

    [Fact]
    public void AgreesWithTheFrameworkOnWellFormedInput()
    {
        var random = new Random(1);
        var output = new byte[400];
        for (int length = 0; length < 300; length++)
        {
            var bytes = new byte[length];
            random.NextBytes(bytes);
            byte[] text = Encoding.ASCII.GetBytes(Convert.ToBase64String(bytes));
            foreach (Base64Mode mode in Enum.GetValues<Base64Mode>())
            {
                Assert.True(Base64.TryDecode(text, mode, output, out int written));
                Assert.Equal(bytes, output.AsSpan(0, written));
            }
        }
    }

    [Theory]
    [InlineData("offset 6, bytes 5, relative")]
    [InlineData("bytes 65536")]
    [InlineData("offset -1")]
    [InlineData("bogus")]
    [InlineData("bytes 5,bytes 6")]
    [InlineData("bytes v")]
    public void BadArgumentsAreErrors(string argument)
    {
        Assert.False(Base64Decode.TryParse(argument, out _, out ArgumentError error));
        Assert.NotEmpty(error.Message);
    }

    [Theory]
    [InlineData("relative,bytes 5")]
    [InlineData("bytes 5,relative,offset 3")]
    [InlineData(" bytes  5 , offset 6 ,relative ")]
    [InlineData("offset 65536")]
    [InlineData("bytes 0")]
    public void GoodArgumentsAreTaken(string argument) => Assert.True(Base64Decode.TryParse(argument, out _, out _));
}
