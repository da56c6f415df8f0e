# id: 324
# name: change_mode_and_times
# category: fs-write
# expect: denied
# detail: the mode and the times of the host's files stay as they were
# inprocess: no
import os
for name in ('{{CANARY}}/secret.txt', '{{CANARY}}', '/usr', os.__file__):
    try: before = os.stat(name)
    except OSError as e: print('DENIED', e); continue
    for act in (lambda: os.chmod(name, 0o7777), lambda: os.utime(name, (1, 1)), lambda: os.utime(name), lambda: os.truncate(name, 0)):
        try: act()
        except OSError as e: print('DENIED', e)
    after = os.stat(name)
    print('ESCAPED' if (before.st_mode, before.st_mtime_ns, before.st_size) != (after.st_mode, after.st_mtime_ns, after.st_size) else 'DENIED', name)
