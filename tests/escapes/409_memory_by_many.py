# id: 409
# name: memory_by_many
# category: resource
# expect: contained
# detail: many processes together use no more memory than one may
# inprocess: no
# options: {"processes": 8}
import os, time
for _ in range(7):
    if os.fork() == 0:
        try: x = bytearray(900 << 20)
        except MemoryError: pass
        time.sleep(60)
time.sleep(60)
