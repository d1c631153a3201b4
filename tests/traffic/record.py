#!/usr/bin/env python3
"""Records conversations between real servers and clients of Debian into one capture.

  record.py FOLDER

Writes FOLDER/traffic.pcap and FOLDER/facts.json: for each protocol "ok", "skip: why" (its package is not installed) or
"failed: why", and what was sent (sizes and digests of files). Server and client live in two network namespaces that this
script makes and removes; nothing leaves them. Needs root, iproute2, ethtool and tcpdump. Ends by itself in less than 80 s.
"""
import glob
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time

SERVER, CLIENT = '10.78.0.1', '10.78.0.2'
SERVER6, CLIENT6 = 'fd78::1', 'fd78::2'
LIMIT_S = 80          # the whole recording
CLIENT_S = 8          # one client
READY_S = 8           # a server until it listens
PATH = os.environ.get('PATH', '') + ':/usr/sbin:/sbin'
os.environ['PATH'] = PATH

folder = os.path.abspath(sys.argv[1])
srv, cli = f'bgr{os.getpid()}-s', f'bgr{os.getpid()}-c'
servers, facts, made = [], {'protocols': {}, 'files': {}}, []


def run(*command):
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=CLIENT_S)


def path(*parts):
    return os.path.join(folder, *parts)


def save(name, text):
    with open(path(name), 'w' if isinstance(text, str) else 'wb') as file:
        file.write(text)
    return path(name)


class Missing(Exception):
    """A program of the protocol is not installed."""


class Failed(Exception):
    """A server did not come up or a client was not served."""


def need(*programs):
    for program in programs:
        if shutil.which(program) is None:
            raise Missing(f'{program} is not installed (packaging/install-deps.sh)')


def listens(pid, port, tables):
    for table in tables:
        try:
            with open(f'/proc/{pid}/net/{table}') as lines:
                for line in list(lines)[1:]:
                    field = line.split()
                    if int(field[1].rsplit(':', 1)[1], 16) == port and (table.startswith('udp') or field[3] == '0A'):
                        return True
        except OSError:
            return False
    return False


def serve(port, *command, udp=False, where=None):
    """Starts a server in its namespace and waits until the port is open."""
    need(command[0])
    log = path(os.path.basename(command[0]) + f'.{port}.log')
    with open(log, 'w') as out:
        process = subprocess.Popen(['ip', 'netns', 'exec', srv, *command], stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=where or folder, start_new_session=True)
    servers.append(process)
    end = time.monotonic() + READY_S
    while not listens(process.pid, port, ('udp', 'udp6') if udp else ('tcp', 'tcp6')):
        if process.poll() is not None or time.monotonic() > end:
            raise Failed(f'{command[0]} does not listen on port {port}: {open(log, errors="replace").read()[-600:]}')
        time.sleep(0.02)


