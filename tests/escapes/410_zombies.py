# id: 410
# name: zombies
# category: resource
# expect: contained
# detail: orphans are reaped, so that they do not use up the number
# inprocess: no
# options: {"processes": 8}
import os
for n in range(100):
    for _ in range(50):
        try: pid = os.fork(); break
        except OSError: import time; time.sleep(0.01)
    else: print('no more after', n); raise SystemExit
    if pid == 0:
        if os.fork() == 0: os._exit(0)
        os._exit(0)
    os.waitpid(pid, 0)
print('all')
