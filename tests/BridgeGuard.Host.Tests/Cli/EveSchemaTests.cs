using System.Diagnostics;
using BridgeGuard.Cli.Suricata;
using BridgeGuard.Host.Tests.Attachments;
using Xunit;

namespace BridgeGuard.Host.Tests.Cli;

/// <summary>Records of real captures against the public JSON schema of EVE. Stats are left out: the schema lacks counters that Suricata 8 itself writes. Needs the exam beside the repository and python3-jsonschema.</summary>
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

    private const string Validator = """
        import json, sys, jsonschema
        schema = json.load(open(sys.argv[1]))
        validator = jsonschema.validators.validator_for(schema)(schema)
        faults = 0
        records = 0
        for line in open(sys.argv[2], encoding='utf-8'):
            records += 1
            error = next(iter(validator.iter_errors(json.loads(line))), None)
            if error is not None:
                faults += 1
                print('/'.join(map(str, error.absolute_path)), error.message[:200])
        print(records, 'records,', faults, 'faults')
        sys.exit(1 if faults or not records else 0)
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

        AssertValid(folder, Path.Combine(folder.Path, "eve.json"));
    }

    /// <summary>Every record of the file is as the public schema has it; skips where the schema or its checker is not there.</summary>
    internal static void AssertValid(ScratchFolder folder, string eve)
    {
        string exam = Exam();
        string script = Save(folder, "validate.py", Validator);
        ProcessStartInfo start = new("python3", [script, Path.Combine(exam, "eve-schema.json"), eve]) { RedirectStandardOutput = true };
        using Process python = Process.Start(start)!;
        string said = python.StandardOutput.ReadToEnd();
        python.WaitForExit();
        Assert.True(python.ExitCode == 0, said);
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
        Assert.SkipUnless(HasJsonSchema(), "python3-jsonschema is not installed");
        return folder;
    }

    private static bool HasJsonSchema()
    {
        try
        {
            using Process python = Process.Start(new ProcessStartInfo("python3", ["-c", "import jsonschema"]) { RedirectStandardError = true })!;
            python.WaitForExit();
            return python.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }

    private static string Save(ScratchFolder folder, string name, string text)
    {
        string path = Path.Combine(folder.Path, name);
        File.WriteAllText(path, text);
        return path;
    }
}
