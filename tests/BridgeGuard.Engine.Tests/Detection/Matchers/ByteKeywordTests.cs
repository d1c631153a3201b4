using System.Text;
using BridgeGuard.Engine.Detection.Matchers;
using Xunit;

namespace BridgeGuard.Engine.Tests.Detection.Matchers;

/// <summary>Rows are what Suricata 8.0.8 accepted, refused and matched with UDP payloads.</summary>
public sealed class ByteKeywordTests
{
    private static readonly string[] TestPayloads =
    [
        "\u0005\0\0\0\0\0\0\0\0", "\0\0\0\u0005", "\u0007\u0001", "\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff", "5 abc", "05abc", "0x05 ", " 5 a",
        "x5", "-5  ", "+5  ", "12345678901234567890", "17777", "\u0005",
    ];

    /// <summary>0 to 9 here: 02, 05, 0f, 0e, 10, 00, ff, "03", 00000003, 03000000 before letters.</summary>
    private static readonly string[] JumpPayloads =
    [
        "\u0002abcdefghijklmno", "\u0005abcdefghijklmno", "\u000fabcdefghijklmno", "\u000eabcdefghijklmno", "\u0010abcdefghijklmno",
        "\0abcdefghijklmno", "\u00ffabcdefghijklmno", "03abcdefghijklmno", "\0\0\0\u0003abcdefghijkl", "\u0003\0\0\0abcdefghijkl",
    ];

    [Theory]
    [InlineData("0,=,0,0", "0 1 2 3 4 5 6 7 8 9 10 11 12 13")]
    [InlineData("0,=,0,0,string,dec", "6")]
    [InlineData("1,!,5,0", "1 2 3 4 5 6 7 8 9 10 11 12")]
    [InlineData("1,=,5,0", "0 13")]
    [InlineData("1,!=,5,0", "1 2 3 4 5 6 7 8 9 10 11 12")]
    [InlineData("2,=,5,0,string", "4 5 7 10")]
    [InlineData("2,=,5,0,string,dec", "4 5 7 10")]
    [InlineData("2,=,5,0,string,hex", "4 5 7 10")]
    [InlineData("2,=,5,0,string,oct", "4 5 7 10")]
    [InlineData("4,=,5,0,string,dec", "4 5 7 10")]
    [InlineData("4,=,5,0,string,hex", "4 6 7 10")]
    [InlineData("4,=,5,0,string", "4 5 6 7 10")]
    [InlineData("1,=,5,0,string,dec", "4")]
    [InlineData("2,!=,5,0,string,dec", "6 9 11 12")]
    [InlineData("2,!>,5,0,string,dec", "4 5 6 7 10")]
    [InlineData("4,=,5,0", "1")]
    [InlineData("4,=,5,0,little", "0")]
    [InlineData("4,=,5,0,big,little", "0")]
    [InlineData("4,=,5,0,little,big", "1")]
    [InlineData("8,=,5,0,little", "0")]
    [InlineData("8,>,-1,0", "")]
    [InlineData("8,=,-1,0", "3")]
    [InlineData("8,<,-1,0", "0 11")]
    [InlineData("1,=,-1,0", "")]
    [InlineData("1,=,5,-1", "")]
    [InlineData("1,&,2,0", "2 3 10")]
    [InlineData("1,&,3,0", "0 2 3 4 9 10 11 12 13")]
    [InlineData("1,!&,2,0", "0 1 4 5 6 7 8 9 11 12 13")]
    [InlineData("1,^,5,0", "1 2 3 4 5 6 7 8 9 10 11 12")]
    [InlineData("1,!^,5,0", "0 13")]
    [InlineData("3,=,5,1", "1")]
    [InlineData("2,=,0x701,0", "2")]
    [InlineData("2,=,7,0,bitmask 0xff00", "2")]
    [InlineData("2,=,1792,0,bitmask 0xff00", "")]
    [InlineData("1,=,2,0,bitmask 0x06", "0 4 9 13")]
    [InlineData("1,=,0,0,bitmask 0", "0 1 2 3 4 5 6 7 8 9 10 11 12 13")]
    [InlineData("20,=,12345678901234567890,0,string,dec", "11")]
    [InlineData("20,>,5,0,string,dec", "11")]
    [InlineData("5,=,8191,0,string,oct", "12")]
    [InlineData("1,>=,5,0", "0 2 3 4 5 6 7 8 9 10 11 12 13")]
    [InlineData("1,<=,5,0", "0 1 13")]
    [InlineData("9,=,5,0,string,dec", "")]
    [InlineData("1,=,07,0", "2")]
    public void ByteTestMatches(string text, string expected)
    {
        Assert.True(ByteTest.TryParse(text, out ByteTest test, out ArgumentError error), error.Message);
        Assert.Equal(expected, Indexes(TestPayloads, bytes => test.Matches(bytes, 0, test.Literals)));
    }

