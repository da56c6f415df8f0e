# id: 407
# name: kill_the_first
# category: process
# expect: contained
# detail: the first process of the sandbox cannot be stopped from inside; signals reach nobody outside
# inprocess: no
# options: {"processes": 8}
import os, signal
for target in (1, -1, {{VICTIM}}, -{{VICTIM}}):
    for number in (9, 19, 2, 15, 17):
        if target == -1: continue
        try: os.kill(target, number); print('sent', target, number) if target == 1 else print('ESCAPED', target)
        except OSError as e: print('DENIED', target, e)
if os.fork() == 0:
    os.kill(-1, 9)
    os._exit(0)
