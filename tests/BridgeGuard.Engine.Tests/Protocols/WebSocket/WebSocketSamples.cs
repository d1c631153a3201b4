using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace BridgeGuard.Engine.Tests.Protocols.WebSocket;

/// <summary>Makes WebSocket frames.</summary>
internal static class WebSocketSamples
{
    public static byte[] Frame(byte first, ReadOnlySpan<byte> payload, uint? mask = null)
    {
        var frame = new List<byte> { first };
        byte masked = (byte)(mask is null ? 0 : 0x80);
        if (payload.Length < 126)
        {
            frame.Add((byte)(masked | payload.Length));
        }
        else if (payload.Length <= ushort.MaxValue)
        {
            frame.AddRange([(byte)(masked | 126), (byte)(payload.Length >> 8), (byte)payload.Length]);
        }
        else
        {
            var length = new byte[8];
            BinaryPrimitives.WriteUInt64BigEndian(length, (ulong)payload.Length);
            frame.AddRange([(byte)(masked | 127), .. length]);
        }

        byte[] body = payload.ToArray();
        if (mask is { } key)
        {
            var bytes = new byte[4];
            BinaryPrimitives.WriteUInt32BigEndian(bytes, key);
            frame.AddRange(bytes);
            for (int i = 0; i < body.Length; i++)
            {
                body[i] ^= bytes[i & 3];
            }
        }

        return [.. frame, .. body];
    }

    /// <summary>A message as permessage-deflate sends it: flushed, without the flush's last four bytes.</summary>
    public static byte[] Deflate(string text)
    {
        var output = new MemoryStream();
        using var deflate = new DeflateStream(output, CompressionLevel.Optimal);
        deflate.Write(Encoding.Latin1.GetBytes(text));
        deflate.Flush();
        return output.ToArray()[..^4];
    }
}