    [Theory]
    [InlineData("9,>,5,0")]
    [InlineData("24,>,5,0,string,oct")]
    [InlineData("1,=>,5,0")]
    [InlineData("1,==,5,0")]
    [InlineData("1,<>,5,0")]
    [InlineData("1,>,99999999999999999999,0")]
    [InlineData("1,>,5,99999999999,relative")]
    [InlineData("1,>,5,0,dec")]
    [InlineData("1,>,5,0,bogus")]
    [InlineData("4,>,5,0,bitmask 0x1FFFFFFFF")]
    [InlineData("1,>,5,0,dce,little")]
    [InlineData("1,>,5,0,dce,string")]
    [InlineData("1,>,5")]
    [InlineData("1,>")]
    [InlineData("")]
    [InlineData("1,>,5,0,RELATIVE")]
    [InlineData("1,>,5,0,")]
    [InlineData("1,>,5,0,oct")]
    [InlineData("1, <5, 0")]
    [InlineData("1,<,5 ,0 relative")]
    [InlineData("-1,>,5,0")]
    [InlineData("1,>,5 x,0")]
    [InlineData("1,>,,0")]
    [InlineData("1,>,5,0,bitmask")]
    [InlineData("1,>,5,2147483648")]
    public void ByteTestRefuses(string text) => AssertRefused(text, (string t, out ArgumentError e) => ByteTest.TryParse(t, out _, out e));

    [Theory]
    [InlineData("1, >, 5, 0, relative, little")]
    [InlineData(" 1 , > , 5 , 0 , relative ")]
    [InlineData("1,! >,5,0")]
    [InlineData("21,>,5,0,string,dec")]
    [InlineData("1,>,5,-2147483648")]
    [InlineData("1,>,5,0,string,string,dec")]
    [InlineData("1,>,5,0,relative,relative")]
    [InlineData("1,>,5,0,dce")]
    [InlineData("1,>,5,0,little,string,dec")]
    [InlineData("1,>,5,0,dec,string")]
    [InlineData("1,>,+5,0")]
    [InlineData("1,>,5,0,bitmask 5,bitmask 6")]
    [InlineData("var,>,var,var")]
    public void ByteTestAccepts(string text) => Assert.True(ByteTest.TryParse(text, out _, out ArgumentError error), error.Message);

