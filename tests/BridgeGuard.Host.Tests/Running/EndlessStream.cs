using System.Net.Sockets;
using BridgeGuard.Host.Tests.Attachments.Bridge;
using Xunit;

namespace BridgeGuard.Host.Tests.Running;

/// <summary>One TCP connection from guest A to guest B, with a block every few milliseconds until it is ended.</summary>
internal sealed class EndlessStream : IDisposable
{
    private const int BlockBytes = 32 << 10;
    private const int EveryMs = 3;

    private readonly Socket _listener;
    private readonly Thread[] _threads;
    private volatile bool _isEnding;
    private long _received;

    public EndlessStream(BridgeLab lab, int port = 9101)
    {
        _listener = BridgeLab.Listen(lab.B, port);
        Socket? sender = BridgeLab.Connect(lab.A, BridgeLab.AddressB, port, 10_000);
        Assert.NotNull(sender);
        Socket receiver = _listener.Accept();
        receiver.ReceiveTimeout = 1000;
        _threads = [Start(() => Send(sender)), Start(() => Receive(receiver))];
    }

    public long Received => Volatile.Read(ref _received);

    public void Dispose()
    {
        _isEnding = true;
        Array.ForEach(_threads, thread => thread.Join());
        _listener.Dispose();
    }

    private static Thread Start(ThreadStart body)
    {
        Thread thread = new(body) { IsBackground = true };
        thread.Start();
        return thread;
    }

    private void Send(Socket socket)
    {
        byte[] block = new byte[BlockBytes];
        new Random(1).NextBytes(block);
        try
        {
            while (!_isEnding)
            {
                socket.Send(block);
                Thread.Sleep(EveryMs);
            }
        }
        catch (SocketException)
        {
            // The count of what arrived says so.
        }

        socket.Dispose();
    }

    private void Receive(Socket socket)
    {
        byte[] block = new byte[BlockBytes];
        try
        {
            for (int length = 1; length > 0;)
            {
                length = socket.Receive(block);
                Volatile.Write(ref _received, _received + length);
            }
        }
        catch (SocketException)
        {
        }

        socket.Dispose();
    }
}
