# id: 431
# name: locks_without_number
# category: resource
# expect: contained
# detail: locks on ranges of files are memory of the kernel: no number of them is held
# inprocess: no
import fcntl, os, struct
files = [os.open('l%d' % n, os.O_CREAT | os.O_RDWR) for n in range(100)]
for command in (37, 38):
    n = 0
    try:
        while n < 30000:
            for fd in files: fcntl.fcntl(fd, command, struct.pack('hhqqi4x', 1, 0, n, 1, 0)); n += 1
            n += 1
        print('ESCAPED', n)
    except OSError as e: print('DENIED after', n, e)
for n in range(0, 200000, 2):
    fcntl.fcntl(files[n % 100], 6, struct.pack('hhqqi4x', 1, 0, n, 1, 0))