    /// <summary>Payload index and the byte at the new cursor ('.' for the end), for those that match.</summary>
    [Theory]
    [InlineData("1,0", 0, "0c 1f 2. 3o 5a 8\0 9a")]
    [InlineData("1,0,multiplier 2", 0, "0e 1k 5a 8\0 9d")]
    [InlineData("1,0,align", 0, "0e 1i 5a 8\0 9b")]
    [InlineData("1,0,align,multiplier 3", 0, "0i 5a 8\0 9j")]
    [InlineData("1,0,align,post_offset 1", 0, "0f 1j 5b 8\0 9c")]
    [InlineData("1,0,from_beginning", 0, "0b 1e 2o 3n 4. 5\0 8\0 9\0")]
    [InlineData("1,0,align,from_beginning,post_offset 1", 0, "0e 1i 5a 8\0 9b")]
    [InlineData("1,0,from_end", 0, "5. 8.")]
    [InlineData("1,0,post_offset 1", 0, "0d 1g 3. 5b 8\0 9b")]
    [InlineData("1,0,post_offset -2", 0, "0a 1d 2n 3m 4o 5\0 8\0 9\0")]
    [InlineData("1,0,post_offset -10", 0, "0\u0002 1\u0005 2f 3e 4g 5\0 8\0 9\u0003")]
    [InlineData("2,0,string,dec", 0, "7d")]
    [InlineData("2,0,string", 0, "7d")]
    [InlineData("4,0", 0, "8d")]
    [InlineData("4,0,little", 0, "9d")]
    [InlineData("4,0,little,from_beginning", 0, "9\0")]
    [InlineData("1,16", 0, "")]
    [InlineData("1,15", 0, "")]
    [InlineData("1,-1", 0, "")]
    [InlineData("1,-2,relative", 2, "0c 1f 2. 3o 5a 8\0 9a")]
    [InlineData("0,0,post_offset 3", 0, "0c 1c 2c 3c 4c 5c 6c 7b 8\u0003 9\0")]
    [InlineData("0,0,from_end,post_offset -1", 0, "0o 1o 2o 3o 4o 5o 6o 7o 8l 9l")]
    public void ByteJumpMoves(string text, int cursor, string expected)
    {
        Assert.True(ByteJump.TryParse(text, out ByteJump jump, out ArgumentError error), error.Message);
        var found = new List<string>();
        for (int i = 0; i < JumpPayloads.Length; i++)
        {
            int moved = cursor;
            if (jump.Matches(Encoding.Latin1.GetBytes(JumpPayloads[i]), ref moved, jump.Literals))
            {
                found.Add($"{i}{(moved == JumpPayloads[i].Length ? '.' : JumpPayloads[i][moved])}");
            }
        }
        Assert.Equal(expected, string.Join(' ', found));
    }

    [Theory]
    [InlineData("3 abcdef", 'c')]
    [InlineData("3abcdefg", 'd')]
    [InlineData(" 3abcdef", 'd')]
    [InlineData("03abcdef", 'd')]
    public void ByteJumpCountsFromBehindTheDigits(string payload, char goal)
    {
        Assert.True(ByteJump.TryParse("4,0,string,dec", out ByteJump jump, out _));
        int cursor = 0;
        Assert.True(jump.Matches(Encoding.Latin1.GetBytes(payload), ref cursor, jump.Literals));
        Assert.Equal(goal, payload[cursor]);
    }

    [Theory]
    [InlineData("9,0")]
    [InlineData("24,0,string,oct")]
    [InlineData("1,0,multiplier,2")]
    [InlineData("1,0,multiplier 0")]
    [InlineData("1,0,multiplier 65536")]
    [InlineData("1,0,multiplier -1")]
    [InlineData("1,0,from_beginning,from_end")]
    [InlineData("1,0,post_offset 65536")]
    [InlineData("1,0,post_offset -65536")]
    [InlineData("1,0,post_offset,5")]
    [InlineData("1,0,post_offset v")]
    [InlineData("1,0,multiplier v")]
    [InlineData("1,0,bitmask 0x3")]
    [InlineData("1,0,dce,little")]
    [InlineData("1,0,string,dce")]
    [InlineData("1,65536")]
    [InlineData("1,-65536,relative")]
    [InlineData("1")]
    [InlineData("1,0,hex")]
    [InlineData("1,0,bogus")]
    [InlineData("-1,0")]
    [InlineData("1,0,")]
    [InlineData("1,0,multiplier")]
    public void ByteJumpRefuses(string text) => AssertRefused(text, (string t, out ArgumentError e) => ByteJump.TryParse(t, out _, out e));

