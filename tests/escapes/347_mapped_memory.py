# id: 347
# name: mapped_memory
# category: resource
# expect: contained
# detail: shared, anonymous and huge mappings are bounded
# inprocess: no
import mmap
keep, n = [], 0
try:
    while n < 64:
        for flags in (mmap.MAP_SHARED, mmap.MAP_PRIVATE, mmap.MAP_SHARED | 0x40000):
            try: m = mmap.mmap(-1, 64 << 20, flags=flags | mmap.MAP_ANONYMOUS)
            except OSError as e:
                if flags & 0x40000: continue
                raise
            if flags & 0x40000: print('ESCAPED: huge pages of the host')
            m[::4096] = b'x' * (len(m) // 4096); keep.append(m); n += 1
    print('ESCAPED', n)
except (OSError, MemoryError, ValueError) as e: print('DENIED after', n, e)
