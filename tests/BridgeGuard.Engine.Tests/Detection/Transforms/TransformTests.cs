using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using BridgeGuard.Engine.Detection.Matchers;
using BridgeGuard.Engine.Detection.Regex;
using BridgeGuard.Engine.Detection.Transforms;
using Xunit;

namespace BridgeGuard.Engine.Tests.Detection.Transforms;

/// <summary>Rows are what Suricata 8.0.8 made of the same HTTP request bodies.</summary>
public sealed class TransformTests
{
    private const string PublicSuffixFile = "/usr/share/publicsuffix/public_suffix_list.dat";

    private static readonly (string Name, string Argument, string Input, string Output)[] Table =
    [
        ("dotprefix", "", "abc", ".abc"),
        ("dotprefix", "", ".abc", "..abc"),
        ("to_lowercase", "", "ABC\u00c9z[", "abc\u00c9z["),
        ("to_uppercase", "", "abc\u00e9Z{", "ABC\u00e9Z{"),
        ("strip_whitespace", "", " a \t\tb\r\n\r\nc\v\fd\0\u00a0\u0085e  ", "abcd\0\u00a0\u0085e"),
        ("strip_whitespace", "", "  ", ""),
        ("compress_whitespace", "", " a \t\tb\r\n\r\nc\v\fd\0\u00a0\u0085e  ", " a b\rc\vd\0\u00a0\u0085e "),
        ("compress_whitespace", "", "a\t b", "a\tb"),
        ("compress_whitespace", "", "a\nb", "a\nb"),
        ("url_decode", "", "%2541%c3%A9%u0041", "%41\u00c3\u00a9%u0041"),
        ("url_decode", "", "a+b", "a b"),
        ("url_decode", "", "%00%4", "\0%4"),
        ("url_decode", "", "abc%4", "abc%4"),
        ("url_decode", "", "abc%", "abc%"),
        ("url_decode", "", "%zz", "%zz"),
        ("url_decode", "", "x%4%41y", "x%4%41y"),
        ("url_decode", "", "%%41", "%%41"),
        ("url_decode", "", "%2g%41", "%2gA"),
        ("url_decode", "", "a%41%", "aA%"),
        ("url_decode", "", "%4g+", "%4g "),
        ("url_decode", "", "%gx%41", "%gxA"),
        ("url_decode", "", "%%x41%42", "%%x41B"),
        ("url_decode", "", "%4+", "%4+"),
        ("url_decode", "", "%+41", "%+41"),
        ("url_decode", "", "%4++", "%4+ "),
        ("url_decode", "", "a%+", "a%+"),
        ("xor", "\"0a0b\"", "abcde", "kiioo"),
        ("xor", " \"0D\" ", "abc", "lon"),
        ("header_lowercase", "", "Host: ABC\r\nX-Foo: Bar\r\n\r\n", "host: ABC\r\nx-foo: Bar\r\n\r\n"),
        ("header_lowercase", "", "Host ABC\r\nX-Foo: Ba:R:Z\nQ:W\rX:Y\r\n", "host abc\r\nx-foo: Ba:R:Z\nq:W\rx:Y\r\n"),
        ("header_lowercase", "", "ABC", "abc"),
        ("strip_pseudo_headers", "", ":method: GET\r\nHost: x\r\n:path: /\r\nB: c\r\n", "Host: x\r\nB: c\r\n"),
        ("strip_pseudo_headers", "", ":method: GET\nHost: x\n:path: /", "Host: x\n"),
        ("strip_pseudo_headers", "", "a: b\r\n\r\n:x", "a: b\r\n\r\n"),
        ("strip_pseudo_headers", "", "abc", "abc"),
        ("strip_pseudo_headers", "", ":abc", ""),
        ("pcrexform", "\"b(.)d\"", "abcdbxd", "c"),
        ("pcrexform", "\"z(.)\"", "abcd", "abcd"),
        ("pcrexform", "\"(z)?b\"", "ab", "ab"),
        ("pcrexform", "\"a(z*)b\"", "ab", "ab"),
        ("from_base64", "", "aGVsbG8=", "hello"),
        ("from_base64", "", "aGVsbG8", "hello"),
        ("from_base64", "", "aGVs bG8=", "hel"),
        ("from_base64", "", "aGVs\r\nbG8=", "hel"),
        ("from_base64", "", "aGVs\0bG8=", "hel"),
        ("from_base64", "", "!aGVsbG8=", "!aGVsbG8="),
        ("from_base64", "", "aGVsb", "aGVsb"),
        ("from_base64", "", "aGVsbG8=xx", "hello\u00c7"),
        ("from_base64", "", "aG-_", "h"),
        ("from_base64", "", "aG+/", "ho\u00bf"),
        ("from_base64", "", "a", "a"),
        ("from_base64", "", "aGVsbG8==", "aGVsbG8=="),
        ("from_base64", "", "====", "===="),
        ("from_base64", "", "aGVs=bG8", "aGVs=bG8"),
        ("from_base64", "", "aG=sbG8=", "hlo"),
        ("from_base64", "", "aG=", "h"),
        ("from_base64", "", "aGV!aGVs", "he"),
        ("from_base64", "", "aGVsbG8=!!", "hello"),
        ("from_base64", "", "aGVsbG9=", "hello"),
        ("from_base64", "mode rfc2045", "aGVsbG8", "hel"),
        ("from_base64", "mode rfc2045", "aGVs bG8=", "hello"),
        ("from_base64", "mode rfc2045", "!aGVsbG8=", "hello"),
        ("from_base64", "mode rfc2045", "aGVsb", "hel"),
        ("from_base64", "mode rfc2045", "aGVsbG8=xx", "hello"),
        ("from_base64", "mode rfc2045", "aG-_", "aG-_"),
        ("from_base64", "mode rfc2045", "a", "a"),
        ("from_base64", "mode rfc2045", "aGVsbG8==", "hello"),
        ("from_base64", "mode rfc2045", "====", "===="),
        ("from_base64", "mode rfc2045", "aGVs=bG8", "aGVs=bG8"),
        ("from_base64", "mode rfc2045", "aG=sbG8=", "hlo"),
        ("from_base64", "mode rfc2045", "aG=", "aG="),
        ("from_base64", "mode rfc2045", "a!GVs", "hel"),
        ("from_base64", "mode strict", "aGVsbG8=", "hello"),
        ("from_base64", "mode strict", "aGVsbG8", "aGVsbG8"),
        ("from_base64", "mode strict", "aGVs bG8=", "aGVs bG8="),
        ("from_base64", "mode strict", "aG=sbG8=", "aG=sbG8="),
        ("from_base64", "mode strict", "aGVsbA=a", "aGVsbA=a"),
        ("from_base64", "mode strict", "aG+/", "ho\u00bf"),
        ("from_base64", "mode strict", "aGVsbG8=!!", "aGVsbG8=!!"),
        ("from_base64", "mode strict", "aGVsbG9=", "aGVsbG9="),
        ("from_base64", "bytes 4", "aGVsbG8=", "hel"),
        ("from_base64", "bytes 5", "aGVsbG8=", "aGVsbG8="),
        ("from_base64", "bytes 6", "aGVsbG8=", "hell"),
        ("from_base64", "offset 2", "xxaGVsbG8=", "hello"),
        ("from_base64", "offset 20", "aGVsbG8=", "aGVsbG8="),
        ("from_base64", "offset 8", "aGVsbG8=", "aGVsbG8="),
        ("from_base64", "bytes 8, offset 2", "xxaGVsbG8=yy", "hello"),
        ("from_base64", "bytes 100", "aGVsbG8=", "aGVsbG8="),
        ("from_base64", "bytes 8, offset 2, mode strict", "xxaGVsbG8=yy", "hello"),
        ("gunzip", "", "notgzip", ""),
        ("zlib_deflate", "", "notzlib", ""),
    ];

