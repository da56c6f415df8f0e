# id: 331
# name: unix_datagram_path
# category: network
# expect: denied
# detail: a datagram to a socket of the host (its log, its service manager), by a pair that needs no connect
# inprocess: no
import socket
for make in (lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0], lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)[0], lambda: socket.socketpair()[0], lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)):
    for address in ('{{DSOCK}}', '\0{{DABS}}', '{{SOCK}}', '\0{{ABS}}', '/dev/log', '/run/systemd/journal/dev-log', '/run/systemd/notify'):
        for send in (lambda s: s.sendto(b'pwned', address), lambda s: s.sendmsg([b'pwned'], [], 0, address)):
            try:
                s = make(); send(s)
                if s.type != socket.SOCK_SEQPACKET: print('ESCAPED', address)  # a pair of that kind sends to its other end only
            except OSError as e: print('DENIED', e)
