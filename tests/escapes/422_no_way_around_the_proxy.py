# id: 422
# name: no_way_around_the_proxy
# category: network
# expect: denied
# detail: sockets reach the proxy and nothing else
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
for family, kind, address in ((2, 1, ('127.0.0.1', {{PORT}})), (2, 1, ('127.0.0.1', {{PROXIED}})), (2, 2, ('127.0.0.1', {{UPORT}})), (2, 1, ('169.254.169.254', 80)), (2, 1, ('8.8.8.8', 53)), (1, 1, '{{SOCK}}'), (1, 1, '\0{{ABS}}'), (1, 2, '{{DSOCK}}'), (10, 1, ('::1', {{PORT}}))):
    try:
        s = socket.socket(family, kind); s.settimeout(1); s.connect(address); print('ESCAPED', address)
    except OSError as e: print('DENIED', e)
for act in (lambda s: s.bind(('127.0.0.1', 0)), lambda s: s.listen(), lambda s: s.setsockopt(1, 26, b'x' * 16), lambda s: s.setsockopt(0, 19, 1), lambda s: s.setsockopt(6, 31, b'tls')):
    try: act(socket.socket()); print('ESCAPED')
    except OSError as e: print('DENIED', e)
for kind, protocol in ((3, 1), (1, 262), (1, 132), (5, 132), (2, 17), (3, 255)):
    try: socket.socket(2, kind, protocol); print('ESCAPED', kind, protocol)
    except OSError as e: print('DENIED', e)
