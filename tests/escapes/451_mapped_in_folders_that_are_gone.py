# id: 451
# name: mapped_in_folders_that_are_gone
# category: fs-write
# expect: contained
# detail: files that are mapped count too where they were deleted with their folder, whatever they were called
# inprocess: no
import mmap, os
kept = []
try:
    while len(kept) < 15:
        os.mkdir('d'); handle = os.open('d/x (deleted)', os.O_CREAT | os.O_RDWR)
        for _ in range(48): os.write(handle, bytes(1 << 20))
        kept.append(mmap.mmap(handle, 4096)); os.close(handle)
        os.unlink('d/x (deleted)'); os.rmdir('d')
    print('ESCAPED', len(kept))
except OSError as e: print('DENIED after', len(kept), e)
