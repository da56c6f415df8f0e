# id: 371
# name: preload_library
# category: native
# expect: denied
# detail: a library of its own gives native code and no more
# inprocess: no
import ctypes, os
open('evil.so', 'wb').write(b'\x7fELF' + b'\0' * 60)
try: ctypes.CDLL('./evil.so')
except OSError as e: print('DENIED', e)
os.environ['LD_PRELOAD'] = './evil.so'
try: os.execv('/bin/true', ['true']); print('ESCAPED')
except OSError as e: print('DENIED', e)
try: print('ESCAPED', os.posix_spawn('/bin/true', ['true'], {}))
except OSError as e: print('DENIED', e)
