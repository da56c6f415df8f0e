# id: 326
# name: rename_in_and_out
# category: fs-write
# expect: denied
# detail: nothing is moved or linked across the border, by any of the calls
# inprocess: no
import os
open('mine', 'w').write('pwned')
here = os.open('.', os.O_PATH)
there = -1
try: there = os.open('{{CANARY}}', os.O_PATH)
except OSError as e: print('DENIED', e)
acts = [lambda: os.rename('mine', '{{CANARY}}/pwned1'), lambda: os.link('mine', '{{CANARY}}/pwned2'), lambda: os.symlink('x', '{{CANARY}}/pwned3'), lambda: os.mkdir('{{CANARY}}/pwned4'), lambda: os.rename('{{CANARY}}/secret.txt', 'stolen'), lambda: os.unlink('{{CANARY}}/secret.txt'), lambda: os.rmdir('{{CANARY}}/home'), lambda: os.mkfifo('{{CANARY}}/pwned5')]
if there >= 0: acts += [lambda: os.rename('mine', 'pwned6', dst_dir_fd=there), lambda: os.open('pwned7', os.O_CREAT | os.O_WRONLY, dir_fd=there), lambda: os.open('secret.txt', os.O_RDONLY, dir_fd=there), lambda: os.open('.', os.O_TMPFILE | os.O_RDWR, dir_fd=there), lambda: os.fchdir(there) or open('secret.txt')]
for act in acts:
    try: act(); print('ESCAPED')
    except OSError as e: print('DENIED', e)
os.fchdir(here)
