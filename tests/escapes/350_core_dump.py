# id: 350
# name: core_dump
# category: resource
# expect: contained
# detail: a crash leaves no core anywhere
# inprocess: no
import os, signal
signal.signal(signal.SIGSEGV, signal.SIG_DFL); os.kill(os.getpid(), signal.SIGSEGV)
