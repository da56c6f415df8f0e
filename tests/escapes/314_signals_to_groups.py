# id: 314
# name: signals_to_groups
# category: process
# expect: denied
# detail: no signal to a process group, the own session or everybody
# inprocess: no
import ctypes, errno
_l = ctypes.CDLL(None, use_errno=True); _l.syscall.restype = ctypes.c_long
def sc(n, *a):
    ctypes.set_errno(0)
    r = _l.syscall(ctypes.c_long(n), *[x if isinstance(x, (bytes, ctypes.Array)) else ctypes.c_long(x) for x in a])
    return r, errno.errorcode.get(ctypes.get_errno(), "")
def verdict(r):
    print("ESCAPED" if r[0] >= 0 else "DENIED", r)
import os, signal
for target in (0, -1, -os.getpgrp() or -1, -{{VICTIM}}, {{VICTIM}}, os.getppid() or 2):
    if target == os.getpid(): continue
    try: os.kill(target, signal.SIGCONT); print('ESCAPED', target)
    except OSError as e: print('DENIED', target, e)
