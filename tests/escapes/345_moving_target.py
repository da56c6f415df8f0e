# id: 345
# name: moving_target
# category: fs-write
# expect: contained
# detail: files that are moved about while they grow are counted
# inprocess: no
import os, threading
def move():
    while True:
        for a, b in (('a', 'b'), ('b', 'a')):
            try: os.rename(a + '/x', b + '/x')
            except OSError: pass
os.makedirs('a/x'); os.mkdir('b'); home = os.open('a/x', os.O_RDONLY)
for _ in range(2): threading.Thread(target=move, daemon=True).start()
held = 0
try:
    for n in range(200):
        fd = os.open('f%d' % n, os.O_CREAT | os.O_WRONLY, dir_fd=home)
        for _ in range(16): held += os.write(fd, b'x' * (1 << 20))
        os.close(fd)
        if held > 512 << 20: print('ESCAPED: much more than the quota', held, flush=True); break
except OSError as e: print('DENIED after', held, e)
