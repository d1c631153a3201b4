using System.Diagnostics;
using System.Text.Json;
using BridgeGuard.Cli.Suricata;
using BridgeGuard.Host.Tests.Attachments;
using Xunit;

namespace BridgeGuard.Host.Tests.Traffic;

/// <summary>Conversations of real servers and clients, recorded once by <c>tests/traffic/record.py</c> and replayed once; tests read the records.</summary>
public sealed class RecordedTraffic : IDisposable
{
    private const int RecordingMs = 120_000;

    private const string Yaml = """
        outputs:
          - eve-log:
              enabled: yes
              filename: eve.json
              types:
                - alert
                - anomaly
                - dhcp:
                    extended: yes
                - dns
                - files:
                    force-hash: [sha256]
                - flow
                - ftp
                - http:
                    extended: yes
                - http2
                - irc
                - ldap
                - mqtt
                - mysql
                - pgsql
                - rdp
                - redis
                - smb
                - smtp:
                    custom: [subject]
                - snmp
                - ssh
                - tftp
                - tls:
                    extended: yes
        app-layer:
          protocols:
            tls:
              ja3-fingerprints: yes
              ja4-fingerprints: yes
            ssh:
              hassh: yes
            http2:
              enabled: yes
            snmp:
              enabled: yes
            mqtt:
              enabled: yes
            pgsql:
              enabled: yes
            rdp:
              enabled: yes
            dhcpv6:
              enabled: yes
            irc:
              enabled: yes
            mysql:
              enabled: yes
            redis:
              enabled: yes
        logging:
          outputs:
            - console:
                enabled: no
        """;

    private const string Rules = """
        alert http any any -> any any (msg:"agent"; http.user_agent; content:"BridgeGuardTest/1.0"; http.uri; content:"/api"; sid:1;)
        alert dns any any -> any any (msg:"query"; dns.query; content:"txt.example.test"; sid:2;)
        alert tls any any -> any any (msg:"name"; tls.sni; content:"alt.example.test"; sid:3;)
        alert ssh any any -> any any (msg:"software"; ssh.software; content:"OpenSSH"; sid:4;)
        alert smtp any any -> any any (msg:"attachment"; file.name; content:"figures.bin"; sid:5;)
        alert ftp any any -> any any (msg:"retrieve"; ftp.command; content:"RETR"; sid:6;)
        alert mqtt any any -> any any (msg:"topic"; mqtt.publish.topic; content:"temperature"; sid:7;)
        alert snmp any any -> any any (msg:"community"; snmp.community; content:"fleet"; sid:8;)
        alert ldap any any -> any any (msg:"base"; ldap.request.dn; content:"cn=admin"; sid:9;)
        alert http2 any any -> any any (msg:"h2"; http.uri; content:"/blob.bin"; sid:10;)
        alert smb any any -> any any (msg:"share"; smb.named_pipe; content:"IPC|24|"; nocase; sid:11;)
        alert pgsql any any -> any any (msg:"sql"; pgsql.query; content:"SELECT id"; sid:12;)
        alert redis any any -> any any (msg:"set"; redis.command; content:"SET"; redis.argument; content:"session"; sid:13;)
        alert mysql any any -> any any (msg:"insert"; mysql.query; content:"INSERT INTO"; sid:14;)
        alert irc any any -> any any (msg:"talk"; irc.command; content:"PRIVMSG"; irc.parameter; content:"hello all"; sid:15;)
        alert http any any -> any any (msg:"never"; http.user_agent; content:"NotSentByAnyClient"; sid:99;)
        """;

    private readonly ScratchFolder _folder = new();
    private readonly string? _skip;
    private readonly string? _fault;
    private readonly JsonDocument? _facts;
    private readonly List<JsonDocument> _records = [];

