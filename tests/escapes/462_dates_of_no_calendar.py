# id: 462
# name: dates_of_no_calendar
# category: rpc
# expect: protocol
# detail: the form in which Python pickles a date is none on the wire: its parts would be checked by nobody
# inprocess: no
import os, socket, stat, struct, json
def rpc_fd():
    for fd in range(3, 64):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode): return fd
        except OSError: pass
    raise SystemExit("no rpc fd")
FD = rpc_fd()
def raw(b):
    while b: b = b[os.write(FD, b):]
def send(**f): b = json.dumps(f).encode(); raw(struct.pack("<I", len(b)) + b)
def call(*args): send(t="call", id=900, name="{{TOOL}}", args=list(args), kw={})
call({"$": "datetime", "v": [["\x07\xe4\x01" + "\xff" * 7], 0, None]})
import time; time.sleep(20)