    [Theory]
    [InlineData("1,0,v", "0:2 1:5 2:15 3:14 4:16 5:0 6:255 7:48 8:0 9:3")]
    [InlineData("1,0,v,multiplier 2", "0:4 1:10 2:30 3:28 4:32 5:0 6:510 7:96 8:0 9:6")]
    [InlineData("1,0,v,align 4", "0:4 1:8 2:16 3:16 4:16 5:0 6:256 7:48 8:0 9:4")]
    [InlineData("1,0,v,align 2", "0:2 1:6 2:16 3:14 4:16 5:0 6:256 7:48 8:0 9:4")]
    [InlineData("2,0,v,string,dec", "7:3")]
    [InlineData("4,0,v,little", "0:1667391746 1:1667391749 2:1667391759 3:1667391758 4:1667391760 5:1667391744 6:1667391999 7:1650537264 8:50331648 9:3")]
    public void ByteExtractReads(string text, string expected)
    {
        Assert.True(ByteExtract.TryParse(text, out ByteExtract extract, out ArgumentError error), error.Message);
        Assert.Equal("v", extract.Name);
        var found = new List<string>();
        for (int i = 0; i < JumpPayloads.Length; i++)
        {
            int cursor = 0;
            if (extract.Matches(Encoding.Latin1.GetBytes(JumpPayloads[i]), ref cursor, false, out ulong value))
            {
                found.Add($"{i}:{value}");
            }
        }
        Assert.Equal(expected, string.Join(' ', found));
    }

    [Fact]
    public void ByteExtractMovesTheCursorBehindTheNumber()
    {
        Assert.True(ByteExtract.TryParse("4,1,v", out ByteExtract binary, out _));
        int cursor = 0;
        Assert.True(binary.Matches("abcdefgh"u8, ref cursor, false, out _));
        Assert.Equal(5, cursor);
        Assert.True(ByteExtract.TryParse("4,0,v,string,dec", out ByteExtract text, out _));
        cursor = 0;
        Assert.True(text.Matches(" 3abcdef"u8, ref cursor, false, out ulong value));
        Assert.Equal((2, 3UL), (cursor, value));
    }

    [Theory]
    [InlineData("9,0,v")]
    [InlineData("1,0")]
    [InlineData("1,0, ")]
    [InlineData("1,0,v,multiplier 0")]
    [InlineData("1,0,v,multiplier 65536")]
    [InlineData("1,0,v,align 3")]
    [InlineData("1,0,v,align")]
    [InlineData("1,0,v,little,big")]
    [InlineData("1,0,v,dec")]
    [InlineData("1,0,v,dec,string")]
    [InlineData("24,0,v,string,oct")]
    [InlineData("21,0,v,string,dec")]
    [InlineData("15,0,v,string,hex")]
    [InlineData("21,0,v,string")]
    [InlineData("1,0,v,dce,little")]
    [InlineData("1,0,v,string,dec,little")]
    [InlineData("1,65536,v")]
    [InlineData("1,-65535,v,relative")]
    [InlineData("1,0,v,bitmask 0x3")]
    [InlineData("1,0,v,relative,relative")]
    [InlineData("1,0,v,bogus")]
    [InlineData("1,x,v")]
    [InlineData("x,0,v")]
    [InlineData("1,0,v,multiplier 2,multiplier 3")]
    [InlineData("1,0,v,string,bin")]
    public void ByteExtractRefuses(string text) => AssertRefused(text, (string t, out ArgumentError e) => ByteExtract.TryParse(t, out _, out e));

