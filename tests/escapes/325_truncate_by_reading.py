# id: 325
# name: truncate_by_reading
# category: fs-write
# expect: denied
# detail: a file that may only be read cannot be emptied by opening it
# inprocess: no
import os
for name in ('{{CANARY}}/secret.txt', os.__file__, '/etc/ld.so.cache'):
    for flags in (os.O_RDONLY | os.O_TRUNC, os.O_WRONLY | os.O_APPEND, os.O_RDWR, os.O_RDONLY | os.O_CREAT | os.O_TRUNC):
        try: print('ESCAPED', name, flags, os.open(name, flags))
        except OSError as e: print('DENIED', e)