    public RecordedTraffic()
    {
        if (!OperatingSystem.IsLinux() || Environment.UserName != "root")
        {
            _skip = "needs root on Linux to make network namespaces";
            return;
        }

        if (!File.Exists("/usr/bin/python3"))
        {
            _skip = "needs /usr/bin/python3";
            return;
        }

        _fault = Record();
        if (_fault is not null)
        {
            return;
        }

        _facts = JsonDocument.Parse(File.ReadAllText(PathOf("facts.json")));
        File.WriteAllText(PathOf("suricata.yaml"), Yaml);
        File.WriteAllText(PathOf("t.rules"), Rules);
        int code = SuricataCommand.Run(["-c", PathOf("suricata.yaml"), "-S", PathOf("t.rules"), "-r", PathOf("traffic.pcap"), "-l", PathOf("log")]);
        _fault = code == 0 ? null : $"the replay ended with {code}";
        if (_fault is null)
        {
            foreach (string line in File.ReadLines(EvePath))
            {
                _records.Add(JsonDocument.Parse(line));
            }
        }
    }

    public string EvePath => PathOf("log/eve.json");

    /// <summary>Skips where the protocol's programs are not installed, fails where they did not talk.</summary>
    public void Require(string? protocol = null)
    {
        Assert.SkipWhen(_skip is not null, _skip ?? string.Empty);
        Assert.True(_fault is null, _fault);
        if (protocol is null)
        {
            return;
        }

        string said = _facts!.RootElement.GetProperty("protocols").GetProperty(protocol).GetString()!;
        Assert.SkipWhen(said.StartsWith("skip: ", StringComparison.Ordinal), said);
        Assert.True(said == "ok", $"{protocol}: {said}");
    }

    /// <summary>SHA-256 of a file that a server offered or a client sent, in lower-case hexadecimal.</summary>
    public string DigestOf(string file) => _facts!.RootElement.GetProperty("files").GetProperty(file).GetProperty("sha256").GetString()!;

    public string PathOf(string name) => Path.Combine(_folder.Path, name);

    /// <summary>Records of a type, of one server's port when it is given, in the order of the capture.</summary>
    public List<JsonElement> Of(string type, int port = 0)
    {
        List<JsonElement> found = [];
        foreach (JsonDocument record in _records)
        {
            JsonElement at = record.RootElement;
            if (Text(at, "event_type") == type && (port == 0 || Text(at, "dest_port") == $"{port}" || Text(at, "src_port") == $"{port}"))
            {
                found.Add(at);
            }
        }

        return found;
    }

    /// <summary>The value at a dotted path as text, and nothing when a part of the path is not there.</summary>
    public static string? Text(JsonElement record, string path)
    {
        foreach (string part in path.Split('.'))
        {
            if (record.ValueKind == JsonValueKind.Array && int.TryParse(part, out int index))
            {
                if (index >= record.GetArrayLength())
                {
                    return null;
                }

                record = record[index];
            }
            else if (record.ValueKind != JsonValueKind.Object || !record.TryGetProperty(part, out record))
            {
                return null;
            }
        }

        return record.ToString();
    }

    public void Dispose()
    {
        _facts?.Dispose();
        _records.ForEach(record => record.Dispose());
        _folder.Dispose();
    }

    private string? Record()
    {
        string? script = null;
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); script is null && at is not null; at = at.Parent)
        {
            string candidate = Path.Combine(at.FullName, "tests", "traffic", "record.py");
            script = File.Exists(candidate) ? candidate : null;
        }

        if (script is null)
        {
            return "tests/traffic/record.py is not there";
        }

        // Servers that give up root read their files here.
        Debug.Assert(OperatingSystem.IsLinux(), "checked before");
        File.SetUnixFileMode(_folder.Path, (UnixFileMode)0b111_101_101);
        Directory.CreateDirectory(PathOf("log"));
        using Process python = Process.Start(new ProcessStartInfo("/usr/bin/python3", [script, _folder.Path]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        Task<string> errors = python.StandardError.ReadToEndAsync();
        Task<string> output = python.StandardOutput.ReadToEndAsync();
        if (!python.WaitForExit(RecordingMs))
        {
            python.Kill(entireProcessTree: true);
            return $"the recording did not end within {RecordingMs / 1000} s";
        }

        return python.ExitCode == 0 ? null : $"the recording ended with {python.ExitCode}: {errors.Result}{output.Result}";
    }
}
