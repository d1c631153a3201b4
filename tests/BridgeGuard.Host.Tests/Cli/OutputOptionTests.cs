using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using BridgeGuard.Cli.Suricata;
using BridgeGuard.Host.Tests.Attachments;
using Xunit;

namespace BridgeGuard.Host.Tests.Cli;

/// <summary>What the sections of <c>outputs</c> make of the golden captures: where it goes, and which fields each option adds. Expectations are what Suricata 8.0.8 wrote.</summary>
public sealed class OutputOptionTests
{
    [Fact]
    public void TcpDataIsLoggedAsTextAndAsBytes()
    {
        using ScratchFolder folder = new();

        Run(folder, "http-pipeline-of-three-requests", "  - tcp-data: {enabled: yes, type: both}\n");

        const string Ends = "198.18.0.10_46704-198.18.0.30_80-";
        string text = File.ReadAllText(Path.Combine(folder.Path, "tcp-data.log"));
        Assert.StartsWith(Ends + "ts:\n 0000  47 45 54 20 2F 20 48 54  54 50 2F 31 2E 31 0D 0A   GET / HT TP/1.1..\n", text, StringComparison.Ordinal);
        Assert.Contains(Ends + "tc:\n 0000  48 54 54 50", text, StringComparison.Ordinal);
        Assert.Contains("\n 0100  65 72 76 65 72 0A                                  erver.\n", text, StringComparison.Ordinal);
        Assert.Equal(240, new FileInfo(Path.Combine(folder.Path, "tcp", Ends + "-ts.data")).Length);
        Assert.Equal(832, new FileInfo(Path.Combine(folder.Path, "tcp", Ends + "-tc.data")).Length);
    }

    [Fact]
    public void HttpBodiesAreLoggedByTransaction()
    {
        using ScratchFolder folder = new();

        Run(folder, "http-pipeline-of-three-requests", "  - http-body-data: {enabled: yes, type: dir, log-dir: bodies}\n");

        string bodies = Path.Combine(folder.Path, "bodies");
        Assert.Equal("hello from the web server\n", File.ReadAllText(Path.Combine(bodies, "198.18.0.10_46704-198.18.0.30_80-0-tc.data")));
        Assert.StartsWith("<html>", File.ReadAllText(Path.Combine(bodies, "198.18.0.10_46704-198.18.0.30_80-1-tc.data")), StringComparison.Ordinal);
        Assert.Equal(3, Directory.GetFiles(bodies).Length);
        Assert.False(File.Exists(Path.Combine(folder.Path, "http-data.log")));
    }

    [Fact]
    public void OfABodyNoMoreIsLoggedThanIsInspected()
    {
        using ScratchFolder folder = new();

        Run(
            folder,
            "http-pipeline-of-three-requests",
            "  - http-body-data: {enabled: yes, type: dir}\napp-layer:\n  protocols:\n    http: {enabled: yes, libhtp: {default-config: {response-body-limit: 10}}}\n");

        Assert.Equal("hello from", File.ReadAllText(Path.Combine(folder.Path, "http", "198.18.0.10_46704-198.18.0.30_80-0-tc.data")));
    }

    [Fact]
    public async Task UnixSocketsGetEachRecordWithItsPrefix()
    {
        using ScratchFolder folder = new();
        string streamPath = Path.Combine(folder.Path, "s");
        string datagramPath = Path.Combine(folder.Path, "d");
        using Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(streamPath));
        listener.Listen();
        using Socket datagrams = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        datagrams.Bind(new UnixDomainSocketEndPoint(datagramPath));
        Task<string> received = Task.Run(
            async () =>
            {
                using Socket one = await listener.AcceptAsync(TestContext.Current.CancellationToken);
                using StreamReader reader = new(new NetworkStream(one));
                return await reader.ReadToEndAsync(TestContext.Current.CancellationToken);
            },
            TestContext.Current.CancellationToken);

        Run(folder, "http-pipeline-of-three-requests", $$"""
              - eve-log: {enabled: yes, filetype: unix_stream, filename: {{streamPath}}, prefix: "@cee: ", types: [http, flow]}
              - eve-log: {enabled: yes, filetype: unix_dgram, filename: {{datagramPath}}, types: [flow]}

            """);