def start(*command):
    return subprocess.Popen(['ip', 'netns', 'exec', cli, *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=folder, start_new_session=True)


def finish(process, codes=(0,)):
    try:
        said = process.communicate(timeout=CLIENT_S)[0].decode(errors='replace')
    except subprocess.TimeoutExpired:
        process.kill()
        raise Failed(f'{process.args[4]} did not end within {CLIENT_S} s')
    if process.returncode not in codes:
        raise Failed(f'{" ".join(process.args[4:])}: exit {process.returncode}: {said[-600:]}')
    return said


def client(*command, codes=(0,)):
    need(command[0])
    return finish(start(*command), codes)


def curl(*arguments, codes=(0,)):
    return client('curl', '-sS', '--max-time', str(CLIENT_S - 2), '-o', '/dev/null', *arguments, codes=codes)


def content(name, size):
    """A file of bytes that repeat nowhere and are the same in each run."""
    data, block = b'', name.encode()
    while len(data) < size:
        block = hashlib.sha256(block).digest()
        data += block
    save(os.path.join('www', name), data[:size])
    facts['files'][name] = {'size': size, 'sha256': hashlib.sha256(data[:size]).hexdigest()}


# Each protocol: its servers (before the recorder starts) and its clients.

def certificate():
    need('openssl')
    if os.path.exists(path('tls.crt')):
        return
    run('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-subj', '/C=DE/O=Bridge Guard/CN=www.example.test',
        '-addext', 'subjectAltName=DNS:www.example.test,DNS:alt.example.test', '-keyout', path('tls.key'), '-out', path('tls.crt'))


def nginx_serves():
    need('nginx')
    certificate()
    save('nginx.conf', f'''
daemon off; worker_processes 1; pid {path("nginx.pid")}; error_log {path("nginx.err")}; user root;
events {{ worker_connections 256; }}
http {{
  access_log off; default_type application/octet-stream; client_max_body_size 8m;
  client_body_temp_path {path("tmp")}; proxy_temp_path {path("tmp")}; fastcgi_temp_path {path("tmp")}; uwsgi_temp_path {path("tmp")}; scgi_temp_path {path("tmp")};
  types {{ text/plain txt; }} gzip on; gzip_min_length 64; gzip_types text/plain;
  root {path("www")};
  server {{ listen 80; listen [::]:80; location /api {{ default_type application/json; return 201 '{{"ok":true}}'; }} location /old {{ return 302 /page.txt; }} location /form {{ return 204; }} }}
  server {{ listen 81 http2; }}
  server {{ listen 443 ssl; ssl_certificate {path("tls.crt")}; ssl_certificate_key {path("tls.key")}; ssl_protocols TLSv1.2 TLSv1.3; }}
}}''')
    serve(443, 'nginx', '-e', path('nginx.err'), '-c', path('nginx.conf'))


def http():
    base = f'http://{SERVER}'
    agent = ('-A', 'BridgeGuardTest/1.0', '-H', 'Host: www.example.test')
    curl(*agent, f'{base}/blob.bin', '-o', '/dev/null', f'{base}/missing', '-o', '/dev/null', f'{base}/api?x=1&y=%20z')
    curl(*agent, '-e', 'http://from.example.test/', f'{base}/old')
    curl(*agent, '--compressed', f'{base}/page.txt')
    curl(*agent, '-F', f'upload=@{path("www", "photo.bin")};filename=up.bin', f'{base}/form')
    curl(*agent, '-I', f'{base}/page.txt')
    curl('-g', '-A', 'BridgeGuardTest/6.0', f'http://[{SERVER6}]/page.txt')


def http2():
    for page in ('blob.bin', 'missing'):
        curl('--http2-prior-knowledge', '-A', 'BridgeGuardTest/2.0', f'http://{SERVER}:81/{page}')


def tls():
    for version, name in (('1.2', 'www'), ('1.3', 'alt')):
        curl('-k', '--http1.1', f'--tlsv{version}', '--tls-max', version, '--resolve', f'{name}.example.test:443:{SERVER}', f'https://{name}.example.test/page.txt')
    need('openssl')
    client('openssl', 's_client', '-connect', f'{SERVER}:443', '-tls1_2', '-servername', 'www.example.test', '-cipher', 'ECDHE-RSA-AES128-GCM-SHA256')


def dnsmasq_serves():
    serve(53, 'dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--no-resolv', '--no-hosts', '--log-facility=-', '--user=root', f'--pid-file={path("dnsmasq.pid")}', '--interface=eth0', '--bind-interfaces',
          '--local=/test/', f'--host-record=www.example.test,{SERVER},{SERVER6},300', '--cname=alias.example.test,www.example.test', '--mx-host=example.test,mail.example.test,10',
          '--txt-record=txt.example.test,v=spf1 -all', '--srv-host=_sip._tcp.example.test,sip.example.test,5060,1,2', '--address=/blocked.test/',
          '--dhcp-range=10.78.0.100,10.78.0.120,255.255.255.0,2m', '--dhcp-range=fd78::100,fd78::120,64,2m', '--dhcp-authoritative', '--no-ping', f'--dhcp-leasefile={path("leases")}', '--enable-tftp', f'--tftp-root={path("www")}', udp=True)


def dns():
    def dig(*arguments):
        client('dig', '+tries=1', '+time=3', f'@{SERVER}', *arguments)
    dig('www.example.test', 'A')
    dig('www.example.test', 'AAAA')
    dig('alias.example.test', 'A')
    dig('example.test', 'MX')
    dig('txt.example.test', 'TXT')
    dig('_sip._tcp.example.test', 'SRV')
    dig('none.example.test', 'A')
    dig('+tcp', 'www.example.test', 'A')


def dhcp():
    need('udhcpc')
    client('udhcpc', '-i', 'eth0', '-f', '-n', '-q', '-t', '3', '-T', '1', '-s', '/bin/true', '-x', 'hostname:bridgeguest')


def tftp():
    curl(f'tftp://{SERVER}/photo.bin')


def ssh_serves():
    need('sshd', 'ssh-keygen')
    for key in ('hostkey', 'id'):
        run('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', path(key))
    shutil.copy(path('id.pub'), path('authorized'))
    if not os.path.isdir('/run/sshd'):
        os.mkdir('/run/sshd', 0o755)
        made.append('/run/sshd')
    save('sshd.conf', f'HostKey {path("hostkey")}\nAuthorizedKeysFile {path("authorized")}\nUsePAM no\nStrictModes no\nPermitRootLogin prohibit-password\nPidFile {path("sshd.pid")}\nListenAddress {SERVER}\n')
    serve(22, shutil.which('sshd'), '-D', '-e', '-f', path('sshd.conf'))


def ssh():
    client('ssh', '-F', '/dev/null', '-i', path('id'), '-o', 'BatchMode=yes', '-o', 'IdentitiesOnly=yes', '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'ConnectTimeout=5', f'root@{SERVER}', 'true')


def smtp_serves():
    if subprocess.run(['/usr/bin/python3', '-c', 'import aiosmtpd'], stderr=subprocess.DEVNULL).returncode != 0:
        raise Missing('python3-aiosmtpd is not installed (packaging/install-deps.sh)')
    serve(25, '/usr/bin/python3', '-m', 'aiosmtpd', '-n', '-l', f'{SERVER}:25', '-c', 'aiosmtpd.handlers.Sink')
    certificate()
    serve(587, '/usr/bin/python3', '-m', 'aiosmtpd', '-n', '-l', f'{SERVER}:587', '--tlscert', path('tls.crt'), '--tlskey', path('tls.key'), '-c', 'aiosmtpd.handlers.Sink')


def smtp():
    curl('--mail-from', 'alice@example.test', '--mail-rcpt', 'bob@corp.example.test', '--mail-rcpt', 'carol@corp.example.test', '-H', 'From: Alice <alice@example.test>', '-H', 'To: bob@corp.example.test',
         '-H', 'Subject: quarterly figures', '-F', '=Please see the attachment http://figures.example.test/q3 .;type=text/plain', '-F', f'=@{path("www", "photo.bin")};filename=figures.bin;type=application/octet-stream;encoder=base64',
         f'smtp://{SERVER}/client.example.test')
    curl('-k', '--ssl-reqd', '--tls-max', '1.2', '--mail-from', 'alice@example.test', '--mail-rcpt', 'bob@corp.example.test', '-T', path('www', 'page.txt'), '--connect-to', f'mail.example.test:587:{SERVER}:587',
         'smtp://mail.example.test:587/client.example.test')


def ftp_serves():
    save('vsftpd.conf', f'listen=YES\nbackground=NO\nanonymous_enable=YES\nlocal_enable=NO\nanon_root={path("www")}\nsecure_chroot_dir={path("empty")}\nno_anon_password=NO\n'
         'pasv_min_port=40000\npasv_max_port=40099\nseccomp_sandbox=NO\nwrite_enable=YES\nanon_upload_enable=YES\nftpd_banner=BridgeGuard test\n')
    os.chmod(path('vsftpd.conf'), 0o644)
    os.mkdir(path('www', 'incoming'))
    os.chmod(path('www', 'incoming'), 0o777)
    serve(21, 'vsftpd', path('vsftpd.conf'))


def ftp():
    user = ('-u', 'anonymous:guest@example.test')
    curl(*user, f'ftp://{SERVER}/blob.bin')
    curl(*user, '--disable-epsv', f'ftp://{SERVER}/photo.bin')
    curl(*user, '--disable-eprt', '--ftp-port', '-', f'ftp://{SERVER}/active.bin')
    curl(*user, '-T', path('www', 'photo.bin'), f'ftp://{SERVER}/incoming/stored.bin')
    curl(*user, f'ftp://{SERVER}/')


def mqtt_serves():
    need('mosquitto')
    save('mosquitto.conf', f'listener 1883 {SERVER}\nallow_anonymous true\nuser root\n')
    serve(1883, 'mosquitto', '-c', path('mosquitto.conf'))


def mqtt():
    need('mosquitto_sub', 'mosquitto_pub')
    waiting = start('mosquitto_sub', '-h', SERVER, '-V', 'mqttv311', '-i', 'subscriber', '-t', 'site/+/temperature', '-q', '1', '-C', '1', '-W', '5')
    time.sleep(0.3)
    # Retained: a subscriber that is late gets it too.
    client('mosquitto_pub', '-r', '-h', SERVER, '-V', 'mqttv5', '-i', 'publisher', '-q', '1', '-t', 'site/7/temperature', '-m', '{"value":21}')
    finish(waiting)


def ldap_serves():
    need('slapd', 'slapadd')
    modules = '/usr/lib/ldap'
    os.mkdir(path('ldap'))
    save('slapd.conf', f'include /etc/ldap/schema/core.schema\npidfile {path("slapd.pid")}\nmodulepath {modules}\nmoduleload back_mdb\ndatabase mdb\nmaxsize 10485760\nsuffix "dc=example,dc=test"\n'
         f'rootdn "cn=admin,dc=example,dc=test"\nrootpw secret\ndirectory {path("ldap")}\n')
    save('tree.ldif', 'dn: dc=example,dc=test\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example\n\n'
         'dn: cn=alice,dc=example,dc=test\nobjectClass: person\ncn: alice\nsn: Liddell\n')
    run('slapadd', '-q', '-f', path('slapd.conf'), '-l', path('tree.ldif'))
    serve(389, 'slapd', '-d', '0', '-f', path('slapd.conf'), '-h', f'ldap://{SERVER}:389')


def ldap():
    client('ldapsearch', '-x', '-H', f'ldap://{SERVER}', '-D', 'cn=admin,dc=example,dc=test', '-w', 'secret', '-b', 'dc=example,dc=test', '(cn=alice)', 'sn')
    client('ldapsearch', '-x', '-H', f'ldap://{SERVER}', '-D', 'cn=admin,dc=example,dc=test', '-w', 'wrong', '-b', 'dc=example,dc=test', codes=(49,))


def snmp_serves():
    need('snmpd')
    save('snmpd.conf', 'rocommunity fleet\nsysLocation rack 4\nsysServices 72\n')
    os.environ['SNMP_PERSISTENT_DIR'] = path('tmp')
    serve(161, 'snmpd', '-f', '-Lo', '-C', '-c', path('snmpd.conf'), '-p', path('snmpd.pid'), f'udp:{SERVER}:161', udp=True)


def snmp():
    os.environ['MIBS'] = ''
    client('snmpget', '-v', '2c', '-c', 'fleet', '-t', '2', '-r', '0', SERVER, '.1.3.6.1.2.1.1.6.0')
    client('snmpgetnext', '-v', '1', '-c', 'fleet', '-t', '2', '-r', '0', SERVER, '.1.3.6.1.2.1.1.6')


def dhcpv6():
    need('dhclient')
    # It goes on as long as its lease: taken down when it has one.
    waiting = start('dhclient', '-6', '-1', '-d', '-sf', '/bin/true', '-cf', '/dev/null', '-lf', path('tmp', 'leases6'), '-pf', path('tmp', 'dhclient6.pid'), 'eth0')
    end = time.monotonic() + CLIENT_S
    while 'iaaddr' not in read(path('tmp', 'leases6')):
        if waiting.poll() is not None or time.monotonic() > end:
            raise Failed('dhclient -6 got no address: ' + waiting.communicate()[0].decode(errors='replace')[-600:])
        time.sleep(0.1)
    stop(waiting)


def read(name):
    try:
        with open(name, errors='replace') as file:
            return file.read()
    except OSError:
        return ''


def speak(port, script):
    """A client of our own, for protocols whose clients in Debian want a screen or a terminal; `script` has a connected socket `s`."""
    client('/usr/bin/python3', '-c', f'import socket, ssl\ns = socket.create_connection(("{SERVER}", {port}), 5)\n{script}')


def smb_serves():
    need('smbd', 'smbclient', 'testparm')
    os.mkdir(path('samba'))
    dirs = ''.join(f'{name} directory = {path("samba")}\n' for name in ('lock', 'state', 'cache', 'pid')) + f'private dir = {path("samba")}\nncalrpc dir = {path("samba", "ncalrpc")}\n'
    save('smb.conf', f'[global]\nworkgroup = TEST\nserver role = standalone server\nmap to guest = Bad User\nserver min protocol = NT1\nclient min protocol = NT1\ndisable netbios = yes\n'
         f'smb ports = 445\nload printers = no\nprintcap name = /dev/null\nlog file = {path("samba", "log")}\n{dirs}[share]\npath = {path("www")}\nguest ok = yes\nread only = no\nforce user = root\n')
    serve(445, 'smbd', '--foreground', '--no-process-group', '-s', path('smb.conf'))


def smb():
    share = (f'//{SERVER}/share', '-N', '-s', path('smb.conf'))
    client('smbclient', *share, '-m', 'SMB3', '-c', f'get blob.bin {path("tmp", "got.bin")}; put {path("www", "photo.bin")} smb-stored.bin; ls')
    client('smbclient', *share, '-m', 'NT1', '-c', f'get photo.bin {path("tmp", "got1.bin")}')


def postfix_serves():
    need('postfix')
    os.mkdir(path('postfix'))
    for name in ('queue', 'data', 'conf'):
        os.mkdir(path('postfix', name))
    shutil.chown(path('postfix', 'data'), 'postfix')
    os.chmod(folder, 0o755)
    tail = ''.join(f'{name} unix - - n - - {program}\n' for name, program in (
        ('rewrite', 'trivial-rewrite'), ('bounce', 'bounce'), ('defer', 'bounce'), ('trace', 'bounce'), ('verify', 'verify'), ('discard', 'discard'), ('retry', 'error'), ('error', 'error'), ('anvil', 'anvil'), ('scache', 'scache')))
    save('postfix/conf/master.cf', f'2525 inet n - n - - smtpd\npickup unix n - n 60 1 pickup\ncleanup unix n - n - 0 cleanup\nqmgr unix n - n 300 1 qmgr\npostlog unix-dgram n - n - 1 postlogd\nproxymap unix - - n - - proxymap\n{tail}')
    save('postfix/conf/main.cf', f'compatibility_level = 3.6\nqueue_directory = {path("postfix", "queue")}\ndata_directory = {path("postfix", "data")}\nmyhostname = mail.example.test\ninet_interfaces = {SERVER}\n'
         'inet_protocols = ipv4\nmynetworks = 10.78.0.0/24\nmydestination =\nlocal_transport = discard:\ndefault_transport = discard:\nalias_maps =\nalias_database =\nmaillog_file = /dev/stdout\n'
         'command_directory = /usr/sbin\ndaemon_directory = /usr/lib/postfix/sbin\nsmtputf8_enable = no\n')
    serve(2525, 'postfix', '-c', path('postfix', 'conf'), 'start-fg')


def postfix():
    curl('--mail-from', 'alice@example.test', '--mail-rcpt', 'bob@corp.example.test', '-H', 'From: Alice <alice@example.test>', '-H', 'Subject: by postfix', '-F', '=text;type=text/plain',
         '-F', f'=@{path("www", "active.bin")};filename=postfix.bin;encoder=base64', f'smtp://{SERVER}:2525/client.example.test')


def postgresql_serves():
    found = sorted(glob.glob('/usr/lib/postgresql/*/bin'))
    if not found:
        raise Missing('postgresql is not installed (packaging/install-deps.sh)')
    need('psql', 'setpriv')
    os.mkdir(path('pg'))
    shutil.chown(path('pg'), 'postgres')
    os.chmod(folder, 0o755)
    save('pg.pw', 'secret\n')
    user = ('setpriv', '--reuid', 'postgres', '--regid', 'postgres', '--clear-groups')
    run(*user, found[-1] + '/initdb', '-D', path('pg'), '-U', 'postgres', '-A', 'scram-sha-256', f'--pwfile={path("pg.pw")}', '--no-sync', '--no-locale', '--no-instructions')
    with open(path('pg', 'pg_hba.conf'), 'a') as hba:
        hba.write('host all all 10.78.0.0/24 scram-sha-256\n')
    serve(5432, *user, found[-1] + '/postgres', '-D', path('pg'), '-h', SERVER, '-c', 'unix_socket_directories=', '-c', 'fsync=off', '-c', 'max_connections=5', '-c', 'shared_buffers=1MB')


def postgresql():
    os.environ['PGPASSWORD'] = 'secret'
    base = ('psql', '-X', '-q', '-h', SERVER, '-U', 'postgres', '-d', 'postgres')
    client(*base, '-c', 'CREATE TABLE shop (id int, name text)', '-c', "INSERT INTO shop VALUES (1, 'apple'), (2, 'pear')", '-c', 'SELECT id, name FROM shop ORDER BY id', '-c', 'COPY shop TO STDOUT')
    client(*base, '-c', 'SELECT missing FROM shop', codes=(1,))


def redis_serves():
    serve(6379, 'redis-server', '--port', '6379', '--bind', SERVER, '--save', '', '--protected-mode', 'no', '--daemonize', 'no', '--dir', path('tmp'))


def redis():
    need('redis-cli')
    client('redis-cli', '-h', SERVER, 'SET', 'session:7', 'a value')
    client('redis-cli', '-h', SERVER, '-3', 'GET', 'session:7')
    client('redis-cli', '-h', SERVER, 'LPUSH', 'session:7', 'x')
    client('redis-cli', '-h', SERVER, 'CONFIG', 'SET', 'requirepass', 'hunter2')
    client('redis-cli', '-h', SERVER, '-a', 'wrong', '--no-auth-warning', 'PING', codes=(0, 1))


def mysql_serves():
    need('mariadbd', 'mariadb')
    os.mkdir(path('my'))
    serve(3306, 'mariadbd', '--no-defaults', '--user=root', f'--datadir={path("my")}', f'--bind-address={SERVER}', f'--socket={path("my.sock")}', f'--pid-file={path("my.pid")}', '--skip-grant-tables',
          '--innodb=OFF', '--default-storage-engine=Aria', '--skip-log-bin', '--key-buffer-size=1M', '--aria-pagecache-buffer-size=1M')


def mysql():
    base = ('mariadb', '--no-defaults', '-h', SERVER, '-u', 'app', '--skip-ssl', '-B')
    client(*base, '-e', "CREATE DATABASE shop; USE shop; CREATE TABLE fruit (id INT, name TEXT); INSERT INTO fruit VALUES (1, 'apple'), (2, 'pear'), (3, 'plum'); SELECT id, name FROM fruit")
    client(*base, '-D', 'shop', '-e', 'SELECT missing FROM fruit', codes=(1,))


def irc_serves():
    need('ngircd')
    save('ngircd.conf', f'[Global]\nName = irc.example.test\nListen = {SERVER}\nPorts = 6667\nMotdPhrase = hello\nServerUID = 0\nServerGID = 0\n[Options]\nDNS = no\nIdent = no\nPAM = no\nSyslogFacility =\n')
    serve(6667, 'ngircd', '-n', '-f', path('ngircd.conf'))


def irc():
    speak(6667, '''f = s.makefile('rw', newline='\\r\\n')
f.write('NICK guest\\r\\nUSER guest 0 * :A Guest\\r\\n'); f.flush()
while ' 422 ' not in (line := f.readline()) and ' 376 ' not in line: assert line
f.write('JOIN #room\\r\\nPRIVMSG #room :hello all of you\\r\\nQUIT :bye\\r\\n'); f.flush()
while f.readline(): pass''')


def rdp_serves():
    need('xrdp')
    certificate()
    save('xrdp.ini', f'[Globals]\nini_version=1\nfork=true\nport=tcp://{SERVER}:3389\nsecurity_layer=tls\ncertificate={path("tls.crt")}\nkey_file={path("tls.key")}\nssl_protocols=TLSv1.2\ncrypt_level=high\n'
         f'[Logging]\nLogFile={path("xrdp.log")}\nLogLevel=INFO\nEnableSyslog=false\n[Session]\nname=none\nlib=libxup.so\nusername=ask\npassword=ask\nip=127.0.0.1\nport=-1\n')
    serve(3389, 'xrdp', '--nodaemon', '-c', path('xrdp.ini'))


def rdp():
    # RFC 1006 and X.224 with a cookie and a wish for TLS, as mstsc sends it; then the handshake.
    speak(3389, '''wish = b'Cookie: mstshash=alice\\r\\n' + bytes([1, 0, 8, 0, 1, 0, 0, 0])
s.sendall(bytes([3, 0, 0, 11 + len(wish), 6 + len(wish), 0xe0, 0, 0, 0, 0, 0]) + wish)
assert len(s.recv(19)) == 19
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT); context.check_hostname = False; context.verify_mode = ssl.CERT_NONE
context.wrap_socket(s).close()''')


NGINX, DNSMASQ = (nginx_serves,), (dnsmasq_serves,)
PROTOCOLS = {
    'dhcp': (DNSMASQ, dhcp), 'dhcpv6': (DNSMASQ, dhcpv6), 'dns': (DNSMASQ, dns), 'ftp': ((ftp_serves,), ftp), 'http': (NGINX, http), 'http2': (NGINX, http2), 'ldap': ((ldap_serves,), ldap), 'mqtt': ((mqtt_serves,), mqtt),
    'irc': ((irc_serves,), irc), 'mysql': ((mysql_serves,), mysql), 'pgsql': ((postgresql_serves,), postgresql), 'postfix': ((postfix_serves,), postfix), 'rdp': ((rdp_serves,), rdp),
    'redis': ((redis_serves,), redis), 'smb': ((smb_serves,), smb), 'smtp': ((smtp_serves,), smtp), 'snmp': ((snmp_serves,), snmp), 'ssh': ((ssh_serves,), ssh), 'tftp': (DNSMASQ, tftp), 'tls': (NGINX, tls),
}


def stop(process, how=signal.SIGTERM):
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(3)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def remove_namespaces():
    for space in (cli, srv):
        # Children that servers left behind (a session of sshd or vsftpd): all that is still in our own namespace, each by its id.
        left = subprocess.run(['ip', 'netns', 'pids', space], capture_output=True, text=True).stdout.split()
        for pid in left:
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass
        subprocess.run(['ip', 'netns', 'del', space], stderr=subprocess.DEVNULL)


def record():
    for name in ('www', 'tmp', 'empty'):
        os.mkdir(path(name))
    content('blob.bin', 70000)
    content('photo.bin', 30001)
    content('active.bin', 20000)
    save('www/page.txt', 'a page of plain text\n' * 40)
    facts['files']['page.txt'] = {'size': 840, 'sha256': hashlib.sha256(b'a page of plain text\n' * 40).hexdigest()}
    for space in (srv, cli):
        run('ip', 'netns', 'add', space)
    run('ip', 'link', 'add', 'eth0', 'netns', srv, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', cli)
    for space, address, address6 in ((srv, SERVER, SERVER6), (cli, CLIENT, CLIENT6)):
        run('ip', '-n', space, 'link', 'set', 'lo', 'up')
        # Segments as on a wire: not larger than the MTU and with checksums that are right.
        run('ip', 'netns', 'exec', space, 'ethtool', '-K', 'eth0', 'tso', 'off', 'gso', 'off', 'gro', 'off', 'tx', 'off', 'rx', 'off')
        run('ip', '-n', space, 'addr', 'add', f'{address}/24', 'dev', 'eth0')
        run('ip', '-n', space, 'addr', 'add', f'{address6}/64', 'dev', 'eth0', 'nodad')
        run('ip', '-n', space, 'link', 'set', 'eth0', 'up')
    time.sleep(0.3)

    state = {}
    for name, (starts, _) in PROTOCOLS.items():
        for begin in starts:
            if begin not in state:
                state[begin] = attempt(begin)
    recorder = start('tcpdump', '-i', 'eth0', '-s', '0', '-B', '8192', '-U', '--immediate-mode', '-Z', 'root', '-w', path('traffic.pcap'))
    servers.append(recorder)
    end = time.monotonic() + READY_S
    while not os.path.exists(path('traffic.pcap')) or os.path.getsize(path('traffic.pcap')) < 24:
        if recorder.poll() is not None or time.monotonic() > end:
            raise SystemExit('tcpdump does not record: ' + recorder.communicate()[0].decode(errors='replace'))
        time.sleep(0.02)
    time.sleep(0.2)
    for name, (starts, talk) in PROTOCOLS.items():
        bad = next((state[begin] for begin in starts if state[begin] != 'ok'), None)
        facts['protocols'][name] = bad or attempt(talk)
    time.sleep(0.5)
    stop(recorder, signal.SIGINT)


def attempt(step):
    try:
        step()
        return 'ok'
    except Missing as why:
        return f'skip: {why}'
    except Failed as why:
        return f'failed: {why}'
    except subprocess.CalledProcessError as why:
        return f'failed: {why}: {why.stderr.decode(errors="replace")[-400:]}'


def late(*_):
    raise SystemExit(f'the recording took more than {LIMIT_S} s')


for needed in ('ip', 'ethtool', 'tcpdump'):
    if shutil.which(needed) is None:
        raise SystemExit(f'{needed} is not installed')
signal.signal(signal.SIGALRM, late)
signal.signal(signal.SIGTERM, late)
signal.alarm(LIMIT_S)
try:
    record()
finally:
    signal.alarm(0)
    for server in reversed(servers):
        stop(server)
    remove_namespaces()
    for name in made:
        try:
            os.rmdir(name)
        except OSError:
            pass
save('facts.json', json.dumps(facts, indent=1))
