using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using BridgeGuard.Host.Tests.Attachments.Bridge;
using BridgeGuard.Host.Tests.Scanning;
using Xunit;

namespace BridgeGuard.Host.Tests.Files;

/// <content>The servers, their clients and the program between them.</content>
public sealed partial class RealServersTests
{
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
            foreach (string name in (string[])["www", "mails", "uploads", "db", "log", "state", "empty", "nfs", "incoming", "dav", "www/incoming", "maildir", "recovery"])
            {
                Directory.CreateDirectory(Path(name));
                Chmod(Path(name), name is "mails" or "uploads" or "nfs" or "incoming" or "dav" or "www/incoming" or "maildir" ? 0b111_111_111 : 0b111_101_101);
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

        public byte[] MakeFile(string name, bool isBad, string folder = "www")
        {
            byte[] file = RandomNumberGenerator.GetBytes(FileBytes);
            if (isBad)
            {
                Encoding.ASCII.GetBytes(Marker).CopyTo(file, FileBytes / 2);
            }

            File.WriteAllBytes(Path($"{folder}/{name}"), file);
            Chmod(Path($"{folder}/{name}"), 0b110_100_100);
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

        /// <summary>The daemon's metrics without labels, as a scraper sees them.</summary>
        public Dictionary<string, double> Metrics()
        {
            (int code, string text) = BridgeLab.Run("nsenter", $"--net=/run/netns/{_lab!.Host} curl -s -m 20 --retry 10 --retry-connrefused --retry-delay 1 http://127.0.0.1:9912/metrics");
            Assert.Equal(0, code);
            return text.Split('\n').Where(line => line.StartsWith("bridgeguard_", StringComparison.Ordinal) && !line.Contains('{', StringComparison.Ordinal))
                .Select(line => line.Split(' ')).ToDictionary(words => words[0], words => double.Parse(words[1], CultureInfo.InvariantCulture));
        }

        /// <summary>The same once what other tests did is in them: the data plane's numbers are up to a second old, and a transfer may be ending.</summary>
        public Dictionary<string, double> SettledMetrics()
        {
            string[] names = ["files_held", "files_released", "files_stopped", "scan_files", "scans", "scans_saved"];
            string Counts(Dictionary<string, double> of) => string.Join(' ', names.Select(name => of[$"bridgeguard_{name}_total"]));
            Dictionary<string, double> metrics = Metrics();
            Assert.True(BridgeLab.Until(
                () =>
                {
                    string before = Counts(metrics);
                    Thread.Sleep(2_500);
                    metrics = Metrics();
                    return Counts(metrics) == before;
                },
                30_000), "the numbers do not settle");
            return metrics;
        }

        /// <summary>What an operator's command prints.</summary>
        public string Command(string arguments) =>
            BridgeLab.Run("dotnet", $"{System.IO.Path.Combine(AppContext.BaseDirectory, "bridgeguard.dll")} {arguments.Replace("-c", "-c " + Path("bridgeguard.yaml"), StringComparison.Ordinal)}").Output;

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
                    + $"http {{ access_log off; client_body_temp_path {Path("empty")}; "
                    + $"server {{ listen 80; root {Path("www")}; client_max_body_size 0; location /dav/ {{ root {_folder.Path}; dav_methods PUT; client_body_temp_path {Path("empty")}; }} }} }}\n");
                InServer("nginx", nginx, "-c", Path("nginx.conf"));
            }

