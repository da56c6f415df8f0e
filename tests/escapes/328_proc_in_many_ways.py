# id: 328
# name: proc_in_many_ways
# category: fs-read
# expect: denied
# detail: no process is read through /proc, nor the kernel
# inprocess: no
import os
for name in ('/proc/1/environ', '/proc/{{VICTIM}}/environ', '/proc/{{VICTIM}}/cmdline', '/proc/{{VICTIM}}/maps', '/proc/{{VICTIM}}/mem', '/proc/{{VICTIM}}/cwd/etc/passwd', '/proc/self/mem', '/proc/self/maps', '/proc/thread-self/environ', '/proc/kcore', '/proc/kmsg', '/proc/config.gz', '/proc/sched_debug', '/proc/mounts', '/proc/self/mountinfo', '/proc/net/tcp', '/proc/sys/kernel/core_pattern', '/dev/kmsg', '/dev/mem', '/dev/port', '/dev/sda', '/dev/fd/3', '/dev/stdin', '/dev/tty', '/dev/ptmx', '/dev/shm', '/sys/kernel/notes', '/run', '/var/log', '/etc', '/home', '/root', '/tmp'):
    try:
        found = os.listdir(name) if os.path.isdir(name) else open(name, 'rb').read(64)
        print('ESCAPED' if '{{VICTIM}}' in name or (found and name.startswith(('/proc', '/sys', '/run', '/var'))) else 'own', name, str(found)[:60])
    except OSError as e: print('DENIED', e)
for name in ('/proc/{{VICTIM}}/exe', '/proc/{{VICTIM}}/cwd', '/proc/1/cwd'):
    try: print('ESCAPED', os.readlink(name))
    except OSError as e: print('DENIED', e)