    [Theory]
    [InlineData("bytes 1, offset 0, oper +, rvalue 1, result r", 3)]
    [InlineData("bytes 1, offset 0, oper *, rvalue 2, result r", 4)]
    [InlineData("bytes 1, offset 0, oper -, rvalue 1, result r", 1)]
    [InlineData("bytes 1, offset 0, oper -, rvalue 3, result r", -1)]
    [InlineData("bytes 1, offset 0, oper /, rvalue 2, result r", 1)]
    [InlineData("bytes 1, offset 0, oper <<, rvalue 1, result r", 4)]
    [InlineData("bytes 1, offset 0, oper >>, rvalue 1, result r", 1)]
    [InlineData("bytes 1, offset 0, oper <<, rvalue 64, result r", 0)]
    [InlineData("bytes 2, offset 0, oper +, rvalue 0, result r", 0x261)]
    [InlineData("bytes 2, offset 0, oper +, rvalue 0, result r, endian little", 0x6102)]
    [InlineData("bytes 2, offset 0, oper +, rvalue 0, result r, bitmask 0xff00", 2)]
    [InlineData("result r,offset 0,bytes 1,oper +,rvalue 1,", 3)]
    public void ByteMathComputes(string text, long expected)
    {
        Assert.True(ByteMath.TryParse(text, out ByteMath math, out ArgumentError error), error.Message);
        int cursor = 0;
        Assert.True(math.Matches(Encoding.Latin1.GetBytes(JumpPayloads[0]), ref cursor, math.Literals, out ulong result));
        Assert.Equal((ulong)expected, result);
        Assert.Equal((int)math.Count.Value, cursor);
    }

    [Theory]
    [InlineData("bytes 1, offset 0, oper /, rvalue 0, result r")]
    [InlineData("bytes 5, offset 0, oper +, rvalue 1, result r")]
    [InlineData("bytes 8, offset 0, oper +, rvalue 1, result r")]
    [InlineData("bytes 1, offset 16, oper +, rvalue 1, result r")]
    [InlineData("bytes 2, offset 1, oper +, rvalue 1, result r, string dec")]
    public void ByteMathDoesNotMatch(string text)
    {
        Assert.True(ByteMath.TryParse(text, out ByteMath math, out ArgumentError error), error.Message);
        int cursor = 7;
        Assert.False(math.Matches(Encoding.Latin1.GetBytes(JumpPayloads[0]), ref cursor, math.Literals, out _));
        Assert.Equal(7, cursor);
    }

    [Theory]
    [InlineData("bytes 0, offset 0, oper +, rvalue 1, result r")]
    [InlineData("bytes 11, offset 0, oper +, rvalue 1, result r, string dec")]
    [InlineData("bytes 4, offset 0, oper %, rvalue 1, result r")]
    [InlineData("bytes 4, offset 0, oper +, rvalue -1, result r")]
    [InlineData("bytes 4, offset 0, oper +, rvalue 4294967296, result r")]
    [InlineData("bytes 4, offset 0, oper +, rvalue 0x10, result r")]
    [InlineData("bytes 4, offset 0, oper +, rvalue 1x, result r")]
    [InlineData("bytes 4, offset 65536, oper +, rvalue 1, result r")]
    [InlineData("bytes 4, offset v, oper +, rvalue 1, result r")]
    [InlineData("bytes 4, offset 0, oper +, rvalue 1, result r, endian bogus")]
    [InlineData("bytes 4, offset 0, oper +, rvalue 1, result r, endian big, endian little")]
    [InlineData("bytes 4, offset 0, oper +, rvalue 1, result r, little")]
    [InlineData("bytes 4, offset 0, oper +, rvalue 1, result r, string bin")]
    [InlineData("bytes 4, offset 0, oper +, rvalue 1, result r, string")]
    [InlineData("bytes 4, offset 0, oper +, rvalue 1, result r, dce, endian big")]
    [InlineData("bytes 4, offset 0, oper +, rvalue 1, result r, bitmask 0x100000000")]
    [InlineData("bytes 4, offset 0, oper +, rvalue 1, result r, relative, relative")]
    [InlineData("bytes 4, offset 0, oper +, rvalue 1, result r, bogus")]
    [InlineData("bytes 4,offset 0,oper +,rvalue 1")]
    [InlineData("bytes 4,bytes 4,offset 0,oper +,rvalue 1,result r")]
    [InlineData("4,0,+,1,r")]
    [InlineData("")]
    public void ByteMathRefuses(string text) => AssertRefused(text, (string t, out ArgumentError e) => ByteMath.TryParse(t, out _, out e));

