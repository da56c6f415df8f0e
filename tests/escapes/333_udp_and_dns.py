# id: 333
# name: udp_and_dns
# category: network
# expect: denied
# detail: no datagram leaves, no name is looked up
# inprocess: no
import socket
for act in (lambda: socket.socket(2, 2).sendto(b'pwned', ('127.0.0.1', {{UPORT}})), lambda: socket.getaddrinfo('localhost', {{PORT}}) and socket.create_connection(('localhost', {{PORT}}), 1), lambda: socket.create_connection(('::1', {{PORT}}), 1), lambda: socket.create_connection(('2130706433', {{PORT}}), 1), lambda: socket.gethostbyname('example.com')):
    try: print('ESCAPED', act())
    except OSError as e: print('DENIED', e)
