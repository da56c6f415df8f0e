# id: 344
# name: many_small_files
# category: fs-write
# expect: contained
# detail: a limit ends the making of files, folders, links and fifos
# inprocess: no
import os
n = 0
try:
    while n < 60000:
        os.mkdir('d%d' % n); os.symlink('x', 'l%d' % n); os.mkfifo('p%d' % n); os.close(os.open('f%d' % n, os.O_CREAT)); n += 4
    print('ESCAPED', n)
except OSError as e: print('DENIED after', n, e)
