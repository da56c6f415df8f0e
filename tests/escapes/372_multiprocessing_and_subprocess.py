# id: 372
# name: multiprocessing_and_subprocess
# category: process
# expect: denied
# detail: no library starts a process
# inprocess: no
import multiprocessing as m, os, pty, subprocess, concurrent.futures as c
for act in (lambda: subprocess.run(['true']), lambda: m.get_context('fork').Process(target=print).start(), lambda: m.get_context('spawn').Process(target=print).start(), lambda: m.get_context('forkserver').Process(target=print).start(), lambda: os.popen('id').read() or 1 / 0, lambda: pty.fork(), lambda: os.forkpty(), lambda: os.spawnlp(os.P_NOWAIT, 'true', 'true')):
    try: print('ESCAPED', act())
    except (OSError, ValueError, EOFError, ZeroDivisionError, RuntimeError, AttributeError) as e: print('DENIED', e)