            if (Find("vsftpd") is { } vsftpd)
            {
                File.WriteAllText(Path("vsftpd.conf"), "listen=YES\nbackground=NO\nanonymous_enable=YES\nlocal_enable=NO\n"
                    + $"anon_root={Path("www")}\nsecure_chroot_dir={Path("empty")}\nno_anon_password=NO\nseccomp_sandbox=NO\n"
                    + "write_enable=YES\nanon_upload_enable=YES\nanon_other_write_enable=YES\nanon_umask=022\nchown_uploads=NO\n");
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
                    [incoming]
                    path = {Path("incoming")}
                    guest ok = yes
                    read only = no

                    """);
                InServer("smbd", smbd, "-F", "--no-process-group", "-s", Path("smb.conf"), "-l", Path("log"));
            }

            if (Find("in.tftpd") is { } tftpd)
            {
                InServer("tftpd", tftpd, "--foreground", "--listen", "--address", "0.0.0.0:69", "--user", "nobody", "--secure", Path("www"));
            }

            if (Find("ganesha.nfsd") is { } ganesha && Find("rpcbind") is { } rpcbind)
            {
                File.WriteAllText(Path("nfs.conf"), "NFS_Core_Param { Protocols = 3, 4; Enable_NLM = false; Enable_RQUOTA = false; }\n"
                    + $"NFSv4 {{ Graceless = true; RecoveryRoot = {Path("recovery")}; }}\n"
                    + $"EXPORT {{ Export_Id = 1; Path = {Path("nfs")}; Pseudo = /nfs; Access_Type = RW; Squash = No_Root_Squash; SecType = sys; Protocols = 3, 4; Transports = TCP; FSAL {{ Name = VFS; }} }}\n");
                InServer("rpcbind", rpcbind, "-f");
                Thread.Sleep(500);
                InServer("nfs", ganesha, "-F", "-f", Path("nfs.conf"), "-L", Path("log/ganesha.log"), "-p", Path("ganesha.pid"));
            }

            if (Find("postfix") is not null)
            {
                WritePostfix();
                InServer("postfix", "postfix", "-c", Path("postfix/conf"), "start-fg");
            }

            WriteScripts();
            InServer("smtp", "/usr/bin/python3", Path("mx.py"), Path("mails"));
            InServer("upload", "/usr/bin/python3", Path("put.py"), Path("uploads"));
            Thread.Sleep(1500);
        }

        /// <summary>A whole postfix in a folder of its own, that delivers into one maildir.</summary>
        private void WritePostfix()
        {
            foreach (string name in (string[])["queue", "data", "conf"])
            {
                Directory.CreateDirectory(Path("postfix/" + name));
            }

            Process.Start("chown", ["postfix", Path("postfix/data")]).WaitForExit();
            string services = string.Concat(
                from line in (string[])["rewrite trivial-rewrite", "bounce bounce", "defer bounce", "trace bounce", "verify verify", "error error", "retry error", "anvil anvil", "virtual virtual"]
                let words = line.Split(' ')
                select $"{words[0]} unix - n n - {(words[0] == "anvil" ? "1" : "-")} {words[1]}\n");
            File.WriteAllText(Path("postfix/conf/master.cf"), "2525 inet n - n - - smtpd\npickup unix n - n 60 1 pickup\ncleanup unix n - n - 0 cleanup\n"
                + $"qmgr unix n - n 300 1 qmgr\npostlog unix-dgram n - n - 1 postlogd\nproxymap unix - - n - - proxymap\n{services}");
            File.WriteAllText(Path("postfix/conf/main.cf"), $"compatibility_level = 3.6\nqueue_directory = {Path("postfix/queue")}\ndata_directory = {Path("postfix/data")}\n"
                + $"myhostname = mail.files.example\ninet_interfaces = {BridgeLab.AddressB}\ninet_protocols = ipv4\nmydestination =\nvirtual_mailbox_domains = files.example\n"
                + $"virtual_mailbox_base = {_folder.Path}\nvirtual_mailbox_maps = static:maildir/\nvirtual_uid_maps = static:65534\nvirtual_gid_maps = static:65534\nvirtual_minimum_uid = 100\n"
                + "virtual_mailbox_limit = 0\nmessage_size_limit = 0\nalias_maps =\nalias_database =\nmaillog_file = /dev/stdout\ncommand_directory = /usr/sbin\n"
                + "daemon_directory = /usr/lib/postfix/sbin\nsmtputf8_enable = no\nsmtpd_recipient_restrictions = permit_auth_destination, reject\n");
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
                metrics-listen: 127.0.0.1:9912
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
            // An emulated guest (tests/guest/run.sh) is ten to thirty times slower.
            int patienceMs = Environment.GetEnvironmentVariable("BRIDGEGUARD_GUEST_ACCELERATOR") == "tcg" ? 300_000 : 60_000;
            Assert.True(BridgeLab.Until(() => Log.Contains("inspecting br0", StringComparison.Ordinal), patienceMs), Log);
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
