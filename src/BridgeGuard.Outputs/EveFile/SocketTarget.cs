using System.Net.Sockets;

namespace BridgeGuard.Outputs.EveFile;

/// <summary>A unix socket that a collector listens on: a stream of lines, or one datagram a line.</summary>
internal sealed class SocketTarget(string path, bool isDatagram) : LineTarget
{
    private Socket? _socket;

    public override bool IsConnection => true;

    public override void Open()
    {
        Dispose();
        var socket = new Socket(AddressFamily.Unix, isDatagram ? SocketType.Dgram : SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path)); // A unix connect succeeds or fails at once.
            socket.Blocking = false;
            _socket = socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public override int Write(ReadOnlySpan<byte> lines)
    {
        int taken = 0;
        while (taken < lines.Length)
        {
            ReadOnlySpan<byte> rest = lines[taken..];
            if (isDatagram)
            {
                rest = rest[..(rest.IndexOf((byte)'\n') + 1)];
            }

            int sent = _socket!.Send(isDatagram ? rest[..^1] : rest, SocketFlags.None, out SocketError error);
            if (error is SocketError.WouldBlock or SocketError.NoBufferSpaceAvailable)
            {
                return taken;
            }

            if (error == SocketError.MessageSize)
            {
                sent = rest.Length - 1; // Too long for a datagram here: only this line is lost.
            }
            else if (error != SocketError.Success)
            {
                throw new SocketException((int)error);
            }

            taken += isDatagram ? sent + 1 : sent;
        }

        return taken;
    }

    public override void Dispose()
    {
        _socket?.Dispose();
        _socket = null;
    }
}
