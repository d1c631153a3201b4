using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using BridgeGuard.Attachments;
using BridgeGuard.Attachments.Offline;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Host.Tests.Attachments;
using BridgeGuard.Host.Tests.Attachments.Bridge;
using BridgeGuard.Host.Tests.Outputs;
using BridgeGuard.Host.Tests.Scanning;
using Xunit;

namespace BridgeGuard.Host.Tests.Running;

/// <summary>Files, certificates and frames of traffic on a bridge are kept on disk by <c>bridgeguard run</c>, as by a replay.</summary>
public abstract class KeepingTests(int processes) : IDisposable
{
    private const string Rules = """
        alert http any any -> any any (msg:"kept"; flow:to_client; file.name; content:".bin"; filestore; sid:1;)
        alert tls any any -> any any (msg:"chain"; tls.cert_subject; content:"kept.example"; tls.store; sid:2;)

        """;

    private const string Deep = """
        protocols:
          http: {libhtp: {default-config: {request-body-limit: 0, response-body-limit: 0}}}
        limits: {stream-depth: 64 MiB}

        """;

    private readonly BridgeLab _lab = new();
    private readonly TemporaryFolder _folder = new();
    private readonly List<Process> _servers = [];

    protected static bool IsSkipped => !File.Exists("/usr/bin/curl") || !File.Exists("/usr/bin/python3") || !File.Exists("/usr/bin/openssl");

