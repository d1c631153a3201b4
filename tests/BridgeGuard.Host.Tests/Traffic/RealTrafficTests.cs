using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using BridgeGuard.Host.Tests.Cli;
using Xunit;
using static BridgeGuard.Host.Tests.Traffic.RecordedTraffic;

namespace BridgeGuard.Host.Tests.Traffic;

/// <summary>What is logged of the servers of Debian that <c>record.py</c> starts, each asked by a client of Debian or, for RDP and IRC, by a few lines of our own.</summary>
public sealed class RealTrafficTests(RecordedTraffic traffic) : IClassFixture<RecordedTraffic>
{
    [Theory]
    [InlineData("dhcp", 67, "dhcp")]
    [InlineData("dns", 53, "dns")]
    [InlineData("ftp", 21, "ftp")]
    [InlineData("http", 80, "http")]
    [InlineData("http2", 81, "http2")]
    [InlineData("ldap", 389, "ldap")]
    [InlineData("mqtt", 1883, "mqtt")]
    [InlineData("smtp", 25, "smtp")]
    [InlineData("snmp", 161, "snmp")]
    [InlineData("ssh", 22, "ssh")]
    [InlineData("tftp", 69, "tftp")]
    [InlineData("tls", 443, "tls")]
    [InlineData("dhcpv6", 547, "dhcpv6")]
    [InlineData("irc", 6667, "irc")]
    [InlineData("mysql", 3306, "mysql")]
    [InlineData("pgsql", 5432, "pgsql")]
    [InlineData("postfix", 2525, "smtp")]
    [InlineData("rdp", 3389, "rdp")]
    [InlineData("redis", 6379, "redis")]
    [InlineData("smb", 445, "smb")]
    public void EveryFlowToAServerHasItsProtocol(string protocol, int port, string expected)
    {
        traffic.Require(protocol);
        List<JsonElement> flows = traffic.Of("flow", port);
        Assert.NotEmpty(flows);
        Assert.All(flows, flow => Assert.Equal(expected, Text(flow, "app_proto")));
        Assert.Empty(traffic.Of("anomaly", port));
    }

    [Theory]
    [InlineData("http", 1, 1)]
    [InlineData("dns", 2, 1)]
    [InlineData("tls", 3, 1)]
    [InlineData("ssh", 4, 1)]
    [InlineData("smtp", 5, 1)]
    [InlineData("ftp", 6, 3)]
    [InlineData("mqtt", 7, 2)]
    [InlineData("snmp", 8, 2)]
    [InlineData("ldap", 9, 2)]
    [InlineData("http2", 10, 1)]
    [InlineData("smb", 11, 1)]
    [InlineData("pgsql", 12, 1)]
    [InlineData("redis", 13, 1)]
    [InlineData("mysql", 14, 1)]
    [InlineData("irc", 15, 1)]
    public void RulesAlertOnTheirConversationsOnly(string protocol, int sid, int atLeast)
    {
        traffic.Require(protocol);
        List<JsonElement> alerts = traffic.Of("alert").FindAll(alert => Text(alert, "alert.signature_id") == $"{sid}");
        Assert.True(alerts.Count >= atLeast, $"{alerts.Count} alerts of sid {sid}");
        Assert.All(alerts, alert => Assert.Equal(protocol, Text(alert, "app_proto")));
        Assert.DoesNotContain(traffic.Of("alert"), alert => Text(alert, "alert.signature_id") == "99");
    }

