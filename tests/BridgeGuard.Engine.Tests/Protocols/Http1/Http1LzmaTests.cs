using System.Text;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols.Http1;
using BridgeGuard.Engine.Tests.Compression;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols.Http1;

/// <summary>Bodies in LZMA: decoded, limited in memory, layers and growth, or left alone.</summary>
public sealed class Http1LzmaTests
{
    private const string Prefix = "libhtp.default-config.";

    private static readonly LzmaSample Mixed = LzmaSample.All[0];
    private static readonly LzmaSample Zeros = LzmaSample.All.Single(sample => sample.Length > 1 << 20);
    private static readonly LzmaSample Far = LzmaSample.All.Single(sample => sample.Name == "A match far back");

    [Theory]
    [InlineData(null)]
    [InlineData("yes")]
    public void ABodyIsDecodedInBothDirections(string? enabled)
    {
        ProtocolBench bench = Create(enabled is null ? [] : new() { [Prefix + "lzma-enabled"] = enabled });
        bench.Feed(Direction.ToServer, [.. Encoding.ASCII.GetBytes($"POST / HTTP/1.1\r\nHost: h\r\nContent-Encoding: lzma\r\nContent-Length: {Mixed.Bytes.Length}\r\n\r\n"), .. Mixed.Bytes]);
        Answer(bench, "lzma", Mixed.Bytes);
        Assert.EndsWith("the end", bench.Buffer("http.request_body", Direction.ToServer), StringComparison.Ordinal);
        string body = bench.Buffer("http.response_body", Direction.ToClient)!;
        Assert.Equal(Mixed.Length, body.Length);
        Assert.EndsWith("the end", body, StringComparison.Ordinal);
        Assert.Empty(bench.Anomalies());
    }

    [Fact]
    public void SwitchedOffItPassesAsItIs()
    {
        ProtocolBench bench = Create(new() { [Prefix + "lzma-enabled"] = "no" });
        Get(bench);
        Answer(bench, "lzma", Mixed.Bytes);
        Assert.Equal(Encoding.Latin1.GetString(Mixed.Bytes), bench.Buffer("http.response_body", Direction.ToClient));
    }

    [Fact]
    public void WhatIsNoLzmaPassesAsItIs()
    {
        ProtocolBench bench = Create([]);
        Get(bench);
        Answer(bench, "lzma", "plain text, whatever the label says"u8.ToArray());
        Assert.Equal("plain text, whatever the label says", bench.Buffer("http.response_body", Direction.ToClient));
    }

    [Fact]
    public void TheMemoryLimitIsNamedAndEndsTheBody()
    {
        ProtocolBench bench = Create(new() { [Prefix + "lzma-memlimit"] = "64 KiB" });
        Get(bench);
        Answer(bench, "lzma", Far.Bytes);
        Assert.Equal(["lzma_memlimit_reached"], bench.Anomalies());
        Assert.Equal(64 << 10, bench.Buffer("http.response_body", Direction.ToClient)!.Length);
    }

    [Fact]
    public void ABombIsNamed()
    {
        ProtocolBench bench = Create([]);
        Get(bench);
        Answer(bench, "lzma", Zeros.Bytes);
        Assert.Equal(["compression_bomb"], bench.Anomalies());
    }

    [Fact]
    public void OneLayerIsTakenOffWhereItIsSwitchedOn()
    {
        ProtocolBench bench = Create(new() { [Prefix + "lzma-enabled"] = "yes" });
        Get(bench);
        Answer(bench, "lzma, lzma", Mixed.Bytes);
        Assert.Equal(["response_too_many_lzma_layers"], bench.Anomalies());
        Assert.Equal(Mixed.Length, bench.Buffer("http.response_body", Direction.ToClient)!.Length);
    }

    private static ProtocolBench Create(Dictionary<string, string> settings)
    {
        settings[Prefix + "response-body-limit"] = "8 MiB";
        return new ProtocolBench(new Http1Protocol(), settings);
    }

    private static void Get(ProtocolBench bench) => bench.Feed(Direction.ToServer, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"u8);

    private static void Answer(ProtocolBench bench, string coding, byte[] body)
    {
        bench.Feed(Direction.ToClient, [.. Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {body.Length}\r\n\r\n"), .. body]);
        bench.End();
    }
}