    [Theory]
    [InlineData("15", 16, 0, true)]
    [InlineData("16", 16, 0, false)]
    [InlineData("!16", 16, 0, true)]
    [InlineData("!15", 16, 0, false)]
    [InlineData("0", 16, 0, true)]
    [InlineData("0", 0, 0, false)]
    [InlineData("0,relative", 16, 16, true)]
    [InlineData("!0,relative", 16, 16, false)]
    [InlineData("1,relative", 16, 16, false)]
    [InlineData("!1,relative", 16, 16, true)]
    [InlineData("1,relative", 16, 15, true)]
    [InlineData("2,relative,rawbytes", 16, 15, false)]
    public void IsDataAtMatches(string text, int length, int cursor, bool expected)
    {
        Assert.True(IsDataAt.TryParse(text, out IsDataAt keyword, out ArgumentError error), error.Message);
        Assert.Equal(expected, keyword.Matches(length, cursor, (ulong)keyword.Offset.Value));
    }

    [Theory]
    [InlineData("! 5")]
    [InlineData("5,rawbytes")]
    [InlineData("5,rawbytes,relative")]
    [InlineData("65536")]
    [InlineData("-1")]
    [InlineData("")]
    [InlineData("5,bogus")]
    [InlineData("5 relative")]
    [InlineData("!")]
    [InlineData("0x5")]
    public void IsDataAtRefuses(string text) => AssertRefused(text, (string t, out ArgumentError e) => IsDataAt.TryParse(t, out _, out e));

    [Fact]
    public void VariablesAreKeptByName()
    {
        Assert.True(ByteTest.TryParse("n,>,v,o", out ByteTest test, out _));
        Assert.Equal(("n", "v", "o"), (test.Count.Name, test.Value.Name, test.Offset.Name));
        Assert.True(ByteJump.TryParse("n,o", out ByteJump jump, out _));
        Assert.Equal(("n", "o"), (jump.Count.Name, jump.Offset.Name));
        Assert.True(ByteMath.TryParse("bytes n,offset 0,oper +,rvalue v,result r", out ByteMath math, out _));
        Assert.Equal(("n", "v", "r"), (math.Count.Name, math.RightValue.Name, math.Result));
        Assert.True(IsDataAt.TryParse("!v,relative", out IsDataAt at, out _));
        Assert.Equal("v", at.Offset.Name);
        var values = new ByteValues(1, 2, 98);
        Assert.True(ByteTest.TryParse("n,=,v,o", out ByteTest equal, out _));
        Assert.True(equal.Matches("\u0002abc"u8, 0, values));
    }

    [Fact]
    public void DceUsesTheOrderThatTheHeaderAnnounced()
    {
        Assert.True(ByteTest.TryParse("2,=,1,0,dce", out ByteTest test, out _));
        Assert.True(test.Matches([1, 0], 0, test.Literals with { DceLittleEndian = true }));
        Assert.False(test.Matches([1, 0], 0, test.Literals));
    }

    private delegate bool Parser(string text, out ArgumentError error);

    private static void AssertRefused(string text, Parser parser)
    {
        Assert.False(parser(text, out ArgumentError error));
        Assert.NotEmpty(error.Message);
        Assert.InRange(error.Offset, 0, text.Length);
    }

    private static string Indexes(string[] payloads, Func<byte[], bool> matches) =>
        string.Join(' ', Enumerable.Range(0, payloads.Length).Where(i => matches(Encoding.Latin1.GetBytes(payloads[i]))));
}
