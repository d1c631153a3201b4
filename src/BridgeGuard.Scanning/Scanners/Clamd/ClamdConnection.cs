using System.Buffers;
using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace BridgeGuard.Scanning.Scanners.Clamd;

/// <summary>One connection and one command to clamd (clamd(8)): commands and answers end with NUL ("z" form).</summary>
internal sealed class ClamdConnection : IDisposable
{
    /// <summary>Longest answer that is read; a path and a signature name fit many times.</summary>
    private const int MaxReplyBytes = 4096;

    private readonly Socket _socket;

    private ClamdConnection(Socket socket) => _socket = socket;

    /// <exception cref="SocketException">Nobody listens.</exception>
    public static async Task<ClamdConnection> OpenAsync(EndPoint address, CancellationToken cancellationToken)
    {
        Socket socket = address is UnixDomainSocketEndPoint
            ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
            : new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(address, cancellationToken).ConfigureAwait(false);
            return new ClamdConnection(socket);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Sends a command that has no body and reads the answer.</summary>
    public async Task<string> AskAsync(string command, CancellationToken cancellationToken)
    {
        await SendAsync(Encoding.ASCII.GetBytes($"z{command}\0"), cancellationToken).ConfigureAwait(false);
        return await ReadReplyAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>INSTREAM: each block as a big-endian length and its bytes, a zero length at the end.</summary>
    public async Task<string> ScanAsync(IScanContent content, CancellationToken cancellationToken)
    {
        byte[] length = new byte[4];
        try
        {
            await SendAsync("zINSTREAM\0"u8.ToArray(), cancellationToken).ConfigureAwait(false);
            await foreach (ReadOnlyMemory<byte> block in content.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                if (!block.IsEmpty)
                {
                    BinaryPrimitives.WriteInt32BigEndian(length, block.Length);
                    await SendAsync(length, cancellationToken).ConfigureAwait(false);
                    await SendAsync(block, cancellationToken).ConfigureAwait(false);
                }
            }

            BinaryPrimitives.WriteInt32BigEndian(length, 0);
            await SendAsync(length, cancellationToken).ConfigureAwait(false);
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.Shutdown or SocketError.ConnectionReset)
        {
            // clamd answers and closes at once when its size limit is reached; the answer is what matters, if it still arrives.
        }

        return await ReadReplyAsync(cancellationToken).ConfigureAwait(false);
    }

    public void Dispose() => _socket.Dispose();

    private async Task SendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        while (!bytes.IsEmpty)
        {
            int sent = await _socket.SendAsync(bytes, SocketFlags.None, cancellationToken).ConfigureAwait(false);
            bytes = bytes[sent..];
        }
    }

    private async Task<string> ReadReplyAsync(CancellationToken cancellationToken)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(MaxReplyBytes);
        try
        {
            int length = 0;
            while (length < MaxReplyBytes)
            {
                int read = await _socket.ReceiveAsync(buffer.AsMemory(length, MaxReplyBytes - length), SocketFlags.None, cancellationToken)
                    .ConfigureAwait(false);
                int end = buffer.AsSpan(length, read).IndexOfAny((byte)0, (byte)'\n'); // Some answers end as if the command had no prefix.
                length += end < 0 ? read : end;
                if (end >= 0 || read == 0)
                {
                    return Encoding.UTF8.GetString(buffer, 0, length);
                }
            }

            return Encoding.UTF8.GetString(buffer, 0, 200);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
