# id: 329
# name: shared_folders
# category: fs-write
# expect: denied
# detail: nothing is written where other processes look
# inprocess: no
import os
for name in ('/dev/shm/pwned', '/tmp/../tmp/../../dev/shm/pwned', '/var/tmp/pwned', '/run/lock/pwned', '/run/pwned', '/dev/mqueue/pwned', '/var/crash/pwned', '/usr/local/lib/pwned', '/lib/pwned', '/etc/pwned', '/home/pwned', '/var/spool/cron/pwned'):
    try: open(name, 'w').write('x'); print('ESCAPED', name)
    except OSError as e: print('DENIED', e)
