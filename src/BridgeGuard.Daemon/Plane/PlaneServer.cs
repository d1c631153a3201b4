using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;
using BridgeGuard.Attachments.Bridge;

namespace BridgeGuard.Daemon.Plane;

/// <summary>The data plane's end of the control socket: answers commands, and tells everybody who is connected what happens.</summary>
internal sealed class PlaneServer : IDisposable
{
    /// <summary>The daemon, its successor while both run, and an operator's commands.</summary>
    private const int MaxConnections = 16;

    /// <summary>As often the daemon hears that this process runs, whatever its answers wait for.</summary>
    private const int SignEveryMs = 1_000;

    /// <summary>Changes of ports that wait for a daemon that is slow; more wait where they come from.</summary>
    private const int MaxWaiting = 16_384;

    private readonly PlaneCommands _commands;
    private readonly BlockingCollection<PortChange> _changes = new(MaxWaiting);
    private readonly string _path;
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly Lock _gate = new();
    private readonly List<PlaneChannel> _connected = [];
    private volatile bool _isClosed;

    /// <exception cref="SocketException">The path cannot be listened on.</exception>
    public PlaneServer(string path, PlaneCommands commands)
    {
        _commands = commands;
        _path = path;
        File.Delete(path);
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        _listener.Listen(MaxConnections);
        new Thread(Accept) { IsBackground = true, Name = "plane-control" }.Start();
        new Thread(TellChanges) { IsBackground = true, Name = "plane-teller" }.Start();
    }

    public void Tell(string name, JsonNode? body)
    {
        PlaneChannel[] all;
        lock (_gate)
        {
            all = [.. _connected];
        }

        foreach (PlaneChannel channel in all)
        {
            channel.Send(new JsonObject { ["event"] = name, ["body"] = body?.DeepClone() });
        }
    }

    /// <summary>On a thread of its own: who attaches ports does not wait for whoever reads.</summary>
    public void Tell(PortChange change)
    {
        if (!_isClosed)
        {
            _changes.Add(change);
        }
    }

    public void Dispose()
    {
        _isClosed = true;
        File.Delete(_path);
        _listener.Dispose();
        lock (_gate)
        {
            _connected.ForEach(channel => channel.Dispose());
        }
    }

    private void TellChanges()
    {
        while (!_isClosed)
        {
            if (_changes.TryTake(out PortChange change, SignEveryMs))
            {
                Tell("port", JsonSerializer.SerializeToNode(change, PlaneStatus.Json));
            }
            else
            {
                Tell("alive", null);
            }
        }
    }

    private void Accept()
    {
        while (!_isClosed)
        {
            try
            {
                PlaneChannel channel = new(_listener.Accept());
                lock (_gate)
                {
                    if (_connected.Count >= MaxConnections)
                    {
                        channel.Dispose();
                        continue;
                    }

                    _connected.Add(channel);
                }

                new Thread(() => Serve(channel)) { IsBackground = true, Name = "plane-connection" }.Start();
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                if (!_isClosed)
                {
                    Thread.Sleep(100); // No descriptors left, say: try again, but not in a hot loop.
                }
            }
        }
    }

    private void Serve(PlaneChannel channel)
    {
        while (channel.Receive() is { } request)
        {
            // A reload takes seconds; a status must not wait for it.
            _ = Task.Run(() => channel.Send(Answer(request)));
        }

        lock (_gate)
        {
            _connected.Remove(channel);
        }

        channel.Dispose();
    }

    private JsonObject Answer(JsonObject request)
    {
        JsonObject answer = new() { ["id"] = request["id"]?.DeepClone() };
        try
        {
            answer["body"] = _commands.Run(request["do"]?.GetValue<string>() ?? "", request["body"]);
        }
        catch (Exception e)
        {
            answer["error"] = e.Message;
        }

        return answer;
    }
}
