# id: 359
# name: forged_answer_kinds
# category: rpc
# expect: protocol
# detail: frames with wrong types in every field are refused
# inprocess: no
import os, socket, stat, struct, json
def rpc_fd():
    for fd in range(3, 64):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode): return fd
        except OSError: pass
    raise SystemExit('no rpc fd')
FD = rpc_fd()
def frame(b): return struct.pack('<I', len(b)) + b
def raw(b):
    while b: b = b[os.write(FD, b):]
raw(frame(json.dumps({'t': 'call', 'id': True, 'name': 'echo', 'args': [], 'kw': {}}).encode()))
for bad in ({'t': ['call']}, {'t': 'final'}, {'t': 'call', 'id': 1.5, 'name': 'echo', 'args': {}, 'kw': []}, {'t': 'hello', 'v': 1, 'pid': 1, 'python': 'x'}, [], None):
    raw(frame(json.dumps(bad).encode()))
