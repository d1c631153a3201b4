using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using BridgeGuard.Cli.Suricata;
using BridgeGuard.Host.Tests.Attachments;
using BridgeGuard.Testing.Packets;
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

    [Fact]
    public void AlertsCarryBodiesWhereTheyAreAskedFor()
    {
        using ScratchFolder folder = new();

        Run(
            folder,
            "http-pipeline-of-three-requests",
            "  - eve-log: {enabled: yes, filename: eve.json, types: [{alert: {http-body: yes, http-body-printable: yes}}]}\n",
            "alert http any any -> any any (http.stat_code; content:\"200\"; sid:2;)\n");

        JsonElement http = Records(folder)[0].GetProperty("http");
        Assert.Equal("hello from the web server\n", http.GetProperty("http_response_body_printable").GetString());
        Assert.Equal("hello from the web server\n", Encoding.ASCII.GetString(http.GetProperty("http_response_body").GetBytesFromBase64()));
        Assert.False(http.TryGetProperty("http_request_body", out _));
    }

    [Fact]
    public void APacketWithoutPayloadHasNone()
    {
        using ScratchFolder folder = new();

        Run(
            folder,
            "http-pipeline-of-three-requests",
            "  - eve-log: {enabled: yes, filename: eve.json, types: [{alert: {payload: yes, payload-printable: yes, payload-length: yes}}]}\n",
            "alert tcp any any -> any any (flags:S; sid:1;)\n");

        JsonElement alert = Records(folder)[0];
        Assert.Equal(0, alert.GetProperty("payload_length").GetInt32());
        Assert.False(alert.TryGetProperty("payload", out _));
        Assert.False(alert.TryGetProperty("payload_printable", out _));
    }

    [Fact]
    public void AnomaliesShowTheBeginOfTheirPacketOnlyAndThoseOfAParserNone()
    {
        // As Suricata 8.0.8 has it: a parser's event is of a transaction, not of a packet.
        const string Outputs = "  - eve-log: {enabled: yes, filename: eve.json, types: [{anomaly: {packethdr: yes, types: {decode: yes, applayer: yes}}}]}\n";
        using ScratchFolder folder = new();
        byte[] whole = FrameBuilder.Tcp("10.0.0.1", 1, "10.0.0.2", 2, 1000, 2000, "A", new byte[100]);
        string capture = Path.Combine(folder.Path, "cut.pcap");
        File.WriteAllBytes(capture, PcapOf([whole[..80]]));

        RunCapture(folder, capture, Outputs);

        JsonElement cut = Assert.Single(Records(folder));
        Assert.Equal(whole[..32], cut.GetProperty("packet").GetBytesFromBase64());

        using ScratchFolder second = new();
        RunCapture(second, Conversation(second, 80, ("c", "GET / HTTP/1.1\r\n\r\n"), ("s", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")), Outputs);

        JsonElement[] parsers = Records(second);
        Assert.NotEmpty(parsers);
        Assert.All(parsers, record => Assert.False(record.TryGetProperty("packet", out _), record.GetRawText()));
    }

    [Fact]
    public void NetflowsNameTheirProtocolAlsoWhenItIsUnknown()
    {
        using ScratchFolder folder = new();
        string capture = Conversation(folder, 9, ("c", "zz"));

        RunCapture(folder, capture, "  - eve-log: {enabled: yes, filename: eve.json, types: [netflow, flow]}\n");

        JsonElement[] records = Records(folder);
        Assert.All(records.Where(r => r.GetProperty("event_type").GetString() == "netflow"), r => Assert.Equal("unknown", r.GetProperty("app_proto").GetString()));
        Assert.DoesNotContain(records, r => r.GetProperty("event_type").GetString() == "flow" && r.TryGetProperty("app_proto", out JsonElement app) && app.GetString() == "unknown");
        Assert.Equal(2, records.Count(r => r.GetProperty("event_type").GetString() == "netflow"));
    }

    [Fact]
    public void AConversationThatGoesOnAsAnotherProtocolEndsWithAPacketOfOurOwn()
    {
        using ScratchFolder folder = new();
        string capture = Conversation(
            folder,
            80,
            ("c", "CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n"),
            ("s", "HTTP/1.1 200 OK\r\n\r\n"),
            ("c", "GET /inner HTTP/1.1\r\nHost: i\r\n\r\n"),
            ("s", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));

        RunCapture(folder, capture, "  - eve-log: {enabled: yes, filename: eve.json, types: [{http: {extended: yes}}, {frame: {enabled: yes}}]}\n");

        JsonElement connect = Assert.Single(Records(folder), r => r.GetProperty("event_type").GetString() == "http" && r.GetProperty("http").GetProperty("http_method").GetString() == "CONNECT");
        Assert.Equal("stream (detect/log)", connect.GetProperty("pkt_src").GetString());
        Assert.Contains(
            Records(folder),
            r => r.GetProperty("event_type").GetString() == "frame" && r.GetProperty("frame").GetProperty("type").GetString() == "stream"
                && r.GetProperty("pkt_src").GetString() == "stream (detect/log)");
    }

    [Fact]
    public void OfAFrameOnlyWhatWasAcknowledgedIsShown()
    {
        using ScratchFolder folder = new();
        string capture = Conversation(folder, 25, ("s", "220 hello\r\n"), ("c", "EHLO a\r\n"), ("s", "250 fine\r\n"), ("c!", "MAIL FROM:<a@b>\r\n"));

        RunCapture(folder, capture, "  - eve-log: {enabled: yes, filename: eve.json, types: [{frame: {enabled: yes}}]}\n");

        JsonElement frame = Assert.Single(
            Records(folder).Select(r => r.GetProperty("frame")),
            f => f.GetProperty("type").GetString() == "command_line" && f.GetProperty("length").GetInt32() == 17);
        Assert.Equal("[17 bytes missing]", frame.GetProperty("payload_printable").GetString());
        Assert.True(frame.GetProperty("complete").GetBoolean());
    }

    [Fact]
    public void AFileThatReachesTheDepthEndsThere()
    {
        using ScratchFolder folder = new();
        string capture = Conversation(
            folder,
            80,
            ("c", "GET /f HTTP/1.1\r\nHost: h\r\n\r\n"),
            ("s", "HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n" + new string('a', 500)),
            ("s", new string('b', 1000)),
            ("s", new string('c', 1000)),
            ("s", new string('d', 500)));

        RunCapture(folder, capture, "  - eve-log: {enabled: yes, filename: eve.json, types: [files]}\nstream: {reassembly: {depth: 2000}}\n");

        JsonElement file = Assert.Single(Records(folder)).GetProperty("fileinfo");
        Assert.Equal("TRUNCATED", file.GetProperty("state").GetString());
        Assert.Equal(1500, file.GetProperty("size").GetInt32());
    }

    /// <summary>A connection from its handshake on, each line in a segment that the other side acknowledges (but those of <c>c!</c>); it does not end.</summary>
    private static string Conversation(ScratchFolder folder, ushort port, params (string Side, string Text)[] lines)
    {
        List<byte[]> frames = [];
        uint[] next = [1000, 5000];
        void Add(int side, string flags, string text) => frames.Add(FrameBuilder.Tcp(
            side == 0 ? "10.0.0.1" : "10.0.0.2", side == 0 ? (ushort)4000 : port, side == 0 ? "10.0.0.2" : "10.0.0.1", side == 0 ? port : (ushort)4000,
            next[side], flags == "S" ? 0 : next[1 - side], flags, Encoding.ASCII.GetBytes(text)));
        Add(0, "S", "");
        next[0]++;
        Add(1, "SA", "");
        next[1]++;
        Add(0, "A", "");
        foreach ((string side, string text) in lines)
        {
            int from = side[0] == 'c' ? 0 : 1;
            Add(from, "PA", text);
            next[from] += (uint)text.Length;
            if (!side.EndsWith('!'))
            {
                Add(1 - from, "A", "");
            }
        }

        string path = Path.Combine(folder.Path, "made.pcap");
        File.WriteAllBytes(path, PcapOf(frames));
        return path;
    }

    private static byte[] PcapOf(List<byte[]> frames)
    {
        using MemoryStream file = new();
        using BinaryWriter writer = new(file);
        foreach (uint word in (uint[])[0xa1b2c3d4, 0x00040002, 0, 0, 65535, 1])
        {
            writer.Write(word);
        }

        for (int i = 0; i < frames.Count; i++)
        {
            writer.Write(1700000000);
            writer.Write(i * 1000);
            writer.Write(frames[i].Length);
            writer.Write(frames[i].Length);
            writer.Write(frames[i]);
        }

        writer.Flush();
        return file.ToArray();
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

    private static void Run(ScratchFolder folder, string capture, string outputs, string ruleText = "") => RunCapture(folder, Capture(capture), outputs, ruleText);

    private static void RunCapture(ScratchFolder folder, string capture, string outputs, string ruleText = "")
    {
        string yaml = Path.Combine(folder.Path, "suricata.yaml");
        File.WriteAllText(yaml, "%YAML 1.1\n---\noutputs:\n" + outputs + "logging: {outputs: [{console: {enabled: no}}]}\n", new UTF8Encoding(false));
        string rules = Path.Combine(folder.Path, "none.rules");
        File.WriteAllText(rules, ruleText);
        Assert.Equal(0, SuricataCommand.Run(["-c", yaml, "-S", rules, "-r", capture, "-l", folder.Path, "-k", "none"]));
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
