# id: 332
# name: sockets_of_every_kind
# category: network
# expect: denied
# detail: no socket of any family and kind
# inprocess: no
import socket
for family in range(0, 48):
    for kind in (1, 2, 3, 4, 5, 10):
        for protocol in (0, 1, 6, 17, 255):
            try: s = socket.socket(family, kind, protocol); print('ESCAPED', family, kind, protocol)
            except OSError: pass
            try: s = socket.socketpair(family, kind, protocol)
            except OSError: continue
            if family != 1: print('ESCAPED pair', family, kind)
print('DENIED')
