using System.Buffers;
using System.Buffers.Binary;

namespace BridgeGuard.Scanning.Isolation;

internal enum ScannerFrameKind : byte
{
    /// <summary>To the child: scanner's number; the content follows.</summary>
    Begin = 1,

    /// <summary>Bytes of the content.</summary>
    Data,

    /// <summary>The content is there.</summary>
    End,

    /// <summary>To the child: what is the generation of this scanner?</summary>
    Generation,

    /// <summary>To the child: nothing more is wanted of this request.</summary>
    Cancel,

    /// <summary>From the child: kind, whether it may pass, text.</summary>
    Result,
}

/// <summary>Frames between daemon and scanner process, over its standard input and output: length, kind, number of the request, payload.</summary>
internal static class ScannerFrame
{
    public const int HeadBytes = 9;

    /// <summary>Longest payload; one that says more ends the conversation.</summary>
    public const int MaxPayloadBytes = 256 << 10;

    public static void WriteHead(Span<byte> head, ScannerFrameKind kind, uint request, int payload)
    {
        BinaryPrimitives.WriteInt32LittleEndian(head, payload);
        head[4] = (byte)kind;
        BinaryPrimitives.WriteUInt32LittleEndian(head[5..], request);
    }

    public static async Task WriteAsync(
        Stream stream, ScannerFrameKind kind, uint request, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken)
    {
        byte[] frame = ArrayPool<byte>.Shared.Rent(HeadBytes + payload.Length);
        try
        {
            WriteHead(frame, kind, request, payload.Length);
            payload.CopyTo(frame.AsMemory(HeadBytes));
            await stream.WriteAsync(frame.AsMemory(0, HeadBytes + payload.Length), cancellationToken).ConfigureAwait(false);
            await stream.FlushAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(frame);
        }
    }

    /// <summary>The next frame, its payload in <paramref name="buffer"/>; null at the end.</summary>
    /// <exception cref="IOException">The other side speaks nonsense.</exception>
    public static async Task<(ScannerFrameKind Kind, uint Request, int Length)?> ReadAsync(Stream stream, byte[] buffer, CancellationToken cancellationToken)
    {
        byte[] head = new byte[HeadBytes];
        if (await stream.ReadAtLeastAsync(head, HeadBytes, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false) < HeadBytes)
        {
            return null;
        }

        int length = BinaryPrimitives.ReadInt32LittleEndian(head);
        if (length is < 0 or > MaxPayloadBytes)
        {
            throw new IOException($"A frame of {length} bytes is none of ours.");
        }

        await stream.ReadExactlyAsync(buffer.AsMemory(0, length), cancellationToken).ConfigureAwait(false);
        return ((ScannerFrameKind)head[4], BinaryPrimitives.ReadUInt32LittleEndian(head.AsSpan(5)), length);
    }
}
