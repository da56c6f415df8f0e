# id: 368
# name: lock_shared_files
# category: fs-write
# expect: contained
# detail: locks on the host's files: its own folder's only, or for as long as the session lives
# inprocess: no
import fcntl, os
for name in ('{{CANARY}}/secret.txt',):
    try: f = open(name); fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB); print('ESCAPED')
    except OSError as e: print('DENIED', e)
