"""A lab for files: guests in namespaces on one bridge, Debian's servers and clients, a real clamd with one signature of our own, and BridgeGuard between them.

Used by storm.py (scan once) and never_whole.py (a marked file never arrives whole). Needs root and what packaging/install-deps.sh installs. Told to end (SIGTERM, SIGINT,
SIGHUP) it ends what it has started, takes its namespaces away and leaves no file.
"""
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time

MARKER = b'BRIDGEGUARD-HARMLESS-MARKED-TEST-FILE'
CLIENT, SERVER, HOST = '198.18.0.1', '198.18.0.2', '198.18.0.254'

MAIL_SERVER = r'''
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
                        out.write(b''.join(mail))
                    say('250 taken')
            elif verb == b'QUIT':
                say('221 bye')
                return
            else:
                say('250 ok')
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 256
    daemon_threads = True
Server(('', 25), Mx).serve_forever()
'''

# Arguments: the server, the most seconds, and files; one connection for each mail. The exit code is the number of mails that were not taken.
MAIL_CLIENT = r'''
import email.message, os, smtplib, sys
failed = 0
for path in sys.argv[3:]:
    mail = email.message.EmailMessage()
    mail['From'], mail['To'], mail['Subject'] = 'a@example.org', 'b@example.org', os.path.basename(path)
    mail.set_content('see the file')
    mail.add_attachment(open(path, 'rb').read(), maintype='application', subtype='octet-stream', filename=os.path.basename(path))
    try:
        with smtplib.SMTP(sys.argv[1], timeout=float(sys.argv[2])) as mx:
            mx.send_message(mail)
    except (OSError, smtplib.SMTPException) as error:
        failed += 1
        print(os.path.basename(path), error)
sys.exit(failed)
'''

UPLOAD_SERVER = r'''
import http.server, os, sys
class Put(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def log_message(self, *args):
        pass
    def do_PUT(self):
        left = int(self.headers['Content-Length'])
        if self.headers.get('Expect'):
            self.send_response_only(100)
            self.end_headers()
        with open(os.path.join(sys.argv[1], os.path.basename(self.path)), 'wb') as out:
            while left and (part := self.rfile.read1(min(left, 65536))):
                out.write(part)
                out.flush()
                left -= len(part)
        self.send_response(201)
        self.send_header('Content-Length', '0')
        self.end_headers()
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True
Server(('', 8081), Put).serve_forever()
'''


# Arguments: 3 or 4, the server, the export, a name there, "get" or "put", a local file, and of a get the offset to begin at. By libnfs (4.0, libnfs.so.13) without its
# endless coming back after a reset.
NFS_CLIENT = r'''
import ctypes, os, sys
version, server, export, name, what, local, offset = *sys.argv[1:7], int(sys.argv[7])
nfs = ctypes.CDLL('libnfs.so.13')
nfs.nfs_init_context.restype = ctypes.c_void_p
nfs.nfs_get_error.restype = ctypes.c_char_p
context, handle = ctypes.c_void_p(nfs.nfs_init_context()), ctypes.c_void_p()
def check(result):
    if result < 0:
        sys.exit(nfs.nfs_get_error(context).decode())
    return result
check(nfs.nfs_set_version(context, int(version)))
nfs.nfs_set_autoreconnect(context, 0)
nfs.nfs_set_timeout(context, 8000)
check(nfs.nfs_mount(context, server.encode(), export.encode()))
block = ctypes.create_string_buffer(1 << 15)
if what == 'get':
    check(nfs.nfs_open(context, name.encode(), os.O_RDONLY, ctypes.byref(handle)))
    with open(local, 'wb') as out:
        while count := check(nfs.nfs_pread(context, handle, ctypes.c_uint64(offset), ctypes.c_uint64(len(block)), block)):
            out.write(block.raw[:count])
            out.flush()
            offset += count
else:
    check(nfs.nfs_creat(context, name.encode(), 0o644, ctypes.byref(handle)))
    with open(local, 'rb') as source:
        while part := source.read(len(block)):
            check(nfs.nfs_pwrite(context, handle, ctypes.c_uint64(offset), ctypes.c_uint64(len(part)), part))
            offset += len(part)
    check(nfs.nfs_close(context, handle))
'''


def run(*command, seconds=120, **more):
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=seconds, **more).stdout


