# id: 408
# name: trace_the_worker
# category: process
# expect: denied
# detail: a process does not trace its parent, or write to its memory
# inprocess: no
# options: {"processes": 8}
import ctypes, os
l = ctypes.CDLL(None, use_errno=True); parent = os.getpid()
if os.fork() == 0:
    for request in (16, 0x4206):
        print('ESCAPED' if l.ptrace(request, parent, 0, 0) == 0 else 'DENIED')
    print('ESCAPED' if l.process_vm_writev(parent, 0, 0, 0, 0, 0) >= 0 else 'DENIED')
    os._exit(0)
os.wait()