    public void Dispose()
    {
        foreach (Process server in _servers)
        {
            server.Kill();
            server.Dispose();
        }

        _lab.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void FilesCertificatesAndFramesAreKept()
    {
        Assert.SkipWhen(IsSkipped, "needs curl, python3 and openssl");
        using RunningDaemon daemon = new(_lab, Rules, processes: processes, eve: "[alert, files, stats]", more: Deep + """
            file-store: {write-fileinfo: yes}
            tls-store: {}
            pcap-log: {filename: all.pcap}
            """);
        byte[] wanted = Random(300_000);
        Serve(("wanted.bin", wanted), ("other.txt", Random(50_000)));
        Get("other.txt", 50_000);
        Get("wanted.bin", 300_000);
        string digest = Convert.ToHexStringLower(SHA256.HashData(wanted));
        string store = Path.Combine(daemon.LogFolder, "filestore");
        string kept = Path.Combine(store, digest[..2], digest);
        Assert.True(BridgeLab.Until(() => File.Exists(kept), 10_000), daemon.LogText);
        Assert.Equal(wanted, File.ReadAllBytes(kept));
        Assert.True(BridgeLab.Until(() => Directory.GetFiles(store, "*.json", SearchOption.AllDirectories).Length == 1), daemon.LogText);
        JsonElement record = JsonSerializer.Deserialize<JsonElement>(File.ReadAllText(Directory.GetFiles(store, "*.json", SearchOption.AllDirectories)[0]));
        Assert.Equal(digest, record.GetProperty("fileinfo").GetProperty("sha256").GetString());

        string certificates = Path.Combine(daemon.LogFolder, "certs");
        HandShake();
        Assert.True(BridgeLab.Until(() => Directory.Exists(certificates) && Directory.GetFiles(certificates, "*.meta").Length == 1, 10_000), daemon.LogText);
        Assert.Contains("kept.example", File.ReadAllText(Directory.GetFiles(certificates, "*.meta")[0]), StringComparison.Ordinal);
        Assert.Contains("BEGIN CERTIFICATE", File.ReadAllText(Directory.GetFiles(certificates, "*.pem")[0]), StringComparison.Ordinal);

        Assert.True(BridgeLab.Until(() => daemon.Metric("bridgeguard_kept_files_total") == 1, 10_000), "the metric does not count the file");
        Assert.Equal(0, daemon.Metric("bridgeguard_kept_lost_total"));
        Assert.Equal(0, daemon.Metric("bridgeguard_kept_frames_lost_total"));
        Assert.Equal(0, daemon.Stop());
        Assert.Equal(2, Directory.GetFiles(store, "*", SearchOption.AllDirectories).Length);
        Assert.True(Payload(daemon.LogFolder, "all.pcap.*").IndexOf(wanted.AsSpan(200_000, 100)) > 0, "the frames with the file are not in the capture");
    }

    [Fact]
    public void AFullDiskCostsTheFilesThatDoNotFitAndNothingElse()
    {
        Assert.SkipWhen(IsSkipped, "needs curl, python3 and openssl");
        using SmallDisk disk = new(_folder.File("disk"), "1200k");
        Assert.SkipUnless(disk.IsMounted, "cannot mount a tmpfs");
        using RunningDaemon daemon = new(_lab, Rules, processes: processes, eve: "[alert, files]", more: Deep + $$"""
            file-store: {dir: {{disk.Path}}/store}
            pcap-log: {dir: {{disk.Path}}/frames, limit: 1 MiB}
            """);
        byte[] large = Random(3_000_000);
        byte[] small = Random(20_000);
        Serve(("large.bin", large), ("small.bin", small));
        Get("large.bin", 3_000_000);
        Assert.True(daemon.WaitForLog("what is to be kept cannot be written"), daemon.LogText);
        string digest = Convert.ToHexStringLower(SHA256.HashData(large));
        Assert.False(File.Exists(Path.Combine(disk.Path, "store", digest[..2], digest)));
        foreach (string capture in Directory.GetFiles(Path.Combine(disk.Path, "frames")))
        {
            Payload(Path.GetDirectoryName(capture)!, Path.GetFileName(capture)); // Each ends with a whole record.
        }

        disk.Resize("64m");
        string name = Convert.ToHexStringLower(SHA256.HashData(small));
        Assert.True(BridgeLab.Until(
            () =>
            {
                Get("small.bin", 20_000);
                return BridgeLab.Until(() => File.Exists(Path.Combine(disk.Path, "store", name[..2], name)), 1000);
            },
            10_000), daemon.LogText);
        Assert.Equal(small, File.ReadAllBytes(Path.Combine(disk.Path, "store", name[..2], name)));
        Assert.InRange(daemon.Metric("bridgeguard_kept_disk_errors_total") + daemon.Metric("bridgeguard_kept_frames_lost_total"), 1, double.MaxValue);
        Assert.Equal(0, daemon.Stop());
        Assert.Empty(Directory.GetFiles(Path.Combine(disk.Path, "store", "tmp")));
    }

    protected void FileSurvivesKillOfDaemon()
    {
        using RunningDaemon daemon = new(_lab, Rules, processes: processes, eve: "[alert, files]", more: Deep + "file-store: {}");
        byte[] wanted = Random(2_000_000);
        Serve(("wanted.bin", wanted));
        string digest = Convert.ToHexStringLower(SHA256.HashData(wanted));
        string store = Path.Combine(daemon.LogFolder, "filestore");
        using Process download = Process.Start(Curl("wanted.bin", "--limit-rate 700k"))!;
        Assert.True(BridgeLab.Until(() => Directory.Exists(Path.Combine(store, "tmp")) && Directory.GetFiles(Path.Combine(store, "tmp")).Length == 1, 10_000), daemon.LogText);
        daemon.KillDaemon();
        Thread.Sleep(300);
        daemon.StartAgain();
        download.WaitForExit();
        Assert.Equal(0, download.ExitCode);
        Assert.True(BridgeLab.Until(() => File.Exists(Path.Combine(store, digest[..2], digest)), 10_000), daemon.LogText);
        Assert.Equal(wanted, File.ReadAllBytes(Path.Combine(store, digest[..2], digest)));
        Assert.Equal(0, daemon.Stop());
        Assert.Empty(Directory.GetFiles(Path.Combine(store, "tmp")));
    }

    /// <summary>Bytes of all frames of captures; each must be whole.</summary>
    private static byte[] Payload(string folder, string pattern)
    {
        MemoryStream all = new();
        foreach (string file in Directory.GetFiles(folder, pattern).Order(StringComparer.Ordinal))
        {
            ScriptedProcessor processor = new();
            using OfflineAttachment capture = new(new OfflineOptions { Paths = [file] });
            AttachmentError? error = capture.Open() ?? capture.Run(_ => processor, new AttachmentHooks(), CancellationToken.None);
            Assert.True(error is null, $"{file}: {error?.Message}");
            foreach ((byte[] frame, FrameInfo _) in processor.Seen)
            {
                all.Write(frame);
            }
        }

        return all.ToArray();
    }

    private static byte[] Random(int length)
    {
        byte[] bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        return bytes;
    }

    private void Serve(params (string Name, byte[] Content)[] files)
    {
        string folder = Directory.CreateDirectory(_folder.File("www")).FullName;
        foreach ((string name, byte[] content) in files)
        {
            File.WriteAllBytes(Path.Combine(folder, name), content);
        }

        _servers.Add(Process.Start(new ProcessStartInfo("ip", $"netns exec {_lab.B} python3 -m http.server --directory {folder} 80") { RedirectStandardError = true })!);
        Assert.True(BridgeLab.Until(() =>
        {
            using var socket = BridgeLab.Connect(_lab.A, BridgeLab.AddressB, 80);
            return socket is not null;
        }, 10_000));
    }

    private ProcessStartInfo Curl(string name, string more = "") =>
        new("ip", $"netns exec {_lab.A} curl -s -m 30 {more} -o /dev/null -w %{{size_download}} http://{BridgeLab.AddressB}/{name}") { RedirectStandardOutput = true };

    private void Get(string name, int size)
    {
        using Process curl = Process.Start(Curl(name))!;
        Assert.Equal(size.ToString(CultureInfo.InvariantCulture), curl.StandardOutput.ReadToEnd());
        curl.WaitForExit();
    }

    private void HandShake()
    {
        string key = _folder.File("key.pem");
        string certificate = _folder.File("cert.pem");
        Assert.Equal(0, BridgeLab.Run("openssl", $"req -x509 -newkey rsa:2048 -nodes -subj /CN=kept.example -keyout {key} -out {certificate}").Code);
        _servers.Add(Process.Start(new ProcessStartInfo(
            "ip", $"netns exec {_lab.B} openssl s_server -quiet -tls1_2 -accept 443 -key {key} -cert {certificate}") { RedirectStandardOutput = true, RedirectStandardError = true })!);
        Assert.True(BridgeLab.Until(
            () => BridgeLab.Run("ip", $"netns exec {_lab.A} curl -sk -m 2 --tls-max 1.2 https://{BridgeLab.AddressB}/").Code is 0 or 28 or 52, 10_000), "no TLS handshake");
    }
}

/// <summary>With the data plane in the daemon's process.</summary>
public sealed class KeepingTestsInOneProcess() : KeepingTests(1);

/// <summary>With the data plane in a process of its own.</summary>
public sealed class KeepingTestsInTwoProcesses() : KeepingTests(2)
{
    [Fact]
    public void AFileThatIsUnderWayWhenTheDaemonDiesIsKeptWhole()
    {
        Assert.SkipWhen(IsSkipped, "needs curl, python3 and openssl");
        FileSurvivesKillOfDaemon();
    }
}
