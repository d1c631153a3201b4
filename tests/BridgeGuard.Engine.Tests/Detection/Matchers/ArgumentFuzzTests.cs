using System.Text;
using BridgeGuard.Engine.Detection.Matchers;
using BridgeGuard.Engine.Detection.Regex;
using BridgeGuard.Engine.Detection.Transforms;
using Xunit;

namespace BridgeGuard.Engine.Tests.Detection.Matchers;

/// <summary>Whatever stands in a rule: parsers answer, evaluation of what they took answers, nothing throws.</summary>
public sealed class ArgumentFuzzTests
{
    private static readonly string[] Tokens =
    [
        "1", "0", "-1", "8", "23", "65535", "65536", "99999999999999999999", "0x10", "010", "v", "relative", "little", "big", "dce", "string", "hex",
        "dec", "oct", "bitmask", "multiplier", "align", "from_beginning", "from_end", "post_offset", "bytes", "offset", "oper", "+", "-", "*", "/", "<<",
        ">>", "rvalue", "result", "endian", ",", ",", ",", ",", " ", " ", "!", "<", ">", "=", "<=", ">=", "&", "^", "<>", "kb", "mib", "value", "1.5",
        "rawbytes", "bitstring_overflow", "double_overflow", "oversize_length", "absolute_offset", "relative_offset", "mode", "strict", "rfc2045",
        "max-size", "\"", "\"0a\"", "(", ")", "a", "\u00e9", "\0", "[", "]", "{2,3}", "\\", "|", "?", "$", "(?i)", "(?<n>", "\\1", "\\x{41}", "[:alpha:]",
    ];

    [Fact]
    public void RandomArgumentsNeverThrow()
    {
        var random = new Random(11);
        byte[] buffer = Encoding.ASCII.GetBytes("0x12 345 abc \0\u0001\u0002 aGVsbG8=");
        var output = new byte[100];
        using var scratch = new TransformScratch();
        int accepted = 0;
        for (int round = 0; round < 20_000; round++)
        {
            string text = string.Concat(Enumerable.Range(0, random.Next(12)).Select(_ => Tokens[random.Next(Tokens.Length)]));
            int cursor = random.Next(buffer.Length + 1);
            accepted += IntegerRange.TryParse(text, IntegerRange.MaxU16, out _, out _) ? 1 : 0;
            accepted += ByteTest.TryParse(text, out ByteTest test, out _) && !test.Matches(buffer, cursor, test.Literals) ? 1 : 0;
            int moved = cursor;
            accepted += ByteJump.TryParse(text, out ByteJump jump, out _) && !jump.Matches(buffer, ref moved, jump.Literals) ? 1 : 0;
            Assert.InRange(moved, 0, buffer.Length);
            accepted += ByteExtract.TryParse(text, out ByteExtract extract, out _) && !extract.Matches(buffer, ref moved, false, out _) ? 1 : 0;
            Assert.InRange(moved, 0, buffer.Length);
            accepted += ByteMath.TryParse(text, out ByteMath math, out _) && !math.Matches(buffer, ref moved, math.Literals, out _) ? 1 : 0;
            accepted += IsDataAt.TryParse(text, out _, out _) ? 1 : 0;
            accepted += Entropy.TryParse(text, out Entropy entropy, out _) && !entropy.Matches(buffer, out _) ? 1 : 0;
            accepted += Base64Decode.TryParse(text, out Base64Decode base64, out _) && !base64.TryDecode(buffer, cursor, output, out _) ? 1 : 0;
            accepted += Asn1.TryParse(text, out Asn1 asn1, out _) && !asn1.Matches(buffer, cursor) ? 1 : 0;
            string name = TransformCatalog.Names[random.Next(TransformCatalog.Names.Count)];
            if (TransformCatalog.TryCreate(name, text, TransformContext.Default, out Transform? transform, out _))
            {
                accepted++;
                Assert.InRange(transform.Apply(buffer, scratch).Length, 0, TransformScratch.MaxBytes);
            }
        }
        Assert.True(accepted > 200, $"{accepted}: the generator makes too little sense");
    }

    [Fact]
    public void RandomExpressionsNeverThrowAndBothEnginesAgreeOnMatches()
    {
        var random = new Random(12);
        using var scratch = new RegexScratch();
        var limits = new MatchLimits(100_000, 100_000, 500);
        byte[] buffer = Encoding.Latin1.GetBytes("aA1 v23hex\n[value]\u00e9\0(dec)+{2,3}\r\n");
        int compared = 0;
        for (int round = 0; round < 4000; round++)
        {
            byte[] text = Encoding.Latin1.GetBytes(string.Concat(Enumerable.Range(0, random.Next(1, 7)).Select(_ => Tokens[random.Next(Tokens.Length)])));
            var options = (PcreOptions)random.Next(128);
            bool managed = CompiledRegex.TryCompile(RegexEngine.Managed, text, options, limits, out CompiledRegex? second, out _);
            if (CompiledRegex.TryCompile(RegexEngine.Pcre2, text, options, limits, out CompiledRegex? first, out _) && managed)
            {
                string expected = BridgeGuard.Engine.Tests.Detection.Regex.RegexCorpusTests.Describe(first, buffer, scratch);
                string actual = BridgeGuard.Engine.Tests.Detection.Regex.RegexCorpusTests.Describe(second!, buffer, scratch);
                Assert.True(expected == actual, $"/{Encoding.Latin1.GetString(text)}/ {options}: pcre2 {expected}, managed {actual}");
                compared++;
            }
            first?.Dispose();
        }
        Assert.True(compared > 500 || !Engine.Detection.Regex.Interop.Pcre2Library.IsAvailable, $"{compared} compared");
    }
}
