# id: 362
# name: paths_in_values
# category: rpc
# expect: harmless
# detail: values that name files, classes and handles open nothing on the host
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
for value in ({'$': 'path', 'v': '{{CANARY}}/secret.txt'}, {'$': 'handle', 'v': 1, 'id': 1, 'side': 'host'}, {'$': 'enum', 'c': 'os:environ', 'v': 1}, {'$': 'dataclass', 'c': 'subprocess.Popen', 'v': {'args': 'touch {{CANARY}}/pwned_value'}}, {'$': 'ndarray', 'd': 'O', 's': [1 << 40], 'v': ''}):
    raw(frame(json.dumps({'t': 'call', 'id': 100000 + hash(str(value)) % 1000, 'name': 'echo', 'args': [value], 'kw': {}}).encode()))
import time; time.sleep(0.2)
