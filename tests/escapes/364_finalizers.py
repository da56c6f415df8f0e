# id: 364
# name: finalizers
# category: runtime
# expect: harmless
# detail: what runs when objects and the interpreter end has no more rights
# inprocess: no
import atexit, gc, os, sys, threading, weakref
class E:
    def __del__(self):
        try: open('{{CANARY}}/pwned_del', 'w')
        except OSError: pass
keep = E(); weakref.finalize(keep, lambda: open('{{CANARY}}/pwned_fin', 'w')); gc.callbacks.append(lambda *a: os.listdir('.'))
threading._register_atexit(lambda: open('{{CANARY}}/pwned_thread', 'w'))
sys.settrace(lambda *a: None); sys.setprofile(lambda *a: None)
