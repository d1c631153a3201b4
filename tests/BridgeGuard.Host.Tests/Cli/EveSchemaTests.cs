using BridgeGuard.Cli.Suricata;
using BridgeGuard.Host.Tests.Attachments;
using BridgeGuard.Testing.Events;
using Xunit;

namespace BridgeGuard.Host.Tests.Cli;

/// <summary>Records of real captures against the public JSON schema of EVE. Stats are left out: the schema lacks counters that Suricata 8 itself writes. Needs the exam beside the repository.</summary>
public sealed class EveSchemaTests
{
    private const string Yaml = """
        outputs:
          - eve-log:
              enabled: yes
              filename: eve.json
              community-id: yes
              ethernet: yes
              types:
                - alert:
                    payload: yes
                    payload-printable: yes
                    packet: yes
                    verdict: yes
                    metadata:
                      rule:
                        raw: yes
                        reference: yes
                - drop:
                    alerts: yes
                - anomaly:
                    types:
                      decode: yes
                      stream: yes
                      applayer: yes
                - http:
                    extended: yes
                - files:
                    force-hash: [md5, sha256]
                - flow
                - netflow
        logging:
          outputs:
            - console:
                enabled: no
        """;

    [Theory]
    [InlineData("bug-1401-01")]
    [InlineData("bug-5929-01")]
    [InlineData("decode-vntag-01")]
    [InlineData("alert-testmyids")]
    public void RecordsOfCapturesAreValid(string test)
    {
        string exam = Exam();
        string tests = Path.Combine(exam, "suite", "tests");
        string? capture = Directory.EnumerateFiles(Path.Combine(tests, test), "*.pcap").FirstOrDefault()
            ?? Directory.EnumerateFiles(Path.Combine(tests, test), "*.pcapng").FirstOrDefault();
        capture ??= Directory.EnumerateFiles(Path.Combine(exam, "suite", "pcaps"), "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).FirstOrDefault();
        Assert.SkipWhen(capture is null, "no capture for " + test);
        using ScratchFolder folder = new();
        string yaml = Save(folder, "suricata.yaml", Yaml);
        string rules = Save(
            folder,
            "t.rules",
            "drop tcp any any -> any any (msg:\"tcp\"; reference:url,example.com; metadata:created_at 2020_01_01; target:dest_ip; sid:1;)\nalert udp any any -> any any (sid:2;)\nalert pkthdr any any -> any any (sid:3;)\n");

        Assert.Equal(0, SuricataCommand.Run(["-c", yaml, "-S", rules, "-r", capture, "-l", folder.Path, "-k", "none", "--simulate-ips"]));

        AssertValid(Path.Combine(folder.Path, "eve.json"));
    }

    /// <summary>A small capture of each protocol that has records, and the golden captures of this repository, together hold every type; all options that add fields are on.</summary>
    [Fact]
    public void EveryTypeOfRecordOccursAndIsValid()
    {
        string tests = Path.Combine(Exam(), "suite", "tests");
        string[] captures = [.. Captures.Select(name => Path.Combine(tests, name)).Where(File.Exists)];
        Assert.SkipWhen(captures.Length < Captures.Length, "captures of the exam are missing");
        HashSet<string> seen = [];
        foreach (string capture in captures)
        {
            using ScratchFolder folder = new();
            string yaml = Save(folder, "suricata.yaml", AllTypes);
            string rules = Save(folder, "t.rules", "alert pkthdr any any -> any any (msg:\"all\"; tag:session,2,packets; sid:1;)\nalert tcp any any -> any any (msg:\"tcp\"; flowbits:set,a; sid:2;)\n");
            Assert.Equal(0, SuricataCommand.Run(["-c", yaml, "-S", rules, "-r", capture, "-l", folder.Path, "-k", "none"]));
            string eve = Path.Combine(folder.Path, "eve.json");
            AssertValid(eve);
            seen.UnionWith(File.ReadLines(eve).Select(line => System.Text.Json.JsonDocument.Parse(line).RootElement.GetProperty("event_type").GetString()!));
        }

        string[] wanted =
        [
            "alert", "anomaly", "arp", "bittorrent_dht", "dcerpc", "dhcp", "dnp3", "dns", "enip", "fileinfo", "flow", "frame", "ftp", "ftp_data", "http", "ike", "krb5", "ldap",
            "mdns", "modbus", "mqtt", "netflow", "nfs", "ntp", "packet", "pgsql", "pop3", "quic", "rdp", "rfb", "sip", "smb", "smtp", "snmp", "ssh", "tftp", "tls", "websocket",
        ];
        Assert.Empty(wanted.Except(seen));
    }

    /// <summary>One for each type, the smallest there is.</summary>
    private static readonly string[] Captures =
    [
        "bittorrent-dht/input.pcap", "bug-4702-01/input.pcap", "bug-4903/bug-4903-01/input.pcap", "bug-8489/bug-8489-01/bug-8489-01.pcap", "dcerpc/dcerpc-dcepayload-15/input.pcap",
        "detect-bytetest-03/input.pcap", "dhcp-eve-extended-option-60/input.pcap", "dnp3/dnp3-en-spon/input.pcap", "dns/v2/dns-z-bit/input.pcap", "enip-alert/enip_test1.pcap",
        "firewall/ruletype-firewall-118-ftp-stou-no-filename-active/input.pcap", "ikev1-duplicate-proposals/generated.pcap", "ipv6-evasion/ipv6-malformed-fragments-28/frag-28.pcap",
        "krb5-kerberoasting/kerberoast.pcap", "ldap-unbind/ldap.pcap", "modbus/modbus.pcap", "mqtt-frames-truncated/input.pcap", "nfs4-01/input.pcap", "ntp-keywords/input.pcap",
        "output-eve-smb-01/input.pcap", "pgsql/pgsql-events/UnknownMessage.pcap", "pop3-03-bug-7709/input.pcap", "quic-v2/input.pcap", "rdp-protocol/RDP-003.pcap", "rfb-parser/input.pcap",
        "sip-pattern-matching/sip.pcap", "smtp-no-helo-rset/input.pcap", "snmp-v2c-get/SNMPv2c_get_requests.pcap", "ssh-banner-only/input.pcap", "tftp-tx-handling-wrq/input.pcap",
        "tls/tls-random-6989/input.pcap", "websocket-ping/input.pcap", "ldap-search/ldap.pcap", "http2-range/http2-range.pcap",
    ];

    private const string AllTypes = """
        outputs:
          - eve-log:
              enabled: yes
              filename: eve.json
              community-id: yes
              ethernet: yes
              types:
                - alert: {payload: yes, payload-printable: yes, payload-length: yes, packet: yes, verdict: yes, http-body: yes, metadata: {rule: {raw: yes, reference: yes}}}
                - anomaly: {types: {decode: yes, stream: yes, applayer: yes}, packethdr: yes}
                - http: {extended: yes, dump-all-headers: both}
                - dns
                - mdns
                - tls: {custom: [subject, issuer, session_resumed, serial, fingerprint, sni, version, not_before, not_after, certificate, chain, ja3, ja3s, ja4, subjectaltname, client, client_certificate, client_chain, client_alpns, server_alpns, client_handshake, server_handshake]}
                - files: {force-magic: yes, force-hash: [md5, sha1, sha256]}
                - smtp: {extended: yes, custom: [received, x-mailer, reply-to, bcc], md5: [body, subject]}
                - arp: {enabled: yes}
                - dhcp: {enabled: yes, extended: yes}
                - mqtt: {passwords: yes}
                - pgsql: {enabled: yes, passwords: yes}
                - frame: {enabled: yes}
                - flow
                - netflow
                - metadata
                - bittorrent-dht
                - dcerpc
                - dnp3
                - enip
                - ftp
                - http2
                - doh2
                - ike
                - krb5
                - ldap
                - modbus
                - nfs
                - ntp
                - pop3
                - quic
                - rdp
                - rfb
                - sip
                - smb
                - snmp
                - ssh
                - telnet
                - tftp
                - websocket
        app-layer:
          protocols:
            tls: {enabled: yes, ja3-fingerprints: yes}
            ssh: {enabled: yes, hassh: yes}
            http: {enabled: yes}
            http2: {enabled: yes}
            dnp3: {enabled: yes}
            enip: {enabled: yes}
            modbus: {enabled: yes}
            nfs: {enabled: yes}
            rdp: {enabled: yes}
            pgsql: {enabled: yes}
            smb: {enabled: yes}
            ftp: {enabled: yes}
            ftp-data: {enabled: yes}
            websocket: {enabled: yes}
            mqtt: {enabled: yes}
        logging:
          outputs:
            - console:
                enabled: no
        """;

    /// <summary>Every record of the file is as the public schema has it, or as <see cref="EveSchema"/> lists what is ours.</summary>
    internal static void AssertValid(string eve)
    {
        Assert.SkipUnless(EveSchema.IsPresent, EveSchema.Absent);
        Assert.NotEmpty(File.ReadLines(eve));
        IReadOnlyList<string> faults = EveSchema.CheckFile(eve);
        Assert.True(faults.Count == 0, string.Join("\n", faults));
    }

    private static string Exam()
    {
        string? folder = Environment.GetEnvironmentVariable("BRIDGEGUARD_EXAM");
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); folder is null && at is not null; at = at.Parent)
        {
            string candidate = Path.Combine(at.FullName, "..", "shared", "exam");
            folder = File.Exists(Path.Combine(candidate, "eve-schema.json")) ? candidate : null;
        }

        Assert.SkipWhen(folder is null, "the exam folder ../shared/exam is not there");
        return folder;
    }

    private static string Save(ScratchFolder folder, string name, string text)
    {
        string path = Path.Combine(folder.Path, name);
        File.WriteAllText(path, text);
        return path;
    }
}
