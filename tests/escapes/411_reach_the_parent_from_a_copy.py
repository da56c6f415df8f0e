# id: 411
# name: reach_the_parent_from_a_copy
# category: process
# expect: contained
# options: {"forks": 2}
# detail: where sessions can be forked, a copy that a program makes of itself neither signals nor traces it nor reads its memory
# inprocess: no
import ctypes, os, signal, struct
l = ctypes.CDLL(None, use_errno=True); l.syscall.restype = ctypes.c_long
secret = ctypes.create_string_buffer(b'of the parent alone')
parent = os.getpid()
came, goes = os.pipe()
if l.fork() == 0:
    secret.value = b'of the copy'
    there = (ctypes.c_char * 20)()
    iov = lambda at: ctypes.create_string_buffer(struct.pack('QQ', at, 20))
    tries = {
        'kill': l.syscall(62, parent, 0), 'kill -1': l.syscall(62, -1, 9), 'kill 0': l.syscall(62, 0, 9), 'kill 1': l.syscall(62, 1, 9),
        'tkill': l.syscall(200, parent, 9), 'tgkill': l.syscall(234, parent, parent, 9), 'sigqueue': l.syscall(129, parent, 9, 0),
        'ptrace': l.syscall(101, 0x4206, parent, 0, 0), 'pidfd_open': l.syscall(434, parent, 0),
        'vm_readv': l.syscall(310, parent, iov(ctypes.addressof(there)), 1, iov(ctypes.addressof(secret)), 1, 0),
        'kcmp': l.syscall(312, parent, parent, 0, 0, 0), 'prlimit': l.syscall(302, parent, 7, iov(0), 0),
        'setpgid': l.syscall(109, 0, parent), 'unshare': l.syscall(272, 0x10000000), 'setpriority': l.syscall(141, 0, parent, 19),
    }
    os.write(goes, repr({name: got for name, got in tries.items() if got >= 0}).encode()); os._exit(0)
os.close(goes)
done = os.read(came, 1000).decode()
print('DENIED' if done == '{}' else 'ESCAPED ' + done)