    [Fact]
    public void Http()
    {
        traffic.Require("http");
        List<JsonElement> records = traffic.Of("http", 80);
        Request("/blob.bin", "200", "BridgeGuardTest/1.0", ("http.length", "70000"));
        Request("/missing", "404", "BridgeGuardTest/1.0");
        Request("/api?x=1&y=%20z", "201", "BridgeGuardTest/1.0", ("http.http_content_type", "application/json"));
        Request("/old", "302", "BridgeGuardTest/1.0", ("http.http_refer", "http://from.example.test/"), ("http.redirect", "http://www.example.test/page.txt"));
        Request("/form", "204", "BridgeGuardTest/1.0", ("http.http_method", "POST"));
        Request("/page.txt", "200", "BridgeGuardTest/1.0", ("http.http_method", "HEAD"));
        Request("/page.txt", "200", "BridgeGuardTest/6.0", ("http.hostname", "[fd78::1]"), ("dest_ip", "fd78:0000:0000:0000:0000:0000:0000:0001"));
        Assert.Equal(8, records.Count);
        AssertFile("http", 80, "/blob.bin", "blob.bin");
        AssertFile("http", 80, "up.bin", "photo.bin");

        // Once as it is and once compressed by the server.
        Assert.Equal(2, traffic.Of("fileinfo", 80).FindAll(file => Text(file, "fileinfo.sha256") == traffic.DigestOf("page.txt")).Count);

        void Request(string url, string status, string agent, params (string Path, string Value)[] more) => Assert.Contains(records, record =>
            Text(record, "http.url") == url && Text(record, "http.status") == status && Text(record, "http.http_user_agent") == agent
            && Text(record, "http.protocol") == "HTTP/1.1" && Array.TrueForAll(more, want => Text(record, want.Path) == want.Value));
    }

    [Fact]
    public void Http2()
    {
        traffic.Require("http2");
        List<JsonElement> records = traffic.Of("http", 81);
        foreach ((string url, string status) in (ReadOnlySpan<(string, string)>)[("/blob.bin", "200"), ("/missing", "404")])
        {
            JsonElement found = Assert.Single(records, record => Text(record, "http.url") == url);
            Assert.Equal(status, Text(found, "http.status"));
            Assert.Equal("2", Text(found, "http.version"));
            Assert.Equal("BridgeGuardTest/2.0", Text(found, "http.http_user_agent"));
            Assert.Equal("1", Text(found, "http.http2.stream_id"));
        }

        AssertFile("http2", 81, null, "blob.bin");
    }

    [Fact]
    public void Tls()
    {
        traffic.Require("tls");
        List<JsonElement> records = traffic.Of("tls", 443);
        Assert.Equal(3, records.Count);
        using X509Certificate2 certificate = X509Certificate2.CreateFromPem(File.ReadAllText(traffic.PathOf("tls.crt")));
        List<JsonElement> old = records.FindAll(record => Text(record, "tls.version") == "TLS 1.2");
        Assert.Equal(2, old.Count);
        Assert.All(old, record =>
        {
            Assert.Equal("www.example.test", Text(record, "tls.sni"));
            Assert.Equal("C=DE, O=Bridge Guard, CN=www.example.test", Text(record, "tls.subject"));
            Assert.Equal("C=DE, O=Bridge Guard, CN=www.example.test", Text(record, "tls.issuerdn"));
            Assert.Equal("alt.example.test", Text(record, "tls.subjectaltname.1"));
            Assert.Equal(certificate.SerialNumber, Text(record, "tls.serial")!.Replace(":", string.Empty, StringComparison.Ordinal));
            Assert.Equal(certificate.Thumbprint, Text(record, "tls.fingerprint")!.Replace(":", string.Empty, StringComparison.Ordinal), ignoreCase: true);
            Assert.Equal(certificate.NotAfter.ToUniversalTime().ToString("s", CultureInfo.InvariantCulture), Text(record, "tls.notafter"));
        });
        JsonElement modern = Assert.Single(records, record => Text(record, "tls.version") == "TLS 1.3");
        Assert.Equal("alt.example.test", Text(modern, "tls.sni"));
        Assert.Null(Text(modern, "tls.subject"));
        Assert.All(records, AssertFingerprints);
    }

