# id: 377
# name: memory_of_the_parent
# category: object-graph
# expect: denied
# detail: nothing in this process's own memory is a secret of the host
# inprocess: no
import ctypes, errno
_l = ctypes.CDLL(None, use_errno=True); _l.syscall.restype = ctypes.c_long
def sc(n, *a):
    ctypes.set_errno(0)
    r = _l.syscall(ctypes.c_long(n), *[x if isinstance(x, (bytes, ctypes.Array)) else ctypes.c_long(x) for x in a])
    return r, errno.errorcode.get(ctypes.get_errno(), "")
def verdict(r):
    print("ESCAPED" if r[0] >= 0 else "DENIED", r)
import gc, sys
needle = '{{SECRET}}'; found = [o for o in gc.get_objects() if isinstance(o, (str, dict)) and not (isinstance(o, dict) and 'needle' in o) and needle in repr(o)[:100000]]
print('DENIED' if len(found) == 0 else 'found %d, all from this program' % len(found))
