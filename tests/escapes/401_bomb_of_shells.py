# id: 401
# name: bomb_of_shells
# category: process
# expect: contained
# detail: a fork bomb of shells ends at the number that was granted, and with the session
# inprocess: no
# options: {"processes": 8}
import subprocess
for _ in range(50):
    try: subprocess.Popen(['sh', '-c', 'b() { b | b & }; b; sleep 60'], stderr=subprocess.DEVNULL)
    except OSError as e: print('DENIED', e); break
else: print('ESCAPED')