    [Fact]
    public void Dns()
    {
        traffic.Require("dns");
        List<JsonElement> responses = traffic.Of("dns", 53).FindAll(record => Text(record, "dns.type") == "response");
        Assert.Equal(8, responses.Count);
        Assert.Equal(8, traffic.Of("dns", 53).FindAll(record => Text(record, "dns.type") == "request").Count);
        Answer("UDP", "www.example.test", "A", "dns.answers.0.rdata", "10.78.0.1");
        Answer("TCP", "www.example.test", "A", "dns.answers.0.rdata", "10.78.0.1");
        Answer("UDP", "www.example.test", "AAAA", "dns.answers.0.rdata", "fd78:0000:0000:0000:0000:0000:0000:0001");
        Answer("UDP", "alias.example.test", "A", "dns.answers.0.rdata", "www.example.test");
        Answer("UDP", "alias.example.test", "A", "dns.answers.1.rdata", "10.78.0.1");
        Answer("UDP", "example.test", "MX", "dns.answers.0.rdata", "mail.example.test");
        Answer("UDP", "txt.example.test", "TXT", "dns.answers.0.rdata", "v=spf1 -all");
        Answer("UDP", "_sip._tcp.example.test", "SRV", "dns.answers.0.srv.port", "5060");
        Answer("UDP", "none.example.test", "A", "dns.rcode", "NXDOMAIN");

        void Answer(string transport, string name, string type, string path, string value) => Assert.Contains(responses, record =>
            Text(record, "proto") == transport && Text(record, "dns.queries.0.rrname") == name && Text(record, "dns.queries.0.rrtype") == type && Text(record, path) == value);
    }

    [Fact]
    public void Dhcp()
    {
        traffic.Require("dhcp");
        List<JsonElement> records = traffic.Of("dhcp");
        foreach (string type in (ReadOnlySpan<string>)["discover", "offer", "request", "ack"])
        {
            Assert.Contains(records, record => Text(record, "dhcp.dhcp_type") == type);
        }

        Assert.Contains(records, record => Text(record, "dhcp.dhcp_type") == "discover" && Text(record, "dhcp.hostname") == "bridgeguest");
        Assert.Contains(records, record => Text(record, "dhcp.dhcp_type") == "ack" && Text(record, "dhcp.assigned_ip")!.StartsWith("10.78.0.1", StringComparison.Ordinal)
            && Text(record, "dhcp.lease_time") == "120" && Text(record, "dhcp.subnet_mask") == "255.255.255.0");
    }

    [Fact]
    public void Tftp()
    {
        traffic.Require("tftp");
        JsonElement record = Assert.Single(traffic.Of("tftp"));
        Assert.Equal("read", Text(record, "tftp.packet"));
        Assert.Equal("photo.bin", Text(record, "tftp.file"));
        Assert.Equal("octet", Text(record, "tftp.mode"));
    }

    [Fact]
    public void Ssh()
    {
        traffic.Require("ssh");
        JsonElement record = Assert.Single(traffic.Of("ssh", 22));
        foreach (string side in (ReadOnlySpan<string>)["ssh.client", "ssh.server"])
        {
            Assert.Equal("2.0", Text(record, side + ".proto_version"));
            Assert.StartsWith("OpenSSH_", Text(record, side + ".software_version"), StringComparison.Ordinal);
            Assert.Equal(Md5(Text(record, side + ".hassh.string")!), Text(record, side + ".hassh.hash"));
        }
    }

    [Fact]
    public void Smtp()
    {
        traffic.Require("smtp");
        JsonElement record = Assert.Single(traffic.Of("smtp", 25));
        Assert.Equal("client.example.test", Text(record, "smtp.helo"));
        Assert.Equal("<alice@example.test>", Text(record, "smtp.mail_from"));
        Assert.Equal("<bob@corp.example.test>", Text(record, "smtp.rcpt_to.0"));
        Assert.Equal("<carol@corp.example.test>", Text(record, "smtp.rcpt_to.1"));
        Assert.Equal("Alice <alice@example.test>", Text(record, "email.from"));
        Assert.Equal("bob@corp.example.test", Text(record, "email.to.0"));
        Assert.Equal("figures.bin", Text(record, "email.attachment.0"));
        Assert.Equal("PARSE_DONE", Text(record, "email.status"));
        AssertFile("smtp", 25, "figures.bin", "photo.bin");
    }

    [Fact]
    public void SmtpTurnsIntoTls()
    {
        traffic.Require("smtp");
        JsonElement flow = Assert.Single(traffic.Of("flow", 587));
        Assert.Equal("tls", Text(flow, "app_proto"));
        Assert.Equal("smtp", Text(flow, "app_proto_orig"));
        JsonElement record = Assert.Single(traffic.Of("tls", 587));
        Assert.Equal("mail.example.test", Text(record, "tls.sni"));
        Assert.Equal("TLS 1.2", Text(record, "tls.version"));
        Assert.Equal("C=DE, O=Bridge Guard, CN=www.example.test", Text(record, "tls.subject"));
        Assert.All(traffic.Of("smtp", 587), mail => Assert.Null(Text(mail, "smtp.mail_from")));
    }

