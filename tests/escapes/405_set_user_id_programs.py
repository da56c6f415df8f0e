# id: 405
# name: set_user_id_programs
# category: process
# expect: denied
# detail: programs with rights of their own give none
# inprocess: no
# options: {"processes": 8}
import os, subprocess
for command in (['su', '-c', 'id'], ['mount', '-t', 'tmpfs', 'x', '.'], ['passwd'], ['unshare', '-Ur', 'id'], ['unshare', '-m', 'id'], ['chroot', '.', 'id'], ['nsenter', '-t', '1', '-m', 'id'], ['newgrp']):
    try: r = subprocess.run(command, capture_output=True, text=True, timeout=1, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as e: print('DENIED', e); continue
    print('ESCAPED' if 'uid=0' in r.stdout else 'DENIED', command, r.returncode)
open('own', 'w').write('#!/bin/sh\nid'); 
for act in (lambda: os.chmod('own', 0o4755), lambda: os.open('own2', os.O_CREAT, 0o4755)):
    try: act(); print('ESCAPED: set-user-id')
    except OSError as e: print('DENIED', e)
