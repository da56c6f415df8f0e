# id: 452
# name: newest_calls
# category: kernel
# expect: denied
# detail: the calls of recent kernels are refused when they are made as they are meant: mounts, attributes, modules, futexes, seals
# inprocess: no
import ctypes, errno, struct
_l = ctypes.CDLL(None, use_errno=True); _l.syscall.restype = ctypes.c_long
def sc(n, *a):
    ctypes.set_errno(0)
    r = _l.syscall(ctypes.c_long(n), *[x if isinstance(x, (bytes, ctypes.Array)) else ctypes.c_long(x) for x in a])
    return r, errno.errorcode.get(ctypes.get_errno(), "")
room, word, size = ctypes.create_string_buffer(65536), ctypes.create_string_buffer(4), ctypes.create_string_buffer(struct.pack('I', 65536))
wait = ctypes.create_string_buffer(struct.pack('QQII', 1, ctypes.addressof(word), 2, 0))
mount = ctypes.create_string_buffer(struct.pack('IIQQ', 24, 0, 0xffffffffffffffff, 0x3f))
path, secret, times = b'mine', b'{{CANARY}}/secret.txt', ctypes.create_string_buffer(struct.pack('qq', 0, 1))
value = ctypes.create_string_buffer(struct.pack('QII', ctypes.addressof(room), 5, 0))
open('mine', 'w').close(); page = ctypes.create_string_buffer(3 * 4096); start = (ctypes.addressof(page) + 4095) & ~4095
tries = {
    'process_mrelease': (448, 0, 0), 'futex_waitv': (449, wait, 1, 0, times, 1), 'set_mempolicy_home_node': (450, start, 4096, 0, 0),
    'cachestat': (451, 0, room, room, 0), 'fchmodat2': (452, -100, path, 0o6777, 0), 'map_shadow_stack': (453, 0, 4096, 1),
    'futex_wake': (454, word, 1, 1, 2), 'futex_wait': (455, word, 1, 1, 2, times, 1), 'futex_requeue': (456, wait, 0, 1, 1),
    'statmount': (457, mount, room, 65536, 0), 'listmount': (458, mount, room, 100, 0), 'lsm_get_self_attr': (459, 100, room, size, 0),
    'lsm_set_self_attr': (460, 100, room, 100, 0), 'lsm_list_modules': (461, room, size, 0), 'mseal': (462, start, 4096, 0),
    'setxattrat': (463, -100, path, 0, b'user.x', value, 16), 'getxattrat': (464, -100, secret, 0, b'user.x', value, 16),
    'listxattrat': (465, -100, secret, 0, room, 65536), 'removexattrat': (466, -100, path, 0, b'user.x'),
    'open_tree_attr': (467, -100, b'/', 1, room, 32), 'file_getattr': (468, -100, secret, room, 24, 0), 'file_setattr': (469, -100, path, room, 24, 0),
    'listns': (470, room, room, 100, 0), 'quotactl_fd': (443, 0, 0x800007, 0, room), 'memfd_secret': (447, 0), 'epoll_ctl in x32': (0x3ffffff9, 0),
}
for name, call in tries.items():
    result = sc(*call); print('ESCAPED' if result[0] >= 0 else 'DENIED', name, result)
    if result[1] not in ('EPERM', 'ENOSYS'): print('ESCAPED: the kernel itself answered', name, result)