    [Fact]
    public void Ftp()
    {
        traffic.Require("ftp");
        List<JsonElement> records = traffic.Of("ftp", 21);
        Assert.Equal(5, records.FindAll(record => Text(record, "ftp.command") == "PASS" && Text(record, "ftp.completion_code.0") == "230").Count);
        Assert.Contains(records, record => Text(record, "ftp.command") == "EPSV" && Text(record, "ftp.mode") == "passive");
        Assert.Contains(records, record => Text(record, "ftp.command") == "PASV" && Text(record, "ftp.mode") == "passive");
        Assert.Contains(records, record => Text(record, "ftp.command") == "PORT" && Text(record, "ftp.mode") == "active");
        Assert.Contains(records, record => Text(record, "ftp.command") == "RETR" && Text(record, "ftp.command_data") == "blob.bin" && Text(record, "ftp.completion_code.1") == "226");
        foreach (string file in (ReadOnlySpan<string>)["blob.bin", "photo.bin", "active.bin"])
        {
            Assert.Single(traffic.Of("ftp_data"), record => Text(record, "ftp_data.filename") == file && Text(record, "ftp_data.command") == "RETR");
            AssertFile("ftp-data", 0, file, file);
        }

        Assert.Contains(records, record => Text(record, "ftp.command") == "STOR" && Text(record, "ftp.command_data") == "stored.bin");
        Assert.Single(traffic.Of("ftp_data"), record => Text(record, "ftp_data.command") == "STOR");
        AssertFile("ftp-data", 0, "stored.bin", "photo.bin");
        Assert.Single(traffic.Of("ftp_data"), record => Text(record, "ftp_data.command") == "LIST");
    }

    [Fact]
    public void Mqtt()
    {
        traffic.Require("mqtt");
        List<JsonElement> records = traffic.Of("mqtt", 1883);
        Assert.Contains(records, record => Text(record, "mqtt.connect.client_id") == "publisher" && Text(record, "mqtt.connect.protocol_version") == "5");
        Assert.Contains(records, record => Text(record, "mqtt.connect.client_id") == "subscriber" && Text(record, "mqtt.connack.return_code") == "0");
        Assert.Contains(records, record => Text(record, "mqtt.subscribe.topics.0.topic") == "site/+/temperature" && Text(record, "mqtt.suback.qos_granted.0") == "1");
        List<JsonElement> published = records.FindAll(record => Text(record, "mqtt.publish.topic") == "site/7/temperature");
        Assert.Equal(2, published.Count);
        Assert.All(published, record => Assert.Equal("{\"value\":21}", Text(record, "mqtt.publish.message")));
    }

    [Fact]
    public void Ldap()
    {
        traffic.Require("ldap");
        List<JsonElement> records = traffic.Of("ldap", 389);
        Assert.Contains(records, record => Text(record, "ldap.request.bind_request.name") == "cn=admin,dc=example,dc=test" && Text(record, "ldap.responses.0.bind_response.result_code") == "success");
        Assert.Contains(records, record => Text(record, "ldap.responses.0.bind_response.result_code") == "invalid_credentials");
        JsonElement search = Assert.Single(records, record => Text(record, "ldap.request.operation") == "search_request");
        Assert.Equal("dc=example,dc=test", Text(search, "ldap.request.search_request.base_object"));
        Assert.Equal("cn=alice,dc=example,dc=test", Text(search, "ldap.responses.0.search_result_entry.base_object"));
        Assert.Equal("Liddell", Text(search, "ldap.responses.0.search_result_entry.attributes.0.values.0"));
    }

