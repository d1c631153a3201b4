namespace BridgeGuard.Engine.Detection.Prefilter;

/// <summary>How rare a byte is in network traffic, for choosing which part of a pattern to look for.</summary>
/// <remarks>
/// A guess serves: it decides speed, never results. Figures are about -log2 of the share of the byte in a mix of HTTP headers,
/// markup, DNS names and binary protocols, after folding bit 0x20.
/// </remarks>
internal static class ByteRarity
{
    private static readonly byte[] Bits = Build();

    /// <summary>Bits of surprise of one byte, 3 to 10.</summary>
    public static int Of(byte value) => Bits[value | 0x20];

    private static byte[] Build()
    {
        var bits = new byte[256];
        bits.AsSpan().Fill(9);
        bits.AsSpan(0x80).Fill(10);
        Set(bits, "etaoinsr", 4);
        Set(bits, "lcdmphu", 5);
        Set(bits, "gfbwyv", 6);
        Set(bits, "kxjqz", 7);
        Set(bits, "0123456789", 6);
        Set(bits, " ", 3); // With 0x00.
        Set(bits, "./-:;=\"", 5);
        Set(bits, ",*", 6); // With the line ends 0x0D and 0x0A.
        Set(bits, "_&?()%!", 7); // '_' folds to DEL; 0x01 to '!'.
        bits[0x7F] = 7;
        bits[0xFF] = 7;
        return bits;
    }

    private static void Set(byte[] bits, string characters, byte value)
    {
        foreach (char c in characters)
        {
            bits[c | 0x20] = value;
        }
    }
}
