using System.Globalization;
using BridgeGuard.Host.Tests.Attachments.Bridge;
using Xunit;

namespace BridgeGuard.Host.Tests.Files;

/// <summary>The whole program between real servers and clients of Debian, with a real clamd that knows one signature of our own.</summary>
/// <remarks>One lab for all protocols, as starting it costs seconds. A protocol whose programs are not installed is skipped.</remarks>
public sealed partial class RealServersTests : IClassFixture<RealServersTests.Lab>
{
    /// <summary>A few, as each costs a second; <c>BRIDGEGUARD_FILE_TRIES</c> asks for more.</summary>
    private static readonly int Tries = int.TryParse(Environment.GetEnvironmentVariable("BRIDGEGUARD_FILE_TRIES"), CultureInfo.InvariantCulture, out int tries) ? tries : 4;

    private const int FileBytes = 300_000;

    private readonly Lab _lab;

    public RealServersTests(Lab lab)
    {
        _lab = lab;
        if (lab.SkipReason is { } reason)
        {
            Assert.Skip(reason);
        }
    }

    [Fact]
    public void HttpWithResumesAndRanges() => Fetch("http", "nginx", "curl", (name, i, output) => (i % 4) switch
    {
        0 => $"curl -s -m 8 -o {output} http://{BridgeLab.AddressB}/{name}",
        1 => $"curl -s -m 8 -C - -o {output} http://{BridgeLab.AddressB}/{name}",
        2 => $"curl -s -m 8 -r {FileBytes / 3}- -o {output}.part http://{BridgeLab.AddressB}/{name}",
        _ => $"curl -s -m 8 -r -1 -o {output}.last http://{BridgeLab.AddressB}/{name}",
    });

    /// <summary>What metrics and <c>cache stats</c> say of known transfers: three of a clean file and two of a bad one.</summary>
    [Fact]
    public void MetricsTellOfHoldsHitsAndSavedScans()
    {
        _lab.Need("http", "nginx", "curl");
        byte[] good = _lab.MakeFile("metrics.good", isBad: false);
        byte[] bad = _lab.MakeFile("metrics.bad", isBad: true);
        Dictionary<string, double> before = _lab.SettledMetrics();
        foreach (string name in (string[])["good", "good", "good", "bad", "bad"])
        {
            // A stop before the first byte is a page that says why, and no error to curl.
            int code = _lab.InClient($"curl -s -m 8 -o {_lab.Path("metrics.out")} http://{BridgeLab.AddressB}/metrics.{name}");
            bool isWhole = code == 0 && File.ReadAllBytes(_lab.Path("metrics.out")).AsSpan().SequenceEqual(name == "good" ? good : bad);
            Assert.Equal(name == "good", isWhole);
            Thread.Sleep(300);
        }

        double More(string name) => _lab.Metrics()["bridgeguard_" + name] - before["bridgeguard_" + name];
        // The second bad one is known by its first bytes: it is stopped with them, and nothing of it goes to the scanner.
        Assert.True(BridgeLab.Until(() => (int)More("scan_files_total") == 4, 10_000), $"{More("scan_files_total")} contents\n{_lab.Log}");
        BridgeLab.Until(() => (int)More("files_stopped_total") == 2 && (int)More("scans_saved_total") == 2, 10_000); // The data plane's numbers are up to a second old.
        Assert.Equal((2.0, 2.0, 0.0), (More("scans_total"), More("scans_saved_total"), More("scan_errors_total")));
        Assert.Equal(4.0 * FileBytes, More("scan_bytes_total"));
        Assert.Equal((2.0, 1.0, 2.0), (More("files_held_total"), More("files_released_total"), More("files_stopped_total"))); // Known ones are not held.
        Assert.Equal((0.0, 1.0), (More("file_hold_timeouts_total"), More("bad_prints")));
        double held = More("file_hold_seconds_total");
        Assert.InRange(held, 0.0001, 8);
        Assert.True(_lab.Metrics()["bridgeguard_file_hold_longest_seconds"] >= held);
        Assert.True(More("cache_hits_total") >= 2 && More("cache_misses_total") >= 2);

        // The command counts the same.
        System.Text.Json.JsonElement stats = System.Text.Json.JsonDocument.Parse(_lab.Command("cache stats -c")).RootElement;
        Dictionary<string, double> now = _lab.Metrics();
        Assert.Equal(now["bridgeguard_scans_total"], stats.GetProperty("scans").GetDouble());
        Assert.Equal(now["bridgeguard_scans_saved_total"], stats.GetProperty("scans_saved").GetDouble());
        double hits = stats.GetProperty("hits_list").GetDouble() + stats.GetProperty("hits_memory").GetDouble() + stats.GetProperty("hits_store").GetDouble();
        Assert.Equal(hits, now["bridgeguard_cache_hits_total"]);
        Assert.Equal(Math.Round(hits / (hits + stats.GetProperty("misses").GetDouble()), 4), stats.GetProperty("hit_rate").GetDouble());
    }

