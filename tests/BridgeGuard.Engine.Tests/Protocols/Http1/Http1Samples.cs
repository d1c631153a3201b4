using System.IO.Compression;
using System.Text;

namespace BridgeGuard.Engine.Tests.Protocols.Http1;

internal static class Http1Samples
{
    public static byte[] GzipResponse()
    {
        byte[] body = Gzip(Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, 40).Select(i => $"line {i}\n"))));
        return [.. Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {body.Length}\r\n\r\n"), .. body];
    }

    public static byte[] Gzip(byte[] plain) => Pack(plain, stream => new GZipStream(stream, CompressionLevel.Optimal));

    public static byte[] Zlib(byte[] plain) => Pack(plain, stream => new ZLibStream(stream, CompressionLevel.SmallestSize));

    public static byte[] Deflate(byte[] plain) => Pack(plain, stream => new DeflateStream(stream, CompressionLevel.Fastest));

    public static byte[] Brotli(byte[] plain) => Pack(plain, stream => new BrotliStream(stream, CompressionLevel.Fastest));

    private static byte[] Pack(byte[] plain, Func<Stream, Stream> packer)
    {
        using var output = new MemoryStream();
        using (Stream stream = packer(output))
        {
            stream.Write(plain);
        }

        return output.ToArray();
    }
}
