using System.Net.Sockets;
using BridgeGuard.Daemon.Services;
using BridgeGuard.Scanning.WireFiles;

namespace BridgeGuard.Daemon.Plane;

/// <summary>The daemon's end of the way of files: connects to a data plane for as long as it is the one in use, and has its files judged.</summary>
internal sealed class FileJudge(RunFolder folder, ScanningHost scanning) : IDisposable
{
    private const int AgainMs = 200;

    private readonly CancellationTokenSource _stop = new();
    private CancellationTokenSource? _current;

    /// <summary>Serves this data plane from now on, and no other.</summary>
    public void Serve(long generation)
    {
        _current?.Cancel();
        if (scanning.Scans is not { } scans || scanning.Sink is not WireFileSink sink)
        {
            return;
        }

        _current = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        CancellationToken stop = _current.Token;
        _ = Task.Run(() => ServeAsync(new FileChannelServer(sink, scans), folder.FileSocketOf(generation), stop), CancellationToken.None);
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
