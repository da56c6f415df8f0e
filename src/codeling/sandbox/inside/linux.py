"""The Linux primitives of the wall, through ctypes: no compiled extension, no library but libc.

Nothing here decides what is walled off; `zygote.py` does. Every call raises OSError where the kernel
refuses, so that no layer is taken for given.
"""

import ctypes
import errno
import os
import resource
import struct

from syscalls import ARCHITECTURES

__all__ = (
    "Plan",
    "call",
    "clone",
    "drop_capabilities",
    "landlock",
    "landlock_abi",
    "mount",
    "prctl",
    "unshare",
)

_libc = ctypes.CDLL(None, use_errno=True)
_syscall = _libc.syscall
_syscall.restype = ctypes.c_long
_python = ctypes.PyDLL(None)
_python.syscall.restype = ctypes.c_long
_after_fork = _python.PyOS_AfterFork_Child  # looked up here once, not in every child
MACHINE = os.uname().machine
AUDIT, CALLS, HIGHEST = ARCHITECTURES.get(MACHINE, (0, {}, 0))

NEWNS, NEWCGROUP, NEWUTS, NEWIPC = 0x20000, 0x02000000, 0x04000000, 0x08000000
NEWUSER, NEWPID, NEWNET = 0x10000000, 0x20000000, 0x40000000
ALL_NAMESPACES = NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET

RDONLY, NOSUID, NODEV, BIND, REC, PRIVATE = 1, 2, 4, 4096, 16384, 1 << 18
ATTR_RDONLY, ATTR_NOSUID, ATTR_NODEV = 1, 2, 4


def _check(result, what):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, "{}: {}".format(what, os.strerror(number)))
    return result


def _prepared(name, args):
    given = [ctypes.c_long(a) if isinstance(a, int) else os.fsencode(a) if isinstance(a, str) else a for a in args]
    return (ctypes.c_long(CALLS[name]), *given)


def call(name, *args):
    """Make a system call by name; ints, texts, buffers and objects of ctypes are its arguments."""
    return _check(_syscall(*_prepared(name, args)), name)


class Plan:
    """System calls that are written down here and made later, by the children of this process.

    All that they need is made here. So a child that makes them runs little code, and copies few pages of memory
    for itself: that is most of what it costs to start one.
    """

    def __init__(self):
        self._calls = []

    def add(self, name, *args, to=None, needed=True):
        """Write down a call, as `call` would make it. `to` is the C integer that gets its result; not `needed`, it may fail."""
        self._calls.append((name, _prepared(name, args), to, needed))

    def run(self):
        """Make the calls in their order. Raises OSError where the kernel refuses one that is needed."""
        for name, given, to, needed in self._calls:
            made = _syscall(*given)
            if made < 0 and needed:
                _check(made, name)
            if to is not None:
                to.value = made


def unshare(flags):
    """Leave these namespaces for new ones."""
    _check(_libc.unshare(ctypes.c_int(flags)), "unshare {:#x}".format(flags))


def mount(source, target, kind=None, flags=0, data=None):
    """Mount, as mount(2)."""
    _check(_syscall(*_prepared("mount", (source, target, kind, flags, data))), "mount {}".format(target))


def unmount(target):
    """Take a mount away as soon as nobody uses it."""
    _check(_libc.umount2(target.encode(), 2), "umount {}".format(target))


def mount_attributes(path, attributes, recursive):
    """Set attributes of a mount, and of all below it."""
    setting = ctypes.create_string_buffer(struct.pack("QQQQ", attributes, 0, 0, 0))
    call("mount_setattr", -100, os.fsencode(path), 0x8000 if recursive else 0, setting, 32)


def pivot_root(new, old):
    """Make `new` the root; the old root is found at `old`."""
    call("pivot_root", os.fsencode(new), os.fsencode(old))


def prctl(option, *args):
    """Set an attribute of this process."""
    given = [ctypes.c_ulong(a) for a in (*args, 0, 0, 0, 0)[:4]]
    _check(_libc.prctl(ctypes.c_int(option), *given), "prctl {}".format(option))


def dumpable():
    """Let this process write its own /proc files again after it has changed its user."""
    prctl(4, 1)


def die_with_parent():
    """Be killed when the parent ends."""
    prctl(1, 9)


def live_without_parent():
    """Live on when the thread that started this process ends."""
    prctl(1, 0)


def no_new_privileges(plan):
    """No exec can give more rights from here on."""
    plan.add("prctl", 38, 1, 0, 0, 0)


