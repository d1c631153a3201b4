using System.Net.Sockets;
using BridgeGuard.Scanning.Interop;

namespace BridgeGuard.Scanning.GuestApi;

/// <summary>Joins vsock connections of guests with their own unix sockets: the context id says who asks, so the socket's rules and limits hold.</summary>
/// <remarks>Two threads a connection, as vsock has no place in .NET's event loop; bounded by <see cref="MaxConnections"/>.</remarks>
public sealed class VsockRelay : IDisposable
{
    /// <summary>Connections at once, all guests together; one more is closed at once.</summary>
    private const int MaxConnections = 128;

    private const int BufferBytes = 64 << 10;

    private readonly Func<uint, string?> _socketOf;
    private readonly int _listener;
    private readonly AcceptCall _accept;
    private int _connections;

    /// <param name="listener">A listening socket's descriptor; closed by the relay.</param>
    /// <param name="socketOf">As for <see cref="TryStart"/>.</param>
    /// <param name="accept">Takes connections; tests have another family of sockets, as few machines have vsock.</param>
    internal VsockRelay(int listener, Func<uint, string?> socketOf, AcceptCall accept)
    {
        _listener = listener;
        _socketOf = socketOf;
        _accept = accept;
        new Thread(AcceptLoop) { IsBackground = true, Name = "vsock" }.Start();
    }

    /// <summary>The next connection's descriptor and who is at its other end; negative when there will be none.</summary>
    internal delegate int AcceptCall(int listener, out uint cid);

    /// <summary>Connections of context ids that are no guest's, or for which there was no room.</summary>
    public long Refused { get; private set; }

    /// <summary>Listens; null, with the error number, when this host has no vsock.</summary>
    /// <param name="port">Of vsock.</param>
    /// <param name="socketOf">The unix socket of the guest with this context id; null for a stranger.</param>
    /// <param name="error">Why it is null.</param>
    public static VsockRelay? TryStart(uint port, Func<uint, string?> socketOf, out int error)
    {
        int listener = Vsock.Listen(port);
        error = listener < 0 ? -listener : 0;
        return listener < 0 ? null : new VsockRelay(listener, socketOf, Vsock.Accept);
    }

    public void Dispose()
    {
        Vsock.Shut(_listener);
        Vsock.CloseFd(_listener);
    }

    private void AcceptLoop()
    {
        while (_accept(_listener, out uint cid) is var fd && fd >= 0)
        {
            Serve(fd, cid);
        }
    }

    private void Serve(int fd, uint cid)
    {
        if (_socketOf(cid) is not { } path)
        {
            Refused++;
            Vsock.CloseFd(fd);
            return;
        }

        if (Interlocked.Increment(ref _connections) > MaxConnections)
        {
            Interlocked.Decrement(ref _connections);
            Refused++;
            Vsock.CloseFd(fd);
            return;
        }

        var inner = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            inner.Connect(new UnixDomainSocketEndPoint(path));
        }
        catch (SocketException)
        {
            inner.Dispose();
            Vsock.CloseFd(fd);
            Interlocked.Decrement(ref _connections);
            return;
        }

        var back = new Thread(() => Back(inner, fd)) { IsBackground = true, Name = "vsock-out" };
        back.Start();
        new Thread(() => Forth(fd, inner, back)) { IsBackground = true, Name = "vsock-in" }.Start();
    }

    private void Forth(int fd, Socket inner, Thread back)
    {
        byte[] buffer = new byte[BufferBytes];
        try
        {
            while (Vsock.ReadFrom(fd, buffer) is var length && length > 0)
            {
                for (int at = 0; at < length;)
                {
                    at += inner.Send(buffer.AsSpan(at, length - at));
                }
            }

            inner.Shutdown(SocketShutdown.Send); // The answer may still come.
        }
        catch (SocketException)
        {
            // The other thread sees it too.
        }

        back.Join();
        inner.Dispose();
        Vsock.CloseFd(fd);
        Interlocked.Decrement(ref _connections);
    }

    private static void Back(Socket inner, int fd)
    {
        byte[] buffer = new byte[BufferBytes];
        try
        {
            while (inner.Receive(buffer) is var length && length > 0 && Vsock.WriteAll(fd, buffer.AsSpan(0, length)))
            {
            }
        }
        catch (SocketException)
        {
            // Over either way.
        }

        Vsock.Shut(fd);
    }
}
