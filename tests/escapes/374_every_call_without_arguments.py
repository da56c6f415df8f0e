# id: 374
# name: every_call_without_arguments
# category: kernel
# expect: denied
# detail: no call with empty arguments does more than ask
# inprocess: no
import ctypes, errno
_l = ctypes.CDLL(None, use_errno=True); _l.syscall.restype = ctypes.c_long
def sc(n, *a):
    ctypes.set_errno(0)
    r = _l.syscall(ctypes.c_long(n), *[x if isinstance(x, (bytes, ctypes.Array)) else ctypes.c_long(x) for x in a])
    return r, errno.errorcode.get(ctypes.get_errno(), "")
def verdict(r):
    print("ESCAPED" if r[0] >= 0 else "DENIED", r)
skip = {0, 1, 3, 7, 15, 23, 34, 35, 60, 61, 81, 80, 13, 14, 16, 130, 202, 219, 230, 231, 232, 247, 270, 271, 281, 11, 12, 33, 218, 273, 24, 128, 436, 158, 3, 9, 10, 25, 32, 22, 37, 38, 41, 436, 131, 95, 441, 449, 334, 335, 336}
allowed = []
for n in range(450):
    if n in skip: continue
    r = sc(n, -1, -1, -1, -1, -1, -1)
    if r[0] >= 0: allowed.append(n)
print('allowed', allowed)
for n in (57, 58, 59, 101, 105, 106, 113, 117, 119, 155, 161, 165, 166, 169, 175, 246, 250, 272, 298, 308, 310, 321, 322, 323, 425): print('ESCAPED' if n in allowed else 'DENIED', n)