def drop_capabilities(plan):
    """Give up every capability, and every way of getting one back."""
    for capability in range(64):
        if _libc.prctl(23, ctypes.c_ulong(capability), *[ctypes.c_ulong(0)] * 3) < 0:
            break  # the kernel knows no more of them
        plan.add("prctl", 24, capability, 0, 0, 0, needed=False)
    for option, value in ((47, 4), (28, 0xEF)):  # ambient set; securebits, locked. Both need rights that may be gone
        plan.add("prctl", option, value, 0, 0, 0, needed=False)
    header = ctypes.create_string_buffer(struct.pack("Ii", 0x20080522, 0))
    plan.add("capset", header, ctypes.create_string_buffer(24))


def limit(plan, what, most):
    """Hold this process to so much of a resource, or to what it may have now if that is less."""
    hard = resource.getrlimit(what)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    plan.add("prlimit64", 0, what, struct.pack("QQ", most, most), None)


_THREAD_ID = 0


def find_thread_id():
    """Find where libc keeps the thread's id, so that a raw clone can set it in the child."""
    global _THREAD_ID
    if MACHINE == "x86_64":
        _python.pthread_self.restype = ctypes.c_ulong
        base, own = _python.pthread_self(), os.getpid()
        for offset in range(0x200, 0x400, 4):
            if ctypes.c_int.from_address(base + offset).value == own:
                _THREAD_ID = base + offset
                return


def clone(flags):
    """Fork into new namespaces at once: a process id in the parent, 0 in the child."""
    _python.PyOS_BeforeFork()
    settid = 0x01000000 if _THREAD_ID else 0
    args = [ctypes.c_long(flags | 17 | settid), ctypes.c_long(0), ctypes.c_long(0)]
    last = [ctypes.c_long(_THREAD_ID), ctypes.c_long(0)]
    made = _python.syscall(ctypes.c_long(CALLS["clone"]), *args, *(last if MACHINE == "x86_64" else reversed(last)))
    if made == 0:
        _after_fork()
        return 0
    number = ctypes.get_errno() or errno.EPERM
    _python.PyOS_AfterFork_Parent()
    if made < 0:
        raise OSError(number, "clone {:#x}: namespaces are refused".format(flags))
    return made


# ---------------------------------------------------------------- Landlock (man 7 landlock)
(EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REMOVE_DIR, REMOVE_FILE, MAKE_CHAR, MAKE_DIR, MAKE_REG, MAKE_SOCK, MAKE_FIFO,
 MAKE_BLOCK, MAKE_SYM, REFER, TRUNCATE, IOCTL_DEV) = (1 << bit for bit in range(16))  # fmt: skip
READ = READ_FILE | READ_DIR | EXECUTE
WRITE = READ | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_FIFO | MAKE_SYM | REFER | TRUNCATE
_OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV


def landlock_abi():
    """Which Landlock the kernel has; 0 for none."""
    try:
        return call("landlock_create_ruleset", None, 0, 1)
    except (OSError, KeyError):
        return 0


def landlock(plan, rules, abi, port=0):
    """Refuse all of the file system but these (path, access) pairs, and TCP, signals and abstract sockets to outside.

    `abi` is the version of Landlock to use; with a `port`, TCP may be connected to it and to no other.
    """
    files = (1 << 13) - 1 | (REFER if abi >= 2 else 0) | (TRUNCATE if abi >= 3 else 0) | (IOCTL_DEV if abi >= 5 else 0)
    attributes = struct.pack("QQQ", files, 3 if abi >= 4 else 0, 3 if abi >= 6 else 0)
    attributes = attributes[: 8 if abi < 4 else 16 if abi < 6 else 24]
    ruleset = ctypes.c_long()
    plan.add("landlock_create_ruleset", attributes, len(attributes), 0, to=ruleset)
    for path, access in rules:
        granted = access & files & (-1 if os.path.isdir(path) else _OF_FILES)
        rule = ctypes.create_string_buffer(struct.pack("=Qi", granted, -1), 12)
        handle = ctypes.c_int.from_buffer(rule, 8)
        plan.add("openat", -100, path, os.O_PATH | os.O_CLOEXEC, 0, to=handle)
        plan.add("landlock_add_rule", ruleset, 1, rule, 0)
        plan.add("close", handle)
    if port and abi >= 4:
        plan.add("landlock_add_rule", ruleset, 2, struct.pack("=QQ", 2, port), 0)
    plan.add("landlock_restrict_self", ruleset, 0)
    plan.add("close", ruleset)