    /// <summary>Name, registrable domain, public suffix.</summary>
    private static readonly (string Input, string Domain, string Suffix)[] Domains =
    [
        ("www.example.com", "example.com", "com"),
        ("example.com", "example.com", "com"),
        ("com", "", ""),
        ("a.b.example.co.uk", "example.co.uk", "co.uk"),
        ("co.uk", "", ""),
        ("foo.bar.invalidtld", "bar.invalidtld", "invalidtld"),
        ("www.example.com.", "example.com.", "com."),
        (".example.com", "example.com", "com"),
        ("WWW.EXAMPLE.COM", "EXAMPLE.COM", "COM"),
        ("x.EXAMPLE.CO.UK", "CO.UK", "UK"),
        ("x.blogspot.com", "x.blogspot.com", "blogspot.com"),
        ("blogspot.com", "", ""),
        ("1.2.3.4", "3.4", "4"),
        ("www.ck", "www.ck", "ck"),
        ("foo.ck", "", ""),
        ("a.foo.ck", "a.foo.ck", "foo.ck"),
        ("a..com", ".com", "com"),
        ("..com", ".com", "com"),
        ("x.github.io", "x.github.io", "github.io"),
        ("example.com:80", "example.com:80", "com:80"),
        ("com.", "", ""),
        (".", "", ""),
        ("..", "", ""),
        ("", "", ""),
        (".com", "", ""),
        ("a.com..", "com..", "."),
        ("a..", "a..", "."),
        ("a.uk", "a.uk", "uk"),
        ("test.sch.uk", "", ""),
        ("a.test.sch.uk", "a.test.sch.uk", "test.sch.uk"),
    ];

