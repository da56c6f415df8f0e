# id: 447
# name: first_thread_ends
# category: fs-write
# expect: contained
# detail: deleted files count too where a program's first thread has ended and others go on writing
# inprocess: no
import ctypes, os, threading, time
def write():
    time.sleep(0.1)
    kept = []
    while len(kept) < 15:
        kept.append(os.open('f', os.O_CREAT | os.O_WRONLY))
        os.unlink('f')
        for _ in range(48): os.write(kept[-1], bytes(1 << 20))
    print("ESCAPED", len(kept)); time.sleep(9)
threading.Thread(target=write).start()
ctypes.CDLL(None).syscall(60, 0)
