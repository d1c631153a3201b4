using System.Net.Sockets;
using BridgeGuard.Scanning.WireFiles;

namespace BridgeGuard.Daemon.Plane;

/// <summary>The data plane's end of the way of files: a socket on which the daemon that judges them is waited for, again after it was restarted.</summary>
internal sealed class FilePort : IDisposable
{
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly string _path;
    private volatile bool _isClosed;

    /// <exception cref="SocketException">The path cannot be listened on.</exception>
    public FilePort(string path, FileChannelClient files)
    {
        _path = path;
        File.Delete(path);
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        _listener.Listen(1);
        new Thread(() => Accept(files)) { IsBackground = true, Name = "plane-files" }.Start();
    }

    public void Dispose()
    {
        _isClosed = true;
        File.Delete(_path);
        _listener.Dispose();
    }

    private void Accept(FileChannelClient files)
    {
        while (!_isClosed)
        {
            try
            {
                // The one that comes last is the daemon that is there.
                files.Attach(new NetworkStream(_listener.Accept(), ownsSocket: true));
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                if (!_isClosed)
                {
                    Thread.Sleep(100);
                }
            }
        }
    }
}
