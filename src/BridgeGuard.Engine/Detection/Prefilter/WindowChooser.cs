using System.Buffers;

namespace BridgeGuard.Engine.Detection.Prefilter;

/// <summary>Chooses the part of each pattern that is likely to be rarest in traffic.</summary>
/// <remarks>
/// Cost of a window = how probable its bytes are (<see cref="ByteRarity"/>) × how many patterns contain the same window (what
/// is common among patterns, such as ".php?", is common in traffic) × how many patterns already use it. The counts are
/// sketches: hash collisions cost a little quality.
/// </remarks>
internal static class WindowChooser
{
    private const int SketchBits = 17;
    private const int MaxPlaces = 64;

    /// <summary>A window of a common phrase counts as if this many patterns had it.</summary>
    private const int CommonWeight = 100;

    /// <summary>Phrases that most web and mail traffic repeats.</summary>
    private static readonly byte[][] CommonPhrases =
    [
        [.. "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"u8],
        [.. "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; Trident/4.0; .NET CLR 2.0.50727; SV1)  rv:1.9 Gecko/20100101 Firefox/"u8],
        [.. "(Macintosh; Intel Mac OS X 10_15_7) (X11; Linux x86_64) (iPhone; CPU iPhone OS 12_0 like Mac OS X) Mobile Android "u8],
        [.. "HTTP/1.1 200 OK\r\nServer: Apache\r\nDate: Mon, 01 Jan 2020 00:00:00 GMT\r\nLast-Modified: Expires: Pragma: no-cache\r\n"u8],
        [.. "Content-Type: text/html; charset=utf-8\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n"u8],
        [.. "Connection: keep-alive\r\nCache-Control: max-age=0\r\nAccept: text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8\r\n"u8],
        [.. "Accept-Encoding: gzip, deflate\r\nAccept-Language: en-US,en;q=0.5\r\nUser-Agent: Host: www.google.com\r\nReferer: https://www. Cookie: "u8],
        [.. "Content-Disposition: form-data; name=\"file\"; filename=\" application/x-www-form-urlencoded multipart/form-data; boundary="u8],
        [.. "<html><head><title></title><meta http-equiv=\"Content-Type\" content=\"text/html\"><script type=\"text/javascript\"></script></head><body>"u8],
        [.. "function(){var document.getElementById(window.location.href return this.length null; true; false </div><div class=\"<a href=\"http://www."u8],
        [.. "GET / HTTP/1.1\r\nPOST /index.php?id= index.html .aspx? .jpg .png .gif .css .js?v= /images/ /wp-content/ .com .net .org .exe"u8],
        [.. "\0\0\0\0\0\0\0\0\u0001\0\0\u0001\0\0\0\0\0\0\0\u0001\0\u0001AAAAAAAAAA        aaaaaaaa0000000011111111----------========//////////"u8],
    ];

    /// <summary>For each pattern, the offset of the first of its <paramref name="stride"/> neighbouring windows.</summary>
    public static int[] Choose(PatternTable table, List<int> patterns, int width, int stride)
    {
        var places = new int[patterns.Count];
        // A set makes dozens of filters: new sketches for each would be most of what compiling allocates.
        ushort[] spread = ArrayPool<ushort>.Shared.Rent(1 << SketchBits);
        ushort[] used = ArrayPool<ushort>.Shared.Rent(1 << SketchBits);
        Array.Clear(spread);
        Array.Clear(used);
        foreach (int pattern in patterns)
        {
            ReadOnlySpan<byte> bytes = table.BytesOf(pattern);
            int count = Math.Min(bytes.Length - width + 1, MaxPlaces);
            for (int i = 0; i < count; i++)
            {
                ref ushort seen = ref spread[Sketch(bytes, i, width)];
                seen = (ushort)Math.Min(ushort.MaxValue, seen + 1);
            }
        }
        foreach (byte[] phrase in CommonPhrases)
        {
            for (int i = 0; i <= phrase.Length - width; i++)
            {
                ref ushort seen = ref spread[Sketch(phrase, i, width)];
                seen = (ushort)Math.Min(ushort.MaxValue, seen + CommonWeight);
            }
        }
        Span<double> costs = stackalloc double[MaxPlaces];
        for (int p = 0; p < places.Length; p++)
        {
            ReadOnlySpan<byte> bytes = table.BytesOf(patterns[p]);
            int count = Math.Min(bytes.Length - width + 1, MaxPlaces);
            for (int i = 0; i < count; i++)
            {
                int bits = 0;
                for (int j = 0; j < width; j++)
                {
                    bits += ByteRarity.Of(bytes[i + j]);
                }
                uint sketch = Sketch(bytes, i, width);
                costs[i] = Math.ScaleB(spread[sketch] * (1.0 + used[sketch]), -bits);
            }
            double best = double.MaxValue;
            for (int i = 0; i + stride <= count; i++)
            {
                double sum = 0;
                for (int j = 0; j < stride; j++)
                {
                    sum += costs[i + j];
                }
                if (sum < best)
                {
                    best = sum;
                    places[p] = i;
                }
            }
            for (int j = 0; j < stride; j++)
            {
                ref ushort uses = ref used[Sketch(bytes, places[p] + j, width)];
                uses = (ushort)Math.Min(ushort.MaxValue, uses + 1);
            }
        }
        ArrayPool<ushort>.Shared.Return(spread);
        ArrayPool<ushort>.Shared.Return(used);
        return places;
    }

    /// <summary>
    /// Where in a pattern four bytes should be compared after a window was met: rare ones beside the window if possible. -1 for a
    /// pattern that is too short.
    /// </summary>
    public static int ChooseProbe(ReadOnlySpan<byte> bytes, int window, int width)
    {
        const int ProbeBytes = sizeof(uint);
        int best = -1;
        int bestBits = -1;
        for (int i = 0; i + ProbeBytes <= Math.Min(bytes.Length, MaxPlaces); i++)
        {
            int bits = 0;
            for (int j = i; j < i + ProbeBytes; j++)
            {
                // Bytes of the window have been compared already.
                bits += j >= window && j < window + width ? 0 : ByteRarity.Of(bytes[j]);
            }
            if (bits > bestBits)
            {
                best = i;
                bestBits = bits;
            }
        }
        return best;
    }

    private static uint Sketch(ReadOnlySpan<byte> bytes, int position, int width) =>
        (uint)(FoldedHash.Product(FoldedHash.Load(bytes, position), width) >> (64 - SketchBits));
}
