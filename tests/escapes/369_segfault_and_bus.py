# id: 369
# name: segfault_and_bus
# category: native
# expect: contained
# detail: native crashes end this sandbox only
# inprocess: no
import ctypes
ctypes.string_at(0)
