using System.Net;
using System.Net.Sockets;
using System.Text;
using BridgeGuard.Engine.Files;
using BridgeGuard.Scanning.Pipeline;
using BridgeGuard.Scanning.Scanners;
using BridgeGuard.Scanning.Scanners.Icap;
using Xunit;

namespace BridgeGuard.Host.Tests.Scanning;

public sealed class IcapScannerTests
{
    [Theory]
    [InlineData("ICAP/1.0 204 No Content\r\n\r\n", FileVerdictKind.Clean, null)]
    [InlineData("ICAP/1.0 200 OK\r\nX-Infection-Found: Type=0; Resolution=2; Threat=Eicar-Test;\r\n\r\n", FileVerdictKind.Malicious, "Eicar-Test")]
    [InlineData("ICAP/1.0 200 OK\r\nX-Virus-ID: Some.Name\r\n\r\n", FileVerdictKind.Malicious, "Some.Name")]
    [InlineData("ICAP/1.0 200 OK\r\n\r\nHTTP/1.1 403 Forbidden\r\n\r\n", FileVerdictKind.Malicious, "ICAP.Blocked.403")]
    [InlineData("ICAP/1.0 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", FileVerdictKind.Clean, null)]
    [InlineData("ICAP/1.0 404 Not Found\r\n\r\n", FileVerdictKind.Error, null)]
    [InlineData("ICAP/1.0 500 Error\r\n\r\n", FileVerdictKind.Error, null)]
    [InlineData("ICAP/1.0 200 OK\r\n\r\n", FileVerdictKind.Error, null)]
    [InlineData("garbage\r\n\r\n", FileVerdictKind.Error, null)]
    [InlineData("", FileVerdictKind.Error, null)]
    public async Task AnswerOfTheServerBecomesAVerdict(string answer, FileVerdictKind expected, string? name)
    {
        using var server = new TcpListener(IPAddress.Loopback, 0);
        server.Start();
        var request = new StringBuilder();
        Task serving = Task.Run(async () =>
        {
            using TcpClient client = await server.AcceptTcpClientAsync();
            NetworkStream stream = client.GetStream();
            byte[] buffer = new byte[65536];
            while (!request.ToString().EndsWith("0\r\n\r\n", StringComparison.Ordinal))
            {
                request.Append(Encoding.Latin1.GetString(buffer, 0, await stream.ReadAsync(buffer)));
            }

            await stream.WriteAsync(Encoding.ASCII.GetBytes(answer));
        }, TestContext.Current.CancellationToken);
        await using var scanner = new IcapScanner(new ScannerOptions { Kind = "icap", Address = $"icap://127.0.0.1:{((IPEndPoint)server.LocalEndpoint).Port}/scan" });
        using var spool = new ContentSpool(new ScanOptions(), new SpoolBudget(1 << 20, 0));
        spool.Append("some content"u8);
        ScanResult result = await scanner.ScanAsync(spool, TestContext.Current.CancellationToken);
        await serving;
        Assert.Equal(expected, result.Kind);
        if (expected == FileVerdictKind.Malicious)
        {
            Assert.Equal(name, result.Detail);
        }

        Assert.Contains("c\r\nsome content\r\n0\r\n\r\n", request.ToString(), StringComparison.Ordinal);
        Assert.StartsWith("RESPMOD icap://127.0.0.1:", request.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://a/b")]
    [InlineData("nonsense")]
    public void AddressThatIsNoIcapServiceIsRefused(string address) =>
        Assert.Throws<FormatException>(() => new IcapScanner(new ScannerOptions { Kind = "icap", Address = address }));
}
