using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using BridgeGuard.Host.Tests.Attachments.Bridge;
using BridgeGuard.Host.Tests.Scanning;
using Xunit;

namespace BridgeGuard.Host.Tests.Files;

/// <summary>The whole program between real servers and clients of Debian, with a real clamd that knows one signature of our own.</summary>
/// <remarks>One lab for all protocols, as starting it costs seconds. A protocol whose programs are not installed is skipped.</remarks>
public sealed class RealServersTests : IClassFixture<RealServersTests.Lab>
{
    private const int Tries = 4;
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

    private void Fetch(string protocol, string server, string client, Func<string, int, string, string> command)
    {
        _lab.Need(protocol, server, client);
        byte[] bad = _lab.MakeFile($"{protocol}.bad", isBad: true);
        byte[] good = _lab.MakeFile($"{protocol}.good", isBad: false);
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

    /// <summary>Guest A has the clients, guest B the servers, the program is between them.</summary>
    public sealed class Lab : IDisposable
    {
        private const string Marker = "BRIDGEGUARD-HARMLESS-MARKED-TEST-FILE";

        private readonly TemporaryFolder _folder = new();
        private readonly List<Process> _processes = [];
        private readonly StringBuilder _log = new();
        private readonly BridgeLab? _lab;

        public Lab()
        {
            if (!Environment.IsPrivilegedProcess || Find("clamd") is null)
            {
                SkipReason = "needs root and clamd (packaging/install-deps.sh)";
                return;
            }

            _lab = new BridgeLab();
            Chmod(_folder.Path, 0b111_101_101);
            foreach (string name in (string[])["www", "mails", "uploads", "db", "log", "state", "empty"])
            {
                Directory.CreateDirectory(Path(name));
                Chmod(Path(name), name is "mails" or "uploads" ? 0b111_111_111 : 0b111_101_101);
            }

            StartClamd();
            StartServers();
            StartDaemon();
        }

        public string? SkipReason { get; }

        public string Log
        {
            get
            {
                lock (_log)
                {
                    return _log.ToString();
                }
            }
        }

        public string Path(string name) => _folder.File(name);

        public void Need(string protocol, params string[] programs)
        {
            foreach (string program in programs)
            {
                if (Find(program) is null)
                {
                    Assert.Skip($"{protocol} needs {program} (packaging/install-deps.sh)");
                }
            }
        }

        public byte[] MakeFile(string name, bool isBad)
        {
            byte[] file = RandomNumberGenerator.GetBytes(FileBytes);
            if (isBad)
            {
                Encoding.ASCII.GetBytes(Marker).CopyTo(file, FileBytes / 2);
            }

            File.WriteAllBytes(Path("www/" + name), file);
            Chmod(Path("www/" + name), 0b110_100_100);
            return file;
        }

        public int InClient(string command)
        {
            using Process process = Process.Start(new ProcessStartInfo("nsenter", [$"--net=/run/netns/{_lab!.A}", "sh", "-c", command])
            {
                RedirectStandardOutput = true, RedirectStandardError = true,
            })!;
            process.OutputDataReceived += (_, _) => { };
            process.ErrorDataReceived += (_, _) => { };
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
            Assert.True(process.WaitForExit(60_000), command);
            return process.ExitCode;
        }

        public void Dispose()
        {
            foreach (Process process in _processes)
            {
                if (!process.HasExited)
                {
                    process.Kill(entireProcessTree: true);
                    process.WaitForExit(5_000);
                }

                process.Dispose();
            }

            _lab?.Dispose();
            _folder.Dispose();
        }

        private static string? Find(string program) => new[] { "/usr/bin/", "/usr/sbin/" }.Select(f => f + program).FirstOrDefault(File.Exists);

        private static void Chmod(string path, int mode)
        {
            if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(path, (UnixFileMode)mode);
            }
        }

        private void StartClamd()
        {
            File.WriteAllText(Path("db/own.ndb"), $"BridgeGuard.Marked:0:*:{Convert.ToHexStringLower(Encoding.ASCII.GetBytes(Marker))}\n");
            File.WriteAllText(Path("clamd.conf"), $"""
                Foreground yes
                DatabaseDirectory {Path("db")}
                LocalSocket {Path("clamd.sock")}
                LocalSocketMode 666
                TemporaryDirectory {_folder.Path}
                User root

                """);
            Start("clamd", Find("clamd")!, "-c", Path("clamd.conf"));
            Assert.True(BridgeLab.Until(() => File.Exists(Path("clamd.sock")), 30_000), Log);
        }

        private void StartServers()
        {
            if (Find("nginx") is { } nginx)
            {
                File.WriteAllText(Path("nginx.conf"), $"daemon off; pid {Path("nginx.pid")}; error_log stderr; user root;\nevents {{}}\n"
                    + $"http {{ access_log off; client_body_temp_path {Path("empty")}; server {{ listen 80; root {Path("www")}; }} }}\n");
                InServer("nginx", nginx, "-c", Path("nginx.conf"));
            }

            if (Find("vsftpd") is { } vsftpd)
            {
                File.WriteAllText(Path("vsftpd.conf"), "listen=YES\nbackground=NO\nanonymous_enable=YES\nlocal_enable=NO\n"
                    + $"anon_root={Path("www")}\nsecure_chroot_dir={Path("empty")}\nno_anon_password=NO\nseccomp_sandbox=NO\n");
                InServer("vsftpd", vsftpd, Path("vsftpd.conf"));
            }

            if (Find("smbd") is { } smbd)
            {
                File.WriteAllText(Path("smb.conf"), $"""
                    [global]
                    map to guest = bad user
                    guest account = root
                    server role = standalone server
                    lock directory = {Path("empty")}
                    state directory = {Path("empty")}
                    cache directory = {Path("empty")}
                    private dir = {Path("empty")}
                    pid directory = {Path("empty")}
                    ncalrpc dir = {Path("empty")}
                    smb ports = 445
                    server min protocol = SMB2
                    smb encrypt = off
                    load printers = no
                    [files]
                    path = {Path("www")}
                    guest ok = yes
                    read only = yes

                    """);
                InServer("smbd", smbd, "-F", "--no-process-group", "-s", Path("smb.conf"), "-l", Path("log"));
            }

            if (Find("in.tftpd") is { } tftpd)
            {
                InServer("tftpd", tftpd, "--foreground", "--listen", "--address", "0.0.0.0:69", "--user", "nobody", "--secure", Path("www"));
            }

            WriteScripts();
            InServer("smtp", "/usr/bin/python3", Path("mx.py"), Path("mails"));
            InServer("upload", "/usr/bin/python3", Path("put.py"), Path("uploads"));
            Thread.Sleep(1500);
        }

        /// <summary>A mail server and its client, and a server that takes uploads, of Python's own library.</summary>
        private void WriteScripts()
        {
            File.WriteAllText(Path("mx.py"), """
                import itertools, os, socketserver, sys
                numbers = itertools.count()
                class Mx(socketserver.StreamRequestHandler):
                    def handle(self):
                        say = lambda text: self.wfile.write(text.encode() + b'\r\n')
                        say('220 mx ESMTP')
                        while line := self.rfile.readline():
                            verb = line[:4].upper()
                            if verb == b'DATA':
                                say('354 go')
                                mail = []
                                while (line := self.rfile.readline()) not in (b'.\r\n', b''):
                                    mail.append(line)
                                if line:
                                    with open(os.path.join(sys.argv[1], 'mail%d' % next(numbers)), 'wb') as out:
                                        out.write(b''.join(mail).replace(b'\r\n', b''))
                                    say('250 taken')
                            elif verb == b'QUIT':
                                say('221 bye')
                                return
                            else:
                                say('250 ok')
                socketserver.ThreadingTCPServer.allow_reuse_address = True
                socketserver.ThreadingTCPServer(('', 25), Mx).serve_forever()
                """);
            File.WriteAllText(Path("send.py"), """
                import email.message, smtplib, sys
                mail = email.message.EmailMessage()
                mail['From'], mail['To'], mail['Subject'] = 'a@example.org', 'b@example.org', 'file'
                mail.set_content('see the file')
                mail.add_attachment(open(sys.argv[2], 'rb').read(), maintype='application', subtype='octet-stream', filename='file.bin')
                with smtplib.SMTP(sys.argv[1], timeout=12) as mx:
                    mx.send_message(mail)
                """);
            File.WriteAllText(Path("put.py"), """
                import http.server, os, sys
                class Put(http.server.BaseHTTPRequestHandler):
                    def do_PUT(self):
                        left = int(self.headers['Content-Length'])
                        with open(os.path.join(sys.argv[1], os.path.basename(self.path)), 'wb') as out:
                            while left and (part := self.rfile.read1(min(left, 65536))):
                                out.write(part)
                                out.flush()
                                left -= len(part)
                        self.send_response(201)
                        self.send_header('Content-Length', '0')
                        self.end_headers()
                http.server.ThreadingHTTPServer(('', 8081), Put).serve_forever()
                """);
        }

        private void StartDaemon()
        {
            File.WriteAllText(Path("default.yaml"), "name: default\nfiles:\n  delivery: hold-tail\n  hold-ms: 8000\n  fail: closed\n");
            File.WriteAllText(Path("none.rules"), "");
            File.WriteAllText(Path("bridgeguard.yaml"), $"""
                bridges:
                  - name: br0
                    mode: inline
                    fail: open
                heartbeat-ms: 10000
                log-directory: {Path("log")}
                state-directory: {Path("state")}
                roles: [{Path("default.yaml")}]
                rules:
                  files: [{Path("none.rules")}]
                eve:
                  types: [alert]
                scanning:
                  enabled: yes
                  clamd: unix:{Path("clamd.sock")}

                """);
            string program = System.IO.Path.Combine(AppContext.BaseDirectory, "bridgeguard.dll");
            Start("daemon", "nsenter", $"--net=/run/netns/{_lab!.Host}", "dotnet", program, "run", "-c", Path("bridgeguard.yaml"));
            Assert.True(BridgeLab.Until(() => Log.Contains("inspecting br0", StringComparison.Ordinal), 60_000), Log);
        }

        private void InServer(string name, params string[] command) => Start(name, "nsenter", [$"--net=/run/netns/{_lab!.B}", .. command]);

        private void Start(string name, string program, params string[] arguments)
        {
            var process = new Process { StartInfo = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true } };
            DataReceivedEventHandler take = (_, line) =>
            {
                lock (_log)
                {
                    _log.AppendLine(CultureInfo.InvariantCulture, $"{name}: {line.Data}");
                }
            };
            process.OutputDataReceived += take;
            process.ErrorDataReceived += take;
            process.Start();
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
            _processes.Add(process);
        }
    }
}