    /// <summary>Only with the whole list.</summary>
    private static readonly (string Input, string Domain, string Suffix)[] ListedDomains =
    [
        ("a.b.kobe.jp", "a.b.kobe.jp", "b.kobe.jp"),
        ("www.city.kobe.jp", "city.kobe.jp", "kobe.jp"),
        ("c.kobe.jp", "", ""),
        ("a.x.xn--55qx5d.cn", "x.xn--55qx5d.cn", "xn--55qx5d.cn"),
        ("a.x.\u00e5\u0085\u00ac\u00e5\u008f\u00b8.cn", "x.\u00e5\u0085\u00ac\u00e5\u008f\u00b8.cn", "\u00e5\u0085\u00ac\u00e5\u008f\u00b8.cn"),
    ];

    [Fact]
    public void EveryRowOfTheTableHolds()
    {
        using var scratch = new TransformScratch();
        foreach (var row in Table)
        {
            Assert.True(row.Output == Run(row.Name, row.Argument, row.Input, scratch), $"{row}: {Run(row.Name, row.Argument, row.Input, scratch)}");
        }
    }

    [Fact]
    public void DomainsOfTheBuiltInList() => CheckDomains(TransformContext.Default, Domains);

    [Fact]
    public void DomainsOfTheInstalledList()
    {
        Assert.SkipUnless(File.Exists(PublicSuffixFile), "the publicsuffix package is not installed");
        var context = new TransformContext(PublicSuffixList.Parse(File.ReadAllText(PublicSuffixFile)), MatchLimits.Default);
        Assert.True(context.Suffixes.Count > 5000);
        CheckDomains(context, [.. Domains, .. ListedDomains]);
    }

    [Fact]
    public void DigestsAreBinary()
    {
        using var scratch = new TransformScratch();
        Assert.Equal(Encoding.Latin1.GetString(MD5.HashData("abc"u8)), Run("to_md5", "", "abc", scratch));
        Assert.Equal(Encoding.Latin1.GetString(SHA1.HashData("abc"u8)), Run("to_sha1", "", "abc", scratch));
        Assert.Equal(Encoding.Latin1.GetString(SHA256.HashData("abc"u8)), Run("to_sha256", "", "abc", scratch));
    }

    [Theory]
    [InlineData("xor", "0d")]
    [InlineData("xor", "\"0d0\"")]
    [InlineData("xor", "\"\"")]
    [InlineData("xor", "")]
    [InlineData("xor", "\"zz\"")]
    [InlineData("xor", "\" 0d\"")]
    [InlineData("pcrexform", "\"b.d\"")]
    [InlineData("pcrexform", "b(.)d")]
    [InlineData("pcrexform", "\"b(.)(d)\"")]
    [InlineData("pcrexform", "\"b(.\"")]
    [InlineData("pcrexform", "\"\"")]
    [InlineData("dotprefix", "x")]
    [InlineData("gunzip", "max-size")]
    [InlineData("gunzip", "max-size 0")]
    [InlineData("gunzip", "max-size -1")]
    [InlineData("gunzip", "max_size 5")]
    [InlineData("gunzip", "5")]
    [InlineData("gunzip", "max-size 5,max-size 6")]
    [InlineData("gunzip", "max-size=5")]
    [InlineData("gunzip", "max-size 17mb")]
    [InlineData("gunzip", "max-size 0x10")]
    [InlineData("from_base64", "mode bogus")]
    [InlineData("from_base64", "bytes 65536")]
    [InlineData("from_base64", "offset 65536")]
    [InlineData("from_base64", "bytes -1")]
    [InlineData("from_base64", "bytes 5,bytes 6")]
    [InlineData("from_base64", "strict")]
    [InlineData("from_base64", "mode RFC4648")]
    [InlineData("from_base64", "bytes")]
    [InlineData("bogus", "")]
    public void BadArgumentsAreErrors(string name, string argument)
    {
        Assert.False(TransformCatalog.TryCreate(name, argument, TransformContext.Default, out Transform? transform, out ArgumentError error));
        Assert.Null(transform);
        Assert.NotEmpty(error.Message);
        Assert.InRange(error.Offset, 0, argument.Length);
    }