        string[] lines = (await received).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(4, lines.Length);
        Assert.All(lines, line => Assert.StartsWith("@cee: {", line, StringComparison.Ordinal));
        byte[] buffer = new byte[65536];
        int length = datagrams.Receive(buffer);
        JsonElement flow = JsonDocument.Parse(buffer.AsMemory(0, length)).RootElement;
        Assert.Equal("flow", flow.GetProperty("event_type").GetString());
        Assert.Equal(0, datagrams.Available);
    }

    [Fact]
    public void ACollectorThatIsNotThereCostsItsRecordsOnly()
    {
        using ScratchFolder folder = new();

        Run(folder, "http-pipeline-of-three-requests", $$"""
              - eve-log: {enabled: yes, filetype: unix_stream, filename: {{folder.Path}}/nobody, types: [http]}
              - eve-log: {enabled: yes, filename: eve.json, types: [http]}

            """);

        Assert.Equal(3, Records(folder).Length);
    }

    [Fact]
    public void NamesOfFilesMayHoldTheTimeAndThreadsHaveTheirNumber()
    {
        using ScratchFolder folder = new();

        Run(folder, "http-pipeline-of-three-requests", """
              - eve-log: {enabled: yes, filename: "eve-%Y%%.json", rotate-interval: day, filemode: "600", types: [http]}
              - eve-log: {enabled: yes, filename: part.json, threaded: yes, types: [http]}

            """);

        string named = Path.Combine(folder.Path, string.Create(System.Globalization.CultureInfo.InvariantCulture, $"eve-{DateTime.Now:yyyy}%.json"));
        Assert.Equal(3, File.ReadAllLines(named).Length);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, OperatingSystem.IsWindows() ? default : File.GetUnixFileMode(named));
        Assert.Equal(3, File.ReadAllLines(Path.Combine(folder.Path, "part.1.json")).Length);
    }

    [Theory]
    [InlineData("custom: [Server, accept, X-None]", "Accept", "Server")]
    [InlineData("custom: [content_length, Host]", "", "Content-Length")]
    [InlineData("dump-all-headers: request", "Host Accept", "")]
    [InlineData("dump-all-headers: request, custom: [server]", "Host Accept", "Server")]
    public void HttpHeadersAskedForStandInTheirMessagesList(string options, string requestHas, string responseHas)
    {
        using ScratchFolder folder = new();

        Run(folder, "http-pipeline-of-three-requests", "  - eve-log: {enabled: yes, filename: eve.json, types: [{http: {" + options + "}}]}\n");

        JsonElement http = Records(folder)[0].GetProperty("http");
        Assert.Equal(requestHas, Headers(http, "request_headers", requestHas));
        Assert.Equal(responseHas, Headers(http, "response_headers", responseHas));
        Assert.False(http.TryGetProperty("server", out _));
    }

    [Theory]
    [InlineData("tls", "subject issuerdn subjectaltname")]
    [InlineData("tls: {extended: yes}", "subject issuerdn subjectaltname serial fingerprint sni version notbefore notafter ja4")]
    [InlineData("tls: {custom: [sni, version, ja4]}", "sni version ja4")]
    [InlineData("tls: {extended: yes, custom: [fingerprint]}", "fingerprint")]
    [InlineData("tls: {custom: [server_handshake]}", "server_handshake")]
    public void TlsFieldsAreThoseAskedFor(string type, string fields)
    {
        using ScratchFolder folder = new();

        Run(folder, "tls-versions-and-names", "  - eve-log: {enabled: yes, filename: eve.json, types: [{" + type + (type.Contains(':', StringComparison.Ordinal) ? "" : ": ") + "}]}\n");

        JsonElement tls = Records(folder)[^1].GetProperty("tls");
        Assert.Equal([.. fields.Split(' ').Order()], [.. tls.EnumerateObject().Select(field => field.Name).Order()]);
        foreach (JsonElement record in Records(folder))
        {
            // TLS 1.3 too has 1.2 in its header.
            Assert.True(!record.GetProperty("tls").TryGetProperty("server_handshake", out JsonElement hello) || hello.GetProperty("version").GetString() == "TLS 1.2");
        }
    }

    private static string Headers(JsonElement http, string list, string wanted)
    {
        if (!http.TryGetProperty(list, out JsonElement headers))
        {
            return "";
        }

        // Those that come with every request of curl, in their order.
        return string.Join(' ', headers.EnumerateArray().Select(header => header.GetProperty("name").GetString()!).Where(name => wanted.Split(' ').Contains(name) || !wanted.Contains(' ', StringComparison.Ordinal)));
    }

    private static void Run(ScratchFolder folder, string capture, string outputs)
    {
        string yaml = Path.Combine(folder.Path, "suricata.yaml");
        File.WriteAllText(yaml, "%YAML 1.1\n---\noutputs:\n" + outputs + "logging: {outputs: [{console: {enabled: no}}]}\n", new UTF8Encoding(false));
        string rules = Path.Combine(folder.Path, "none.rules");
        File.WriteAllText(rules, "");
        Assert.Equal(0, SuricataCommand.Run(["-c", yaml, "-S", rules, "-r", Capture(capture), "-l", folder.Path, "-k", "none"]));
    }

    private static JsonElement[] Records(ScratchFolder folder) =>
        [.. File.ReadLines(Path.Combine(folder.Path, "eve.json")).Select(line => JsonDocument.Parse(line).RootElement)];

    private static string Capture(string name)
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            string candidate = Path.Combine(at.FullName, "tests", "golden", name, "input.pcap");
            if (File.Exists(candidate))
            {
                return candidate;
            }
        }

        throw new FileNotFoundException("golden capture " + name);
    }
}
