# id: 436
# name: watches_of_epolls
# category: resource
# expect: contained
# detail: epolls that watch every descriptor many times hold little of the kernel's memory
# inprocess: no
import os, select
n, polls, ends = 0, [select.epoll() for _ in range(40)], [os.pipe() for _ in range(20)]
top = max(map(max, ends)) + 1
for end in (each for pair in ends for each in pair):
    try:
        for fd in range(top, 4096): os.dup2(end, fd)
    except OSError: pass
    last = fd
    for poll in polls:
        for fd in range(top, last):
            try: poll.register(fd, 1); n += 1
            except OSError as e: print('DENIED after', n, e); break
    os.closerange(top, last)
print('ESCAPED' if n > 200000 else 'DENIED', n)
