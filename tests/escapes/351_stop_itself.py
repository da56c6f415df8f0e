# id: 351
# name: stop_itself
# category: resource
# expect: contained
# detail: a program that stops itself is killed at its time limit
# inprocess: no
import os, signal
os.kill(os.getpid(), signal.SIGSTOP)