    [Fact]
    public void FtpWithResumes() => Fetch("ftp", "vsftpd", "curl", (name, i, output) =>
        $"curl -s -m 8 {(i % 2 == 1 ? "-C - " : "")}-o {output} ftp://{BridgeLab.AddressB}/{name}");

    [Fact]
    public void SmbWithResumes() => Fetch("smb", "smbd", "smbclient", (name, i, output) =>
        $"timeout 12 smbclient -N //{BridgeLab.AddressB}/files -c '{(i % 2 == 1 ? "reget" : "get")} {name} {output}'");

    [Fact]
    public void Tftp() => Fetch("tftp", "in.tftpd", "curl", (name, i, output) => $"curl -s -m 4 -o {output} tftp://{BridgeLab.AddressB}/{name}");

    [Fact]
    public void MailWithTheFileAttachedIsNotDelivered()
    {
        _lab.Need("smtp", "python3");
        byte[] bad = _lab.MakeFile("smtp.bad", isBad: true);
        byte[] good = _lab.MakeFile("smtp.good", isBad: false);
        for (int i = 0; i < Tries; i++)
        {
            Assert.NotEqual(0, _lab.InClient($"timeout 15 python3 {_lab.Path("send.py")} {BridgeLab.AddressB} {_lab.Path("www/smtp.bad")}"));
        }

        Assert.Equal(0, _lab.InClient($"timeout 30 python3 {_lab.Path("send.py")} {BridgeLab.AddressB} {_lab.Path("www/smtp.good")}"));
        string[] mails = [.. Directory.GetFiles(_lab.Path("mails")).Select(File.ReadAllText)];
        Assert.Single(mails);
        Assert.Contains(Convert.ToBase64String(good)[..60], mails[0], StringComparison.Ordinal);
        Assert.DoesNotContain(Convert.ToBase64String(bad)[..60], mails[0], StringComparison.Ordinal);
    }

    [Fact]
    public void NfsReads() => Fetch("nfs", "ganesha.nfsd", "nfs-cp", (name, i, output) =>
        $"rm -f {output}; timeout 12 nfs-cp nfs://{BridgeLab.AddressB}{_lab.Path("nfs")}/{name} {output}", folder: "nfs");

    [Fact]
    public void NfsUpload() => Upload("nfs", "ganesha.nfsd", "nfs-cp", "nfs", (file, i, target) => $"timeout 12 nfs-cp {file} nfs://{BridgeLab.AddressB}{_lab.Path("nfs")}/{target}");

    [Fact]
    public void Nfs4Reads() => Fetch("nfs4", "ganesha.nfsd", "nfs-cp", (name, i, output) =>
        $"rm -f {output}; timeout 12 nfs-cp 'nfs://{BridgeLab.AddressB}/nfs/{name}?version=4' {output}", folder: "nfs");

    [Fact]
    public void SmbUpload() => Upload("smb", "smbd", "smbclient", "incoming", (file, i, target) =>
        $"timeout 12 smbclient -N //{BridgeLab.AddressB}/incoming -c '{(i % 2 == 0 ? "put" : "reput")} {file} {target}'");

    [Fact]
    public void FtpUpload() => Upload("ftp", "vsftpd", "curl", "www/incoming", (file, i, target) => $"curl -s -m 8 -T {file} ftp://{BridgeLab.AddressB}/incoming/{target}");

    [Fact]
    public void UploadToNginx() => Upload("dav", "nginx", "curl", "dav", (file, i, target) =>
        $"curl -s -m 8 {(i % 2 == 0 ? "" : "-H 'Transfer-Encoding: chunked' ")}-T {file} http://{BridgeLab.AddressB}/dav/{target}");