class Lab:
    """Guest `a` has clients, `b` servers; more guests by name. The host's side of the bridge has an address for the guests' questions."""

    def __init__(self, program, guests='ab', delivery='hold-tail', scanning='', with_nfs=False):
        self.folder = tempfile.mkdtemp(prefix='bg-lab-')
        os.chmod(self.folder, 0o755)
        self.program = program
        self.tag = f'bgl{os.getpid()}'
        self.guests = guests
        self.running = []
        self.delivery = delivery
        self.scanning = scanning
        self.with_nfs = with_nfs

    def path(self, name):
        return f'{self.folder}/{name}'

    def __enter__(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._told_to_end)
        try:
            self._namespaces()
            for name in ('www', 'mails', 'uploads', 'incoming', 'db', 'log', 'state', 'empty', 'out', 'recovery'):
                os.makedirs(self.path(name))
                os.chmod(self.path(name), 0o777 if name in ('mails', 'uploads', 'incoming') else 0o755)
            self._clamd()
            self._servers()
            self._daemon()
            return self
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        for process in self.running:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.running:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
        for pids in ([run('ip', 'netns', 'pids', f'{self.tag}-{space}').split() for space in self.guests + 'h' if os.path.exists(f'/run/netns/{self.tag}-{space}')]):
            for pid in pids:  # What a server has started by itself, in namespaces that are ours alone.
                try:
                    os.kill(int(pid), signal.SIGKILL)
                except ProcessLookupError:
                    pass
        for space in self.guests + 'h':
            subprocess.run(['ip', 'netns', 'del', f'{self.tag}-{space}'], capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _told_to_end(self, number, _):
        """At once: clients that are under way in threads of their own would take a minute to notice."""
        for other in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(other, signal.SIG_IGN)
        self.__exit__()
        os._exit(128 + number)

    def start(self, name, *command, **more):
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=open(self.path(f'log/{name}.log'), 'w'), stderr=subprocess.STDOUT, start_new_session=True, **more)
        self.running.append(process)
        return process

    def within(self, guest, *command):
        return ('ip', 'netns', 'exec', f'{self.tag}-{guest}', *command)

    def log(self, name):
        with open(self.path(f'log/{name}.log')) as file:
            return file.read()

    def make_file(self, name, size, seed, is_bad=False):
        content = bytearray(random.Random(seed).randbytes(size))
        if is_bad:
            content[size // 2:size // 2 + len(MARKER)] = MARKER
        with open(self.path(f'www/{name}'), 'wb') as file:
            file.write(content)
        os.chmod(self.path(f'www/{name}'), 0o644)
        return bytes(content)

    def stats(self):
        """What `bridgeguard cache stats` says of the running daemon."""
        return json.loads(run(*self.within('h', *self.program, 'cache', 'stats', '-c', self.path('bg.yaml'))))

    def metrics(self):
        """The daemon's metrics without labels, by name."""
        text = run(*self.within('h', 'curl', '-s', '-m', '20', 'http://127.0.0.1:9912/metrics'))
        lines = (line.split(' ') for line in text.splitlines() if line and line[0] != '#' and '{' not in line)
        return {words[0]: float(words[1]) for words in lines}

    def scanned(self):
        """Contents that clamd itself says to have judged."""
        return sum('instream' in line and (line.rstrip().endswith('OK') or 'FOUND' in line) for line in self.log('clamd').splitlines())

    def _namespaces(self):
        for space in self.guests + 'h':
            run('ip', 'netns', 'add', f'{self.tag}-{space}')
            run('ip', '-n', f'{self.tag}-{space}', 'link', 'set', 'lo', 'up')
        host = f'{self.tag}-h'
        run('ip', '-n', host, 'link', 'add', 'br0', 'type', 'bridge', 'forward_delay', '0', 'mcast_snooping', '0')
        run('ip', '-n', host, 'link', 'set', 'br0', 'up')
        run('ip', '-n', host, 'addr', 'add', f'{HOST}/24', 'dev', 'br0')
        for number, space in enumerate(self.guests, 1):
            run('ip', 'link', 'add', f'v{space}', 'netns', host, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', f'{self.tag}-{space}')
            run('ip', '-n', host, 'link', 'set', f'v{space}', 'master', 'br0', 'up')
            run('ip', '-n', f'{self.tag}-{space}', 'addr', 'add', f'198.18.0.{number}/24', 'dev', 'eth0')
            run('ip', '-n', f'{self.tag}-{space}', 'link', 'set', 'eth0', 'up')

    def _clamd(self):
        with open(self.path('db/own.ndb'), 'w') as file:
            file.write(f'BridgeGuard.Marked:0:*:{MARKER.hex()}\n')
        with open(self.path('clamd.conf'), 'w') as file:
            file.write(f'Foreground yes\nDatabaseDirectory {self.path("db")}\nLocalSocket {self.path("clamd.sock")}\nLocalSocketMode 666\nTemporaryDirectory {self.folder}\n'
                       'User root\nStreamMaxLength 200M\nLogClean yes\nSelfCheck 86400\n')
        process = self.start('clamd', '/usr/sbin/clamd', '-c', self.path('clamd.conf'))
        self._wait(lambda: os.path.exists(self.path('clamd.sock')), process, 'clamd')

    def _servers(self):
        with open(self.path('nginx.conf'), 'w') as file:
            file.write(f'daemon off; pid {self.path("nginx.pid")}; error_log stderr; user root; worker_processes 1;\nevents {{ worker_connections 1024; }}\n'
                       f'http {{ access_log off; client_body_temp_path {self.path("empty")}; sendfile on; server {{ listen 80; root {self.path("www")}; }} '
                       f'server {{ listen 82 http2; root {self.path("www")}; }} }}\n')
        self.start('nginx', *self.within('b', '/usr/sbin/nginx', '-c', self.path('nginx.conf')))
        with open(self.path('vsftpd.conf'), 'w') as file:
            file.write('listen=YES\nbackground=NO\nanonymous_enable=YES\nlocal_enable=NO\nno_anon_password=YES\nseccomp_sandbox=NO\nmax_clients=0\nmax_per_ip=0\n'
                       f'anon_root={self.path("www")}\nsecure_chroot_dir={self.path("empty")}\n')
        self.start('vsftpd', *self.within('b', '/usr/sbin/vsftpd', self.path('vsftpd.conf')))
        empty = self.path('empty')
        with open(self.path('smb.conf'), 'w') as file:
            file.write(f'[global]\nmap to guest = bad user\nguest account = root\nserver role = standalone server\nlock directory = {empty}\nstate directory = {empty}\n'
                       f'cache directory = {empty}\nprivate dir = {empty}\npid directory = {empty}\nncalrpc dir = {empty}\nsmb ports = 445\nserver min protocol = SMB2\n'
                       f'smb encrypt = off\nload printers = no\n[files]\npath = {self.path("www")}\nguest ok = yes\nread only = yes\n'
                       f'[incoming]\npath = {self.path("incoming")}\nguest ok = yes\nread only = no\n')
        self.start('smbd', *self.within('b', '/usr/sbin/smbd', '-F', '--no-process-group', '-s', self.path('smb.conf'), '-l', self.path('log')))
        self.start('tftpd', *self.within('b', '/usr/sbin/in.tftpd', '--foreground', '--listen', '--address', '0.0.0.0:69', '--user', 'nobody', '--secure', self.path('www')))
        if self.with_nfs:
            with open(self.path('nfs.conf'), 'w') as file:
                file.write(f'NFS_Core_Param {{ Protocols = 3, 4; Enable_NLM = false; Enable_RQUOTA = false; }}\nNFSv4 {{ Graceless = true; RecoveryRoot = {self.path("recovery")}; }}\n')
                for number, name in enumerate(('www', 'incoming'), 1):
                    file.write(f'EXPORT {{ Export_Id = {number}; Path = {self.path(name)}; Pseudo = /{name}; Access_Type = RW; Squash = No_Root_Squash; SecType = sys; Protocols = 3, 4; '
                               'Transports = TCP; FSAL { Name = VFS; } }\n')
            self.start('rpcbind', *self.within('b', 'rpcbind', '-f'))
            time.sleep(0.5)
            self.start('nfs', *self.within('b', 'ganesha.nfsd', '-F', '-f', self.path('nfs.conf'), '-L', self.path('log/ganesha.log'), '-p', self.path('ganesha.pid')))
        for name, text in (('mx.py', MAIL_SERVER), ('send.py', MAIL_CLIENT), ('put.py', UPLOAD_SERVER), ('nfs.py', NFS_CLIENT)):
            with open(self.path(name), 'w') as file:
                file.write(text)
        self.start('mx', *self.within('b', 'python3', self.path('mx.py'), self.path('mails')))
        self.start('put', *self.within('b', 'python3', self.path('put.py'), self.path('uploads')))
        time.sleep(2)

    def _daemon(self):
        with open(self.path('default.yaml'), 'w') as file:
            file.write(f'name: default\nfiles: {{delivery: {self.delivery}, hold-ms: 30000, fail: closed}}\n')
        open(self.path('none.rules'), 'w').close()
        with open(self.path('bg.yaml'), 'w') as file:
            file.write(f'bridges: [{{name: br0, mode: inline, fail: open}}]\nheartbeat-ms: 10000\nlog-directory: {self.path("log")}\nstate-directory: {self.path("state")}\n'
                       f'run-directory: {self.path("run")}\nroles: [{self.path("default.yaml")}]\nrules: {{files: [{self.path("none.rules")}]}}\neve: {{types: [alert]}}\n'
                       f'metrics-listen: 127.0.0.1:9912\nscanning: {{enabled: yes, clamd: "unix:{self.path("clamd.sock")}", max-file-size: 100 MiB, '
                       f'guest-api: "{HOST}:8642", guest-clamd: "{HOST}:3310"{self.scanning}}}\n')
        process = self.start('daemon', *self.within('h', *self.program, 'run', '-c', self.path('bg.yaml')))
        self._wait(lambda: 'inspecting br0' in self.log('daemon'), process, 'daemon')

    def _wait(self, is_there, process, name):
        for _ in range(900):
            if is_there():
                return
            if process.poll() is not None:
                break
            time.sleep(0.1)
        raise SystemExit(f'{name} does not start:\n{self.log(name)}')
