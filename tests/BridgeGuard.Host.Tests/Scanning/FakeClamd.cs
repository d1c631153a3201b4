using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace BridgeGuard.Host.Tests.Scanning;

/// <summary>A clamd on loopback whose answers a test sets: right, wrong, late or none.</summary>
internal sealed class FakeClamd : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stopping = new();

    public FakeClamd()
    {
        _listener.Start();
        _ = AcceptAsync();
    }

    public string Address => $"tcp:127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    public string Version { get; set; } = "ClamAV 1.4.6/27800/Sun Nov 22 08:00:00 2026";

    /// <summary>Answer to a content; null closes without one.</summary>
    public Func<byte[], string?> Answer { get; set; } = _ => "stream: OK";

    /// <summary>After so many bytes of content: answer "size limit" and close without reading on.</summary>
    public int MaxBytes { get; set; } = int.MaxValue;

    public TimeSpan Delay { get; set; }

    public void Dispose()
    {
        _stopping.Cancel();
        _listener.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                Socket socket = await _listener.AcceptSocketAsync(_stopping.Token);
                _ = ServeAsync(socket);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        using var stream = new NetworkStream(socket, ownsSocket: true);
        try
        {
            var command = new StringBuilder();
            for (int next; (next = stream.ReadByte()) > 0;)
            {
                command.Append((char)next);
            }

            string? answer = command.ToString() == "zINSTREAM" ? ReadContent(stream) : Version;
            await Task.Delay(Delay, _stopping.Token);
            if (answer is not null)
            {
                await stream.WriteAsync(Encoding.UTF8.GetBytes(answer + "\0"));
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // The client left, or the test is over.
        }
    }

    private string? ReadContent(NetworkStream stream)
    {
        using var content = new MemoryStream();
        byte[] length = new byte[4];
        while (true)
        {
            stream.ReadExactly(length);
            int size = BinaryPrimitives.ReadInt32BigEndian(length);
            if (size == 0)
            {
                return Answer(content.ToArray());
            }

            if (content.Length + size > MaxBytes)
            {
                return "INSTREAM size limit exceeded. ERROR";
            }

            byte[] chunk = new byte[size];
            stream.ReadExactly(chunk);
            content.Write(chunk);
        }
    }
}
