# id: 330
# name: interpreter_files
# category: fs-write
# expect: denied
# detail: the interpreter's own files, which other sandboxes run, cannot be changed
# inprocess: no
import os, sys, json
for folder in (os.path.dirname(json.__file__), os.path.dirname(os.__file__), sys.prefix, '{{PREFIX}}', *[p for p in sys.path if p]):
    for name in ('pwned.py', '__pycache__/pwned.pyc', '__init__.py'):
        try: os.close(os.open(os.path.join(folder, name), os.O_WRONLY | os.O_CREAT)); print('ESCAPED', folder, name)
        except OSError as e: print('DENIED', e)
