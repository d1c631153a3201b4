using System.Diagnostics;
using System.Text.Json;
using BridgeGuard.Host.Tests.Attachments.Bridge;
using BridgeGuard.Host.Tests.Scanning;
using Xunit;

namespace BridgeGuard.Host.Tests.Running;

/// <summary>The body of a large download is carried by the kernel while its connection's requests are inspected.</summary>
public sealed class LargeDownloadTests : IDisposable
{
    private const int Size = 30_000_000;

    private readonly BridgeLab _lab = new();
    private readonly TemporaryFolder _folder = new();

    public void Dispose()
    {
        _lab.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void ItsBytesAreCountedItsRecordsAreThereAndTheNextRequestIsStopped()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/curl") && File.Exists("/usr/bin/python3"), "needs curl and python3");
        const string Rule = """
            drop http any any -> any any (msg:"evil"; flow:to_server; http.uri; content:"evil"; sid:1;)

            """;
        using RunningDaemon daemon = new(_lab, Rule, processes: 2, eve: "[alert, http, flow]");
        string folder = Directory.CreateDirectory(_folder.File("www")).FullName;
        byte[] content = new byte[Size];
        new Random(1).NextBytes(content);
        File.WriteAllBytes(Path.Combine(folder, "file"), content);
        File.WriteAllText(Path.Combine(folder, "evil"), "evil");
        using Process server = Process.Start(new ProcessStartInfo("ip", $"netns exec {_lab.B} python3 -m http.server -p HTTP/1.1 --directory {folder} 80") { RedirectStandardError = true })!;
        Assert.True(BridgeLab.Until(() =>
        {
            using var socket = BridgeLab.Connect(_lab.A, BridgeLab.AddressB, 80);
            return socket is not null;
        }, 10_000));
        string url = $"http://{BridgeLab.AddressB}";
        (int code, string sizes) = BridgeLab.Run(
            "ip", $"netns exec {_lab.A} curl -s -m 20 -w %{{size_download}},%{{num_connects}}; -o {_folder.File("1")} {url}/file -o {_folder.File("2")} {url}/file -o {_folder.File("3")} {url}/evil");
        server.Kill();
        Assert.NotEqual(0, code);
        Assert.StartsWith($"{Size},1;{Size},0;0,", sizes, StringComparison.Ordinal);
        Assert.Equal(content, File.ReadAllBytes(_folder.File("2")));
        Assert.Single(daemon.Records("alert"));

        // 1 MiB of both bodies is the depth; the rest of the stream was the kernel's but for the segments around each request.
        long carried = daemon.Coverage("pb").GetProperty("bypassedBytes").GetInt64();
        Assert.InRange(carried, Size, long.MaxValue);
        Assert.Equal(0, daemon.Stop());
        Assert.Equal(["/evil", "/file", "/file"], daemon.Records("http").Select(record => record.GetProperty("http").GetProperty("url").GetString()!).Order(StringComparer.Ordinal));
        JsonElement flow = daemon.Records("flow").Select(record => record.GetProperty("flow")).MaxBy(record => record.GetProperty("bytes_toclient").GetInt64());
        Assert.True(flow.GetProperty("bytes_toclient").GetInt64() > 2L * Size, flow.GetRawText());
    }
}
