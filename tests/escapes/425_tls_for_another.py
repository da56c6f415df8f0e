# id: 425
# name: tls_for_another
# category: network
# expect: denied
# detail: a tunnel to one host does not greet another
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
name = b'other.example'
sni = b'\0\0' + (len(name) + 5).to_bytes(2, 'big') + (len(name) + 3).to_bytes(2, 'big') + b'\0' + len(name).to_bytes(2, 'big') + name
body = b'\x03\x03' + bytes(32) + b'\0' + b'\0\2\x13\1' + b'\1\0' + len(sni).to_bytes(2, 'big') + sni
hello = b'\1' + len(body).to_bytes(3, 'big') + body
record = b'\x16\x03\x01' + len(hello).to_bytes(2, 'big') + hello
got = ask(b'CONNECT 127.0.0.1:{{PROXIED}} HTTP/1.1\r\n\r\n', record)
print('ESCAPED' if b'greeted' in got else 'DENIED', got[:60])
