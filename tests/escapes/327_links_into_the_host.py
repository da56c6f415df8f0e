# id: 327
# name: links_into_the_host
# category: fs-read
# expect: denied
# detail: symbolic links and .. lead nowhere else
# inprocess: no
import os
os.symlink('/', 'root'); os.symlink('{{CANARY}}', 'canary'); os.symlink('../' * 40 + '{{CANARY}}'[1:], 'up')
for name in ('root{{CANARY}}/secret.txt', 'canary/secret.txt', 'up/secret.txt', '../' * 40 + '{{CANARY}}/secret.txt', '/..{{CANARY}}/secret.txt', '/workdir/../{{CANARY}}/secret.txt'):
    for read in (lambda: open(name).read(), lambda: os.listdir(os.path.dirname(name))):
        try: print('ESCAPED', read())
        except OSError as e: print('DENIED', e)
