# id: 402
# name: daemon_by_double_fork
# category: process
# expect: contained
# detail: a daemon with a session of its own ends when the sandbox does
# inprocess: no
# options: {"processes": 8}
import os, signal, time
if os.fork() == 0:
    os.setsid()
    for n in range(1, 32):
        try: signal.signal(n, signal.SIG_IGN)
        except OSError: pass
    if os.fork() == 0:
        os.closerange(0, 64)
        while True:
            time.sleep(0.05)
            try: open('{{CANARY}}/pwned_daemon', 'w')
            except OSError: pass
    os._exit(0)
print('started')
