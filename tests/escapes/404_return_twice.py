# id: 404
# name: return_twice
# category: rpc
# expect: harmless
# detail: a copy of the interpreter that lives on says nothing to the host
# inprocess: no
# options: {"processes": 8}
import os
if os.fork() == 0:
    try: {{TOOLCALL}}; print('ESCAPED: called a tool')
    except OSError as e: print('DENIED', e)
