using System.Diagnostics;
using System.Net.Sockets;
using System.Text.Json;
using BridgeGuard.Host.Tests.Attachments.Bridge;
using Xunit;

namespace BridgeGuard.Host.Tests.Running;

/// <summary>What the kernel carries after an early verdict is counted: by port, by flow and in the stats, and the three agree.</summary>
public sealed class CoverageTests : IDisposable
{
    private readonly BridgeLab _lab = new();

    public void Dispose() => _lab.Dispose();

    [Fact]
    public void BypassedBytesAreTheKernelsEverywhere()
    {
        using RunningDaemon daemon = new(
            _lab,
            """alert http any any -> any any (msg:"exploit"; http.uri; content:"/exploit"; sid:1;)""",
            eve: "[alert, flow, stats]");
        Transfer(64 << 20);
        JsonElement coverage = default;
        Assert.True(
            BridgeLab.Until(() => (coverage = daemon.Coverage("pa")).GetProperty("bypassedBytes").GetInt64() > 48L << 20, 8000),
            $"the flow was not given to the kernel: {coverage}");
        Assert.Equal(0, coverage.GetProperty("unseenBytes").GetInt64());

        // Seen is inspected, bypassed, stopped, unseen and link-local control; of the last there is none here.
        long sum = new[] { "inspectedBytes", "bypassedBytes", "stoppedBytes", "unseenBytes" }.Sum(name => coverage.GetProperty(name).GetInt64());
        Assert.Equal(coverage.GetProperty("seenBytes").GetInt64(), sum);

        // Told to the engine at the next aging, every five seconds, and with the record after it.
        JsonElement stats = default;
        Assert.True(
            BridgeLab.Until(() => daemon.Records("stats").Any(record => Bypassed(stats = record) > 0), 20_000), "no stats record tells of bypassed bytes");
        JsonElement ports = stats.GetProperty("stats").GetProperty("coverage");
        long bypassed = ports.EnumerateArray().Sum(port => port.GetProperty("bypassed_bytes").GetInt64());
        Assert.Equal(bypassed, Bypassed(stats));
        daemon.Stop();
        JsonElement flow = daemon.Records("flow").Single(record => record.TryGetProperty("dest_port", out JsonElement port) && port.GetInt32() == 9100);
        Assert.Equal("capture", flow.GetProperty("flow").GetProperty("bypass").GetString());
        JsonElement own = flow.GetProperty("flow").GetProperty("bypassed");

        // Frames that were on their way to the engine when the verdict fell count for the flow, though the kernel did not carry them.
        long onTheWay = stats.GetProperty("stats").GetProperty("flow_bypassed").GetProperty("local_capture_bytes").GetInt64();
        Assert.Equal(bypassed + onTheWay, own.GetProperty("bytes_toserver").GetInt64() + own.GetProperty("bytes_toclient").GetInt64());
        Assert.True(own.GetProperty("bytes_toserver").GetInt64() > 48L << 20);
    }

    private static long Bypassed(JsonElement stats) =>
        stats.GetProperty("stats").TryGetProperty("flow_bypassed", out JsonElement bypassed) ? bypassed.GetProperty("bytes").GetInt64() : 0;

    private void Transfer(int bytes)
    {
        using Socket listener = BridgeLab.Listen(_lab.B, 9100);
        using Socket client = BridgeLab.Connect(_lab.A, BridgeLab.AddressB, 9100)!;
        using Socket server = listener.Accept();
        byte[] block = new byte[1 << 20];
        new Random(3).NextBytes(block);
        Thread sending = new(() =>
        {
            for (int sent = 0; sent < bytes; sent += block.Length)
            {
                client.Send(block);
            }
        });
        sending.Start();
        byte[] buffer = new byte[1 << 18];
        for (int got = 0; got < bytes;)
        {
            got += server.Receive(buffer);
        }

        sending.Join();
    }
}