    [Fact]
    public void EveryNameMakesATransformOfThatName()
    {
        Assert.Equal(18, TransformCatalog.Names.Count);
        foreach (string name in TransformCatalog.Names)
        {
            string argument = name switch { "xor" => "\"41\"", "pcrexform" => "\"(a)\"", _ => "" };
            Assert.True(TransformCatalog.IsTransform(name));
            Assert.Equal(name, Create(name, argument).Name);
        }
    }

    [Fact]
    public void ChainsKeepInputAndOutputApart()
    {
        using var scratch = new TransformScratch();
        Transform[] chain =
        [
            Create("strip_whitespace", ""), Create("from_base64", ""), Create("xor", "\"2020\""), Create("to_uppercase", ""), Create("dotprefix", ""),
            Create("url_decode", ""),
        ];
        ReadOnlySpan<byte> bytes = "aG Vs bG 8l NT I="u8;
        foreach (Transform step in chain)
        {
            bytes = step.Apply(bytes, scratch);
        }
        Assert.Equal(".HELLO\u0005\u0015\u0012", Encoding.Latin1.GetString(bytes));
    }

    [Fact]
    public void NoTransformAllocatesOnceWarm()
    {
        using var scratch = new TransformScratch();
        byte[] input = Encoding.Latin1.GetBytes("Www Example+%41.co.uk aGVsbG8=\r\n:x: y\r\n");
        byte[] zlib = Compress(input, gzip: false);
        byte[] gzip = Compress(input, gzip: true);
        foreach (string name in TransformCatalog.Names)
        {
            Transform transform = Create(name, name switch { "xor" => "\"41\"", "pcrexform" => "\"(W+)\"", _ => "" });
            byte[] bytes = name == "gunzip" ? gzip : name == "zlib_deflate" ? zlib : input;
            _ = transform.Apply(bytes, scratch);
            _ = transform.Apply(bytes, scratch);
            long before = GC.GetAllocatedBytesForCurrentThread();
            int length = 0;
            for (int i = 0; i < 10; i++)
            {
                length += transform.Apply(bytes, scratch).Length;
            }
            Assert.True(GC.GetAllocatedBytesForCurrentThread() == before, name);
            Assert.True(length > 0, name);
        }
    }

    [Fact]
    public void EmptyInputIsFineForAll()
    {
        using var scratch = new TransformScratch();
        foreach (string name in TransformCatalog.Names)
        {
            Transform transform = Create(name, name switch { "xor" => "\"41\"", "pcrexform" => "\"(W+)\"", _ => "" });
            int length = transform.Apply([], scratch).Length;
            Assert.Equal(name switch { "dotprefix" => 1, "to_md5" => 16, "to_sha1" => 20, "to_sha256" => 32, _ => 0 }, length);
        }
    }

    internal static Transform Create(string name, string argument)
    {
        Assert.True(TransformCatalog.TryCreate(name, argument, TransformContext.Default, out Transform? transform, out ArgumentError error), $"{name}:{argument} {error}");
        return transform;
    }

    internal static byte[] Compress(byte[] bytes, bool gzip, CompressionLevel level = CompressionLevel.Optimal)
    {
        using var output = new MemoryStream();
        using (Stream stream = gzip ? new GZipStream(output, level) : new ZLibStream(output, level))
        {
            stream.Write(bytes);
        }
        return output.ToArray();
    }

    private static void CheckDomains(TransformContext context, (string Input, string Domain, string Suffix)[] rows)
    {
        using var scratch = new TransformScratch();
        Assert.True(TransformCatalog.TryCreate("domain", "", context, out Transform? domain, out _));
        Assert.True(TransformCatalog.TryCreate("tld", "", context, out Transform? suffix, out _));
        foreach ((string input, string expectedDomain, string expectedSuffix) in rows)
        {
            byte[] bytes = Encoding.Latin1.GetBytes(input);
            string actual = Encoding.Latin1.GetString(domain.Apply(bytes, scratch)) + "|" + Encoding.Latin1.GetString(suffix.Apply(bytes, scratch));
            Assert.True(actual == expectedDomain + "|" + expectedSuffix, $"{input}: {actual}");
        }
    }

    private static string Run(string name, string argument, string input, TransformScratch scratch) =>
        Encoding.Latin1.GetString(Create(name, argument).Apply(Encoding.Latin1.GetBytes(input), scratch));
}
