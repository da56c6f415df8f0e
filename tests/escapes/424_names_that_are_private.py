# id: 424
# name: names_that_are_private
# category: network
# expect: denied
# detail: a name that turns out to be this machine is refused, though it is named
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
refused(ask(b'CONNECT localhost:{{PORT}} HTTP/1.1\r\n\r\n', b'GET / HTTP/1.1\r\n\r\n'), 'localhost')
refused(ask(b'GET http://localhost:{{PORT}}/ HTTP/1.1\r\n\r\n'), 'localhost')
