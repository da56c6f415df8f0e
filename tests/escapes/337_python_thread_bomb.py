# id: 337
# name: python_thread_bomb
# category: resource
# expect: contained
# detail: threads end at a limit
# inprocess: no
import threading, time
threading.stack_size(32768); n = 0
try:
    while n < 20000: threading.Thread(target=time.sleep, args=(60,), daemon=True).start(); n += 1
    print('ESCAPED', n)
except (RuntimeError, MemoryError) as e: print('DENIED after', n, e)
