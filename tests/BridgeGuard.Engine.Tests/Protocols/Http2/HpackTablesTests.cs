using System.Reflection;
using System.Text;
using BridgeGuard.Engine.Protocols.Http2;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols.Http2;

/// <summary>The committed tables are what the platform's own HPACK implementation has.</summary>
public sealed class HpackTablesTests
{
    private const BindingFlags Any = BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic;

    private static readonly Assembly Platform = typeof(HttpClient).Assembly;

    private delegate ReadOnlySpan<byte> BytesGetter();

    [Fact]
    public void TheGeneratedFileIsCurrent()
    {
        Assert.Equal(Generate(), File.ReadAllText(GeneratedFile()).ReplaceLineEndings("\n"));
    }

    [Fact]
    public void EveryByteValueIsDecoded()
    {
        byte[] lengths = CodeLengths();
        for (int first = 0; first < 256; first++)
        {
            byte[] text = [(byte)first, (byte)'a', (byte)(255 - first)];
            byte[] encoded = Encode(text, lengths);
            var decoded = new byte[HpackTables.MaxDecodedBytes(encoded.Length)];
            Assert.True(HpackTables.TryDecode(encoded, decoded, out int length));
            Assert.Equal(text, decoded[..length]);
        }
    }

    [Theory]
    [InlineData("ffffffff")]
    [InlineData("1fff")]
    [InlineData("00")]
    public void WrongPaddingAndEndOfStringAreRefused(string hex)
    {
        byte[] encoded = Convert.FromHexString(hex);
        Assert.False(HpackTables.TryDecode(encoded, new byte[HpackTables.MaxDecodedBytes(encoded.Length)], out _));
    }

    [Fact]
    public void TheExampleOfTheRfcIsDecoded()
    {
        // RFC 7541 C.4.1.
        byte[] encoded = Convert.FromHexString("f1e3c2e5f23a6ba0ab90f4ff");
        var decoded = new byte[HpackTables.MaxDecodedBytes(encoded.Length)];
        Assert.True(HpackTables.TryDecode(encoded, decoded, out int length));
        Assert.Equal("www.example.com", Encoding.ASCII.GetString(decoded, 0, length));
    }

    private static byte[] CodeLengths() => ((BytesGetter)Platform.GetType("System.Net.Http.HPack.Huffman", throwOnError: true)!
        .GetMethod("get_EncodingTableBitLengths", Any)!.CreateDelegate(typeof(BytesGetter)))().ToArray();

    /// <summary>Encodes with the canonical code of these lengths: an implementation of its own.</summary>
    private static byte[] Encode(byte[] text, byte[] lengths)
    {
        var codes = new uint[lengths.Length];
        uint code = 0;
        for (int bits = 1; bits <= 30; bits++)
        {
            code <<= 1;
            for (int symbol = 0; symbol < lengths.Length; symbol++)
            {
                if (lengths[symbol] == bits)
                {
                    codes[symbol] = code++;
                }
            }
        }

        string all = string.Concat(text.Select(symbol => Convert.ToString(codes[symbol], 2).PadLeft(lengths[symbol], '0')));
        all = all.PadRight((all.Length + 7) / 8 * 8, '1');
        return [.. Enumerable.Range(0, all.Length / 8).Select(i => Convert.ToByte(all.Substring(i * 8, 8), 2))];
    }

    private static string Generate()
    {
        var text = new StringBuilder();
        text.Append("// Made by HpackTablesTests from the platform's own tables; not to be edited.\n");
        text.Append("namespace BridgeGuard.Engine.Protocols.Http2;\n\n");
        text.Append("/// <summary>The constant tables of RFC 7541: appendix A (static table) and appendix B (lengths of the canonical Huffman code).</summary>\n");
        text.Append("internal static partial class HpackTables\n{\n");
        text.Append("    private static readonly (string Name, string Value)[] StaticEntries =\n    [\n");
        var entries = (Array)Platform.GetType("System.Net.Http.HPack.H2StaticTable", throwOnError: true)!.GetField("s_staticDecoderTable", Any)!.GetValue(null)!;
        foreach (object entry in entries)
        {
            text.Append($"        (\"{Part(entry, "Name")}\", \"{Part(entry, "Value")}\"),\n");
        }

        text.Append("    ];\n\n    /// <summary>Bits of the code of each byte value, and of the end of string (256).</summary>\n");
        text.Append("    private static ReadOnlySpan<byte> CodeLengths =>\n    [\n");
        foreach (byte[] line in CodeLengths().Chunk(16))
        {
            text.Append("        ").AppendJoin(", ", line).Append(",\n");
        }

        return text.Append("    ];\n}\n").ToString();
    }

    private static string Part(object entry, string name) =>
        Encoding.ASCII.GetString((byte[])entry.GetType().GetProperty(name, Any)!.GetValue(entry)!);

    private static string GeneratedFile([System.Runtime.CompilerServices.CallerFilePath] string here = "")
    {
        DirectoryInfo? folder = new FileInfo(here).Directory;
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "BridgeGuard.sln")))
        {
            folder = folder.Parent;
        }

        return Path.Combine(folder!.FullName, "src", "BridgeGuard.Engine", "Protocols", "Http2", "HpackTables.Generated.cs");
    }
}
