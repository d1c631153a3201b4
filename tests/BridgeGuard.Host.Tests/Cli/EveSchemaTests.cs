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
