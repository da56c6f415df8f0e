# id: 378
# name: thread_bomb_in_every_thread
# category: resource
# expect: contained
# detail: threads that all start threads, without Python and without rest, outrun no limit
# inprocess: no
import ctypes, mmap, threading, time
code = mmap.mmap(-1, 4096, prot=7)
# for ever: clone(0x10f00, stack), in the parent and in the child; the parent counts
code.write(bytes.fromhex('b838000000' 'bf000f0100' '0f05' '4885c0' '7eef' 'f049ff01' 'ebe9'))
bomb = ctypes.CFUNCTYPE(ctypes.c_long, *[ctypes.c_long] * 6)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
stacks = mmap.mmap(-1, 1 << 20); top = ctypes.addressof(ctypes.c_char.from_buffer(stacks)) + (1 << 19)
made = ctypes.c_long()
threading.Thread(target=bomb, args=(0, top, 0, 0, 0, ctypes.addressof(made)), daemon=True).start()
end = time.monotonic() + 1
while time.monotonic() < end and made.value < 3000: pass
print('ESCAPED' if made.value >= 3000 else 'DENIED after', made.value, flush=True)
