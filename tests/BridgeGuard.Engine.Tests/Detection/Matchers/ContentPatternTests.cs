using System.Text;
using BridgeGuard.Engine.Detection.Matchers;
using Xunit;

namespace BridgeGuard.Engine.Tests.Detection.Matchers;

public sealed class ContentPatternTests
{
    [Theory]
    [InlineData("abc", false, "xxabc", 2)]
    [InlineData("abc", false, "xxABC", -1)]
    [InlineData("AbC", true, "xxaBc", 2)]
    [InlineData("a", true, "xA", 1)]
    [InlineData("1", true, "\u0011", -1)]
    [InlineData("[x", true, "{X", -1)]
    [InlineData("@x", true, "`x", -1)]
    [InlineData("\u00e9x", true, "\u00c9x", -1)]
    [InlineData("abc", true, "ab", -1)]
    [InlineData("abc", true, "", -1)]
    [InlineData("aa", true, "AaAa", 0)]
    public void FindsTheFirstOccurrence(string pattern, bool ignoreCase, string text, int expected) =>
        Assert.Equal(expected, new ContentPattern(Encoding.Latin1.GetBytes(pattern), ignoreCase).IndexIn(Encoding.Latin1.GetBytes(text)));

    [Fact]
    public void EveryVariantAgreesWithASlowSearchAndStaysInsideTheBuffer()
    {
        using var memory = new GuardedMemory(1);
        var random = new Random(3);
        for (int round = 0; round < 6000; round++)
        {
            int alphabet = round % 3 == 0 ? 2 : round % 3 == 1 ? 8 : 256;
            byte[] bytes = Random(random, random.Next(1, round % 5 == 0 ? 40 : 5), alphabet);
            byte[] content = Random(random, random.Next(200), alphabet);
            var pattern = new ContentPattern(bytes, ignoreCase: true);
            int expected = SlowIndex(content, bytes);
            Span<byte> text = round % 2 == 0 ? memory.AtEnd(content) : memory.AtStart(content);
            foreach (ContentPattern.SearchVariant variant in Enum.GetValues<ContentPattern.SearchVariant>())
            {
                Assert.Equal(expected, pattern.IndexIgnoringCase(text, variant));
            }
            Assert.Equal(text.IndexOf(bytes), new ContentPattern(bytes, ignoreCase: false).IndexIn(text));
            Assert.True(expected < 0 || pattern.IsAt(text, expected));
            Assert.False(pattern.IsAt(text, -1));
            Assert.False(pattern.IsAt(text, text.Length));
        }
    }

    private static byte[] Random(Random random, int length, int alphabet)
    {
        var bytes = new byte[length];
        foreach (ref byte value in bytes.AsSpan())
        {
            value = alphabet == 256 ? (byte)random.Next(256) : (byte)"aAbBcCdD"[random.Next(alphabet)];
        }
        return bytes;
    }

    private static int SlowIndex(byte[] text, byte[] pattern)
    {
        for (int i = 0; i + pattern.Length <= text.Length; i++)
        {
            bool equal = true;
            for (int j = 0; j < pattern.Length && equal; j++)
            {
                equal = Lower(text[i + j]) == Lower(pattern[j]);
            }
            if (equal)
            {
                return i;
            }
        }
        return -1;
    }

    private static byte Lower(byte value) => value is >= (byte)'A' and <= (byte)'Z' ? (byte)(value + 32) : value;
}
