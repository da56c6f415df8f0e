# id: 367
# name: random_in_siblings
# category: runtime
# expect: harmless
# detail: hash seeds aside, siblings draw other numbers (the runner compares two sandboxes)
# inprocess: no
import os, random, uuid, secrets, tempfile
result = None
print(len({random.random(), uuid.uuid4().int, secrets.token_hex(), os.urandom(8)}) == 4)
