using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace BridgeGuard.Daemon.Plane;

/// <summary>Messages over a unix stream socket: four bytes of length (little-endian), then one JSON object.</summary>
/// <remarks>
/// A request is <c>{"id": 1, "do": "name", "body": …}</c>, its answer <c>{"id": 1, "body": …}</c> or <c>{"id": 1, "error": "…"}</c>; what nobody asked for
/// is <c>{"event": "name", "body": …}</c>. One thread receives; any thread sends.
/// </remarks>
internal sealed class PlaneChannel(Socket socket) : IDisposable
{
    /// <summary>A status of some thousand ports is a few megabytes; nothing is longer.</summary>
    private const int MaxMessageBytes = 32 << 20;

    private readonly Lock _sending = new();

    /// <summary>False when the other side is gone.</summary>
    public bool Send(JsonObject message)
    {
        byte[] text = JsonSerializer.SerializeToUtf8Bytes(message);
        byte[] framed = new byte[sizeof(int) + text.Length];
        BinaryPrimitives.WriteInt32LittleEndian(framed, text.Length);
        text.CopyTo(framed, sizeof(int));
        try
        {
            lock (_sending)
            {
                for (int sent = 0; sent < framed.Length;)
                {
                    sent += socket.Send(framed.AsSpan(sent));
                }
            }

            return true;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return false;
        }
    }

    /// <summary>The next message; null when the other side is gone or speaks something else.</summary>
    public JsonObject? Receive()
    {
        Span<byte> head = stackalloc byte[sizeof(int)];
        if (!Fill(head))
        {
            return null;
        }

        int length = BinaryPrimitives.ReadInt32LittleEndian(head);
        if (length is <= 0 or > MaxMessageBytes)
        {
            return null;
        }

        byte[] text = new byte[length];
        try
        {
            return Fill(text) ? JsonNode.Parse(text) as JsonObject : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    public void Dispose() => socket.Dispose();

    private bool Fill(Span<byte> bytes)
    {
        try
        {
            while (!bytes.IsEmpty)
            {
                int received = socket.Receive(bytes);
                if (received == 0)
                {
                    return false;
                }

                bytes = bytes[received..];
            }

            return true;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return false;
        }
    }
}
