using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace BridgeGuard.Daemon.Plane;

/// <summary>The asker's end of the control socket.</summary>
internal sealed class PlaneClient : IDisposable
{
    private readonly PlaneChannel _channel;
    private readonly ConcurrentDictionary<long, TaskCompletionSource<JsonObject>> _waiting = new();
    private readonly ManualResetEventSlim _ended = new();
    private readonly Action<string, JsonNode?> _told;
    private long _lastId;

    private PlaneClient(Socket socket, Action<string, JsonNode?> told)
    {
        _channel = new PlaneChannel(socket);
        _told = told;
        new Thread(Receive) { IsBackground = true, Name = "plane-client" }.Start();
    }

    /// <summary>The other side has ended or closed the connection.</summary>
    public bool IsEnded => _ended.IsSet;

    /// <summary>Null when nobody listens there.</summary>
    /// <param name="path">The socket.</param>
    /// <param name="told">Hears of events, on the client's thread; must not ask from there.</param>
    public static PlaneClient? TryConnect(string path, Action<string, JsonNode?> told)
    {
        Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            return new PlaneClient(socket, told);
        }
        catch (SocketException)
        {
            socket.Dispose();
            return null;
        }
    }

    /// <summary>Asks and waits for the answer.</summary>
    /// <exception cref="PlaneException">It has ended, does not answer in time, or says why not.</exception>
    public JsonNode? Ask(string command, JsonNode? body, TimeSpan timeout)
    {
        long id = Interlocked.Increment(ref _lastId);
        var answer = new TaskCompletionSource<JsonObject>(TaskCreationOptions.RunContinuationsAsynchronously);
        _waiting[id] = answer;
        try
        {
            bool isSent = !IsEnded && _channel.Send(new JsonObject { ["id"] = id, ["do"] = command, ["body"] = body?.DeepClone() });
            if (!isSent)
            {
                throw new PlaneException("the data plane has ended");
            }

            if (!answer.Task.Wait(timeout))
            {
                throw new PlaneException($"the data plane has not answered '{command}' within {timeout.TotalSeconds:0.#} s");
            }

            JsonObject message = answer.Task.Result;
            return message["error"] is { } error ? throw new PlaneException(error.GetValue<string>()) : message["body"];
        }
        catch (AggregateException)
        {
            throw new PlaneException("the data plane has ended");
        }
        finally
        {
            _waiting.TryRemove(id, out _);
        }
    }

    /// <summary>What <c>status</c> says.</summary>
    /// <exception cref="PlaneException">As for <see cref="Ask"/>.</exception>
    public PlaneStatus Status(TimeSpan timeout) => Ask("status", null, timeout).Deserialize<PlaneStatus>(PlaneStatus.Json) ?? PlaneStatus.None;

    /// <summary>Waits for the other side's end; false when it lives on.</summary>
    public bool WaitForEnd(TimeSpan timeout) => _ended.Wait(timeout);

    public void Dispose() => _channel.Dispose();

    private void Receive()
    {
        while (_channel.Receive() is { } message)
        {
            if (message["event"] is { } name)
            {
                _told(name.GetValue<string>(), message["body"]);
            }
            else if (message["id"] is { } id && _waiting.TryGetValue(id.GetValue<long>(), out TaskCompletionSource<JsonObject>? waiting))
            {
                waiting.TrySetResult(message);
            }
        }

        _ended.Set();
        foreach (TaskCompletionSource<JsonObject> waiting in _waiting.Values)
        {
            waiting.TrySetException(new PlaneException("the data plane has ended"));
        }
    }
}
