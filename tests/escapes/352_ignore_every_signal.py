# id: 352
# name: ignore_every_signal
# category: resource
# expect: contained
# detail: a program that takes or blocks every signal is killed at its time limit
# inprocess: no
import signal, time
for n in range(1, 65):
    try: signal.signal(n, signal.SIG_IGN)
    except (OSError, ValueError): pass
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
while True: time.sleep(1)
