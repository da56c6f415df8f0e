# id: 311
# name: fcntl_sigio_owner
# category: process
# expect: denied
# detail: the owner of a descriptor, who gets its signals, cannot be another process
# inprocess: no
import ctypes, errno
_l = ctypes.CDLL(None, use_errno=True); _l.syscall.restype = ctypes.c_long
def sc(n, *a):
    ctypes.set_errno(0)
    r = _l.syscall(ctypes.c_long(n), *[x if isinstance(x, (bytes, ctypes.Array)) else ctypes.c_long(x) for x in a])
    return r, errno.errorcode.get(ctypes.get_errno(), "")
def verdict(r):
    print("ESCAPED" if r[0] >= 0 else "DENIED", r)
import fcntl, os, signal, struct, time
r, w = os.pipe()
for act in (lambda: fcntl.fcntl(r, fcntl.F_SETOWN, {{VICTIM}}), lambda: fcntl.fcntl(r, fcntl.F_SETSIG, 9), lambda: fcntl.fcntl(r, 15, struct.pack('ii', 1, {{VICTIM}}))):
    try: act(); print('ESCAPED: an owner or a signal was set')
    except OSError as e: print('DENIED', e)
try: fcntl.fcntl(r, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
except OSError as e: print('DENIED', e)
os.write(w, b'x'); time.sleep(0.1)