    [Fact]
    public void Snmp()
    {
        traffic.Require("snmp");
        List<JsonElement> records = traffic.Of("snmp", 161);
        Assert.Equal(4, records.Count);
        Assert.All(records, record => Assert.Equal("fleet", Text(record, "snmp.community")));
        Assert.Contains(records, record => Text(record, "snmp.version") == "2" && Text(record, "snmp.pdu_type") == "get_request" && Text(record, "snmp.vars.0") == "1.3.6.1.2.1.1.6.0");
        Assert.Contains(records, record => Text(record, "snmp.version") == "1" && Text(record, "snmp.pdu_type") == "get_next_request");
    }

    [Fact]
    public void DhcpV6()
    {
        traffic.Require("dhcpv6");
        List<JsonElement> records = traffic.Of("dhcp").FindAll(record => Text(record, "dhcp.version") == "6");
        foreach (string type in (ReadOnlySpan<string>)["solicit", "advertise", "request", "reply"])
        {
            Assert.Contains(records, record => Text(record, "dhcp.dhcp_type") == type);
        }

        Assert.Contains(records, record => Text(record, "dhcp.dhcp_type") == "reply" && Text(record, "dhcp.assigned_ip")!.StartsWith("fd78:", StringComparison.Ordinal)
            && Text(record, "dhcp.lease_time") == "120" && Text(record, "dhcp.dns_servers.0") == "fd78:0000:0000:0000:0000:0000:0000:0001");
    }

    [Fact]
    public void Irc()
    {
        traffic.Require("irc");
        List<JsonElement> records = traffic.Of("irc", 6667);
        Assert.Contains(records, record => Text(record, "irc.command") == "PRIVMSG" && Text(record, "irc.parameters.1") == "hello all of you");
        Assert.Contains(records, record => Text(record, "irc.command") == "001" && Text(record, "irc.prefix") == "irc.example.test");
        Assert.Contains(records, record => Text(record, "irc.command") == "JOIN" && Text(record, "irc.prefix")?.StartsWith("guest!", StringComparison.Ordinal) == true);
    }

    [Fact]
    public void MySql()
    {
        traffic.Require("mysql");
        List<JsonElement> records = traffic.Of("mysql", 3306);
        Assert.Equal(2, records.FindAll(record => Text(record, "mysql.command") == "login" && Text(record, "mysql.user") == "app" && Text(record, "mysql.response.status") == "ok").Count);
        Query("INSERT INTO fruit VALUES (1, 'apple'), (2, 'pear'), (3, 'plum')", ("mysql.response.affected_rows", "3"));
        Query("SELECT id, name FROM fruit", ("mysql.response.columns", "2"), ("mysql.response.rows", "3"));
        Query("SELECT missing FROM fruit", ("mysql.response.error_code", "1054"));

        void Query(string text, params (string Path, string Value)[] more) => Assert.Single(records, record =>
            Text(record, "mysql.query") == text && Array.TrueForAll(more, want => Text(record, want.Path) == want.Value));
    }

    [Fact]
    public void Pgsql()
    {
        traffic.Require("pgsql");
        List<JsonElement> records = traffic.Of("pgsql", 5432);
        Assert.Equal(2, records.FindAll(record => Text(record, "pgsql.response.message") == "authentication_ok").Count);
        Assert.Contains(records, record => Text(record, "pgsql.request.simple_query") == "SELECT id, name FROM shop ORDER BY id" && Text(record, "pgsql.response.data_rows") == "2");
        Assert.Contains(records, record => Text(record, "pgsql.request.simple_query") == "COPY shop TO STDOUT" && Text(record, "pgsql.response.copy_data_out.row_count") == "2");
        Assert.Contains(records, record => Text(record, "pgsql.request.simple_query") == "SELECT missing FROM shop" && Text(record, "pgsql.response.code") == "42703");
    }

    [Fact]
    public void Postfix()
    {
        traffic.Require("postfix");
        JsonElement record = Assert.Single(traffic.Of("smtp", 2525));
        Assert.Equal("<alice@example.test>", Text(record, "smtp.mail_from"));
        Assert.Equal("by postfix", Text(record, "email.subject"));
        AssertFile("smtp", 2525, "postfix.bin", "active.bin");
    }

