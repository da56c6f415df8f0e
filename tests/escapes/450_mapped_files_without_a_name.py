# id: 450
# name: mapped_files_without_a_name
# category: fs-write
# expect: contained
# detail: files that never had a name and are mapped and closed count, however few pages of each are mapped
# inprocess: no
import mmap, os
kept = []
try:
    while len(kept) < 15:
        handle = os.open('.', os.O_TMPFILE | os.O_RDWR)
        for _ in range(48): os.write(handle, bytes(1 << 20))
        kept.append(mmap.mmap(handle, 4096)); os.close(handle)
    print('ESCAPED', len(kept))
except OSError as e: print('DENIED after', len(kept), e)