    [Fact]
    public void PostfixDoesNotTakeAMailWithTheFile()
    {
        _lab.Need("postfix", "postfix", "curl");
        byte[] bad = _lab.MakeFile("postfix.bad", isBad: true);
        byte[] good = _lab.MakeFile("postfix.good", isBad: false);
        for (int i = 0; i < Tries; i++)
        {
            Assert.NotEqual(0, Send("postfix.bad"));
        }

        Assert.True(Send("postfix.good") == 0, _lab.Log);
        Assert.True(BridgeLab.Until(() => Directory.Exists(_lab.Path("maildir/new")) && Directory.GetFiles(_lab.Path("maildir/new")).Length > 0, 20_000), _lab.Log);
        string[] mails = [.. Directory.GetFiles(_lab.Path("maildir/new")).Select(f => File.ReadAllText(f).ReplaceLineEndings(""))];
        Assert.Single(mails);
        Assert.Contains(Convert.ToBase64String(good)[..60], mails[0], StringComparison.Ordinal);
        Assert.DoesNotContain(Convert.ToBase64String(bad)[..60], mails[0], StringComparison.Ordinal);

        int Send(string name) => _lab.InClient(
            $"curl -s -m 15 --mail-from a@example.org --mail-rcpt b@files.example --form '=see' --form '=@{_lab.Path("www/" + name)};encoder=base64' -H 'Subject: file' smtp://{BridgeLab.AddressB}:2525");
    }

    [Fact]
    public void UploadNeverArrivesWhole()
    {
        _lab.Need("upload", "python3", "curl");
        byte[] bad = _lab.MakeFile("upload.bad", isBad: true);
        var coverage = new Coverage(bad);
        for (int i = 0; i < Tries; i++)
        {
            _lab.InClient($"curl -s -m 8 -T {_lab.Path("www/upload.bad")} http://{BridgeLab.AddressB}:8081/up{i}");
            if (File.Exists(_lab.Path($"uploads/up{i}")))
            {
                coverage.Add(0, File.ReadAllBytes(_lab.Path($"uploads/up{i}")));
            }
        }

        Assert.False(coverage.IsWhole);
        byte[] good = _lab.MakeFile("upload.good", isBad: false);
        _lab.InClient($"curl -s -m 20 -T {_lab.Path("www/upload.good")} http://{BridgeLab.AddressB}:8081/good");
        Assert.Equal(good, File.ReadAllBytes(_lab.Path("uploads/good")));
    }

    /// <summary>A marked file is sent again and again and is never whole in the server's folder, which is looked at while its connection dies too; a clean one is.</summary>
    private void Upload(string protocol, string server, string client, string folder, Func<string, int, string, string> command)
    {
        _lab.Need(protocol, server, client);
        byte[] bad = _lab.MakeFile($"{protocol}-up.bad", isBad: true);
        byte[] good = _lab.MakeFile($"{protocol}-up.good", isBad: false);
        var coverage = new Coverage(bad);
        for (int i = 0; i < Tries; i++)
        {
            _lab.InClient(command(_lab.Path($"www/{protocol}-up.bad"), i, $"bad{i / 2}"));
            Note(coverage, _lab.Path($"{folder}/bad{i / 2}"), 0);
            Assert.False(coverage.IsWhole, $"try {i} over {protocol} completed the file\n{_lab.Log}");
        }

        _lab.InClient(command(_lab.Path($"www/{protocol}-up.good"), 0, "good"));
        Assert.True(
            File.Exists(_lab.Path($"{folder}/good")) && File.ReadAllBytes(_lab.Path($"{folder}/good")).AsSpan().SequenceEqual(good),
            $"the clean file does not arrive over {protocol}\n{_lab.Log}");
    }

    private void Fetch(string protocol, string server, string client, Func<string, int, string, string> command, string folder = "www")
    {
        _lab.Need(protocol, server, client);
        byte[] bad = _lab.MakeFile($"{protocol}.bad", isBad: true, folder);
        byte[] good = _lab.MakeFile($"{protocol}.good", isBad: false, folder);
        var coverage = new Coverage(bad);
        string output = _lab.Path($"{protocol}.out");
        for (int i = 0; i < Tries; i++)
        {
            _lab.InClient(command($"{protocol}.bad", i, output));
            Note(coverage, output, 0);
            Note(coverage, output + ".part", FileBytes / 3);
            Note(coverage, output + ".last", FileBytes - 1);
            Assert.False(coverage.IsWhole, $"try {i} over {protocol} completed the file\n{_lab.Log}");
        }

        File.Delete(output);
        for (int i = 0; i < 2; i++)
        {
            _lab.InClient(command($"{protocol}.good", 0, output));
            Assert.True(File.Exists(output) && File.ReadAllBytes(output).AsSpan().SequenceEqual(good), $"the clean file does not arrive over {protocol}\n{_lab.Log}");
            File.Delete(output);
        }
    }

    private static void Note(Coverage coverage, string path, int offset)
    {
        if (File.Exists(path))
        {
            coverage.Add(offset, File.ReadAllBytes(path));
        }
    }
}