    [Fact]
    public void Rdp()
    {
        traffic.Require("rdp");
        List<JsonElement> records = traffic.Of("rdp", 3389);
        Assert.Contains(records, record => Text(record, "rdp.event_type") == "initial_request" && Text(record, "rdp.cookie") == "alice");
        Assert.Contains(records, record => Text(record, "rdp.event_type") == "initial_response" && Text(record, "rdp.protocol") == "ssl");
        using X509Certificate2 certificate = X509Certificate2.CreateFromPem(File.ReadAllText(traffic.PathOf("tls.crt")));
        // The record gives the serial as a number in hex, without leading zeros, as Suricata does.
        string serial = certificate.SerialNumber.TrimStart('0');
        Assert.Contains(records, record => Text(record, "rdp.event_type") == "tls_handshake" && string.Equals(Text(record, "rdp.x509_serials.0"), serial, StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public void Redis()
    {
        traffic.Require("redis");
        List<JsonElement> records = traffic.Of("redis", 6379);
        Assert.Contains(records, record => Text(record, "redis.command") == "SET" && Text(record, "redis.arguments.1") == "a value" && Text(record, "redis.response.value") == "OK");
        Assert.Contains(records, record => Text(record, "redis.command") == "HELLO" && Text(record, "redis.response.type") == "map");
        Assert.Contains(records, record => Text(record, "redis.command") == "LPUSH" && Text(record, "redis.response.value")?.StartsWith("WRONGTYPE", StringComparison.Ordinal) == true);
        Assert.DoesNotContain(records, record => record.ToString().Contains("hunter2", StringComparison.Ordinal));
    }

    [Fact]
    public void Smb()
    {
        traffic.Require("smb");
        List<JsonElement> records = traffic.Of("smb", 445);
        Assert.Contains(records, record => Text(record, "smb.dialect") == "3.11" && Text(record, "smb.command") == "SMB2_COMMAND_TREE_CONNECT" && Text(record, "smb.share")?.EndsWith("share", StringComparison.OrdinalIgnoreCase) == true);
        Assert.Contains(records, record => Text(record, "smb.dialect") == "NT LANMAN 1.0" && Text(record, "smb.command") == "SMB1_COMMAND_NT_CREATE_ANDX");
        AssertFile("smb", 445, "blob.bin", "blob.bin");
        AssertFile("smb", 445, "smb-stored.bin", "photo.bin");
        AssertFile("smb", 445, "\\photo.bin", "photo.bin");
    }

    [Fact]
    public void RecordsAreValid()
    {
        traffic.Require();
        EveSchemaTests.AssertValid(traffic.EvePath);
    }

    private void AssertFile(string protocol, int port, string? name, string sent)
    {
        List<JsonElement> files = traffic.Of("fileinfo", port).FindAll(file => Text(file, "app_proto") == protocol && (name is null || Text(file, "fileinfo.filename") == name));
        Assert.Contains(files, file => Text(file, "fileinfo.sha256") == traffic.DigestOf(sent) && Text(file, "fileinfo.state") == "CLOSED");
    }

    /// <summary>JA3 is the MD5 of its text; the middle of JA4 is of the same cipher suites, sorted, in hexadecimal.</summary>
    private static void AssertFingerprints(JsonElement record)
    {
        string ja3 = Text(record, "tls.ja3.string")!;
        Assert.Equal(Md5(ja3), Text(record, "tls.ja3.hash"));
        string[] suites = Array.ConvertAll(ja3.Split(',')[1].Split('-'), suite => int.Parse(suite, CultureInfo.InvariantCulture).ToString("x4", CultureInfo.InvariantCulture));
        Array.Sort(suites, StringComparer.Ordinal);
        string[] ja4 = Text(record, "tls.ja4")!.Split('_');
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(string.Join(',', suites))))[..12], ja4[1]);
        string version = Text(record, "tls.version") == "TLS 1.3" ? "13" : "12";
        Assert.StartsWith($"t{version}d{suites.Length:00}", ja4[0], StringComparison.Ordinal);
        Assert.Equal(12, ja4[2].Length);
    }

#pragma warning disable CA5351 // JA3 and HASSH are defined as MD5.
    private static string Md5(string text) => Convert.ToHexStringLower(MD5.HashData(Encoding.ASCII.GetBytes(text)));
#pragma warning restore CA5351
}
