# id: 406
# name: read_by_shell
# category: fs-read
# expect: denied
# detail: a shell sees the sandbox's room only
# inprocess: no
# options: {"processes": 8}
import subprocess
r = subprocess.run('cat {{CANARY}}/secret.txt {{CANARY}}/home/.ssh/id_rsa /etc/shadow /proc/1/environ; env; ls /home /var /tmp/..', shell=True, capture_output=True, text=True)
print('ESCAPED' if 'CANARY' in r.stdout or 'PRIVATE' in r.stdout or '{{SECRET}}' in r.stdout else 'DENIED', r.stdout[:100], r.stderr[:100])
