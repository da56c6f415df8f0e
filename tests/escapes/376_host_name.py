# id: 376
# name: host_name
# category: object-graph
# expect: denied
# detail: the environment, the user and the command line say nothing of the host
# inprocess: no
import os, sys, getpass, platform
text = repr((dict(os.environ), sys.argv, sys.orig_argv if hasattr(sys, 'orig_argv') else '', os.getcwd(), sys.flags))
print('ESCAPED' if '{{SECRET}}' in text or 'CANARY' in text else 'DENIED', len(text))
try: os.getlogin(); print('ESCAPED')
except OSError as e: print('DENIED', e)
