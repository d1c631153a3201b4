using System.Net.Sockets;
using BridgeGuard.Daemon.Services;
using BridgeGuard.Scanning.WireFiles;

namespace BridgeGuard.Daemon.Plane;

/// <summary>The daemon's end of the way of files: connects to data planes (two of them while one takes over from the other) and has their files judged.</summary>
/// <remarks>Thread: the supervisor's.</remarks>
internal sealed class FileJudge(RunFolder folder, ScanningHost scanning) : IDisposable
{
    private const int AgainMs = 200;

    private readonly CancellationTokenSource _stop = new();
    private readonly Dictionary<long, CancellationTokenSource> _served = [];

    /// <summary>Serves this data plane from now on; before it inspects, so that its first file finds somebody.</summary>
    public void Serve(long generation)
    {
        if (_served.ContainsKey(generation) || scanning.Scans is not { } scans || scanning.Sink is not WireFileSink sink)
        {
            return;
        }

        _served[generation] = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        CancellationToken stop = _served[generation].Token;
        _ = Task.Run(() => ServeAsync(new FileChannelServer(sink, scans), folder.FileSocketOf(generation), stop), CancellationToken.None);
    }

    /// <summary>Serves no other any more.</summary>
    public void KeepOnly(long generation)
    {
        foreach ((long other, CancellationTokenSource served) in _served.ToArray())
        {
            if (other != generation)
            {
                served.Cancel();
                _served.Remove(other);
            }
        }
    }

    public void Dispose() => _stop.Cancel();

    private static async Task ServeAsync(FileChannelServer server, string path, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            using Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), stop);
                await using NetworkStream stream = new(socket);
                await server.RunAsync(stream, stop);
            }
            catch (Exception e) when (e is SocketException or IOException or OperationCanceledException)
            {
                // The data plane has gone, or is another one by now; the supervisor says which.
            }

            await Task.Delay(AgainMs, CancellationToken.None);
        }
    }
}
