# id: 403
# name: forge_frames_from_a_child
# category: rpc
# expect: harmless
# detail: a process that was started has no hold of the wire
# inprocess: no
# options: {"processes": 8}
import os, subprocess, stat
code = """
import os, stat
for fd in range(3, 64):
    try:
        if stat.S_ISSOCK(os.fstat(fd).st_mode): print('ESCAPED: a socket', fd); os.write(fd, b'\\x02\\0\\0\\0{}')
    except OSError: pass
"""
import sys
print(subprocess.run(['{{PREFIX}}/bin/python3', '-I', '-c', code], capture_output=True, text=True).stdout)
if os.fork() == 0:
    try: os.write(3, b'\x02\0\0\0{}'); print('ESCAPED: wrote to the wire')
    except OSError as e: print('DENIED', e)
    os._exit(0)
os.wait()
