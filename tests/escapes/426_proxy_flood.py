# id: 426
# name: proxy_flood
# category: network
# expect: contained
# detail: thousands of connections to the proxy do not stop the host
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
keep = []
try:
    while len(keep) < 5000:
        s = socket.create_connection(('127.0.0.1', PROXY), 1); s.sendall(b'CONNECT 127.0.0.1:{{PROXIED}} HTTP/1.1\r\n'); keep.append(s)
    print('ESCAPED', len(keep))
except OSError as e: print('DENIED after', len(keep), e)
