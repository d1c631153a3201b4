using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using BridgeGuard.Outputs.Syslog;
using Xunit;

namespace BridgeGuard.Host.Tests.Outputs;

public sealed class SyslogOutputTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task DatagramIsAnRfc5424Message()
    {
        using var collector = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        await using var output = new SyslogOutput(new SyslogOptions
        {
            Name = "syslog",
            Transport = SyslogTransport.Udp,
            Host = "127.0.0.1",
            Port = ((IPEndPoint)collector.Client.LocalEndPoint!).Port,
            HostName = "host 1\u00e9",
        });
        output.Write(TestEvents.Alert(9), TestEvents.Json(9));
        string message = Encoding.UTF8.GetString((await collector.ReceiveAsync(Cancel)).Buffer);
        Assert.Matches(
            new Regex("""^<170>1 2023-11-14T22:13:20\.000000Z host1 bridgeguard \d+ Alert - \{"timestamp".*"n":9\}$"""), message);
    }

    [Fact]
    public async Task TcpMessagesAreCountedAndSurviveALostConnection()
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        await using var output = new SyslogOutput(new SyslogOptions
        {
            Name = "syslog",
            Transport = SyslogTransport.Tcp,
            Host = "127.0.0.1",
            Port = ((IPEndPoint)listener.LocalEndpoint).Port,
            RetryInterval = TimeSpan.FromMilliseconds(20),
        });
        output.Write(TestEvents.Alert(1), TestEvents.Json(1));
        using (TcpClient first = await listener.AcceptTcpClientAsync(Cancel))
        {
            Assert.Contains("\"n\":1", await ReadMessageAsync(first.GetStream()), StringComparison.Ordinal);
            first.Client.LingerState = new LingerOption(true, 0);
        }

        Task<TcpClient> accepting = listener.AcceptTcpClientAsync(Cancel).AsTask();
        for (uint i = 2; !accepting.IsCompleted; i++)
        {
            output.Write(TestEvents.Alert(i), TestEvents.Json(i));
            await Task.Delay(20, Cancel);
        }

        using TcpClient second = await accepting;
        Assert.StartsWith("<170>1 ", await ReadMessageAsync(second.GetStream()), StringComparison.Ordinal);
        listener.Stop();
    }

    [Fact]
    public async Task CollectorThatIsAwayHoldsUpNobody()
    {
        var output = new SyslogOutput(new SyslogOptions { Name = "syslog", Host = "/nonexistent", MaxPendingBytes = 10_000 });
        for (uint i = 0; i < 1000; i++)
        {
            output.Write(TestEvents.Alert(i), TestEvents.Json(i));
        }

        Assert.InRange(output.Counters.Dropped, 900, 999);
        await output.DisposeAsync();
        Assert.Equal(1000, output.Counters.Dropped + output.Counters.Events);
    }

    private static async Task<string> ReadMessageAsync(NetworkStream stream)
    {
        int length = 0;
        byte[] one = new byte[1];
        while (await stream.ReadAsync(one, Cancel) == 1 && one[0] != ' ')
        {
            length = (length * 10) + one[0] - '0';
        }

        byte[] message = new byte[length];
        await stream.ReadExactlyAsync(message, Cancel);
        return Encoding.UTF8.GetString(message);
    }
}
