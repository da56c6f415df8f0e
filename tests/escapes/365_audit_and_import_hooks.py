# id: 365
# name: audit_and_import_hooks
# category: runtime
# expect: harmless
# detail: hooks stay in this sandbox
# inprocess: no
import sys, builtins
sys.addaudithook(lambda name, args: None); sys.meta_path.insert(0, type('H', (), {'find_spec': staticmethod(lambda *a: None)})); sys.path_hooks.clear()
builtins.open = builtins.print = builtins.len = None
