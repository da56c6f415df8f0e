# id: 423
# name: smuggled_requests
# category: network
# expect: denied
# detail: a second request in one connection, and one in the body, reach nobody
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
first = b'GET http://127.0.0.1:{{PROXIED}}/ HTTP/1.1\r\nHost: x\r\n'
second = b'GET http://127.0.0.1:{{PORT}}/ HTTP/1.1\r\nHost: y\r\n\r\n'
for head in (first + b'\r\n' + second, first + b'Content-Length: 5\r\nContent-Length: 500\r\n\r\n' + second, first + b'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n' + second, first + b'Content-Length: 0\r\n\r\n' + second, first + b'X: a\r\n b\r\n\r\n', first + b'X : a\r\n\r\n', first + b'Content-Length: +5\r\n\r\nhello', b'GET / HTTP/1.1\r\nHost: 127.0.0.1:{{PROXIED}}\r\n\r\n', b'GET https://127.0.0.1:{{PROXIED}}/ HTTP/1.1\r\n\r\n', b'CONNECT 127.0.0.1:{{PROXIED}}@127.0.0.1:{{PORT}} HTTP/1.1\r\n\r\n', b'GET http://127.0.0.1:{{PROXIED}}\\@127.0.0.1:{{PORT}}/ HTTP/1.1\r\n\r\n', b'\0' * 100 + b'\r\n\r\n', b'A' * 100000):
    got = ask(head)
    print('ESCAPED' if got.count(b'HTTP/1.') > 1 else 'DENIED', head[:40], got[:30])
