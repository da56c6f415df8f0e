# id: 421
# name: other_hosts_and_ports
# category: network
# expect: denied
# detail: what is not named is refused, however it is written
# inprocess: no
# options: {"network": ["127.0.0.1:{{PROXIED}}", "localhost:{{PORT}}", "example.invalid:443"]}
import os, re, socket
PROXY = int(os.environ['HTTP_PROXY'].rpartition(':')[2])
def ask(raw, more=b''):
    with socket.create_connection(('127.0.0.1', PROXY), 2) as s:
        s.settimeout(1.5); s.sendall(raw)
        got = b''
        try:
            while len(got) < 4096:
                piece = s.recv(4096)
                if not piece: break
                got += piece
                if more: s.sendall(more); more = b''
        except OSError: pass
        return got
def refused(got, what): print('DENIED' if b' 200 ' not in got[:16] and not got.startswith(b'HTTP/1.0 200') else 'ESCAPED', what[:60], got[:40])
for host in ('127.0.0.1', '127.0.0.2', '127.1', '2130706433', '0x7f000001', '0177.0.0.1', '0.0.0.0', '[::1]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[0:0:0:0:0:ffff:7f00:0001]', 'localhost', 'LOCALHOST.', '127.0.0.1.nip.io', '169.254.169.254', 'user@127.0.0.1', '127.0.0.1:80@127.0.0.1', '127.0.0.1%00.example.invalid', '127.0.0.1\0.example.invalid', '127.0.0.1#', '127.0.0.1\t', 'ⓛocalhost'):
    refused(ask(f'CONNECT {host}:{{PORT}} HTTP/1.1\r\n\r\n'.encode()), host)
    refused(ask(f'GET http://{host}:{{PORT}}/ HTTP/1.1\r\nHost: 127.0.0.1:{{PROXIED}}\r\n\r\n'.encode()), host)
