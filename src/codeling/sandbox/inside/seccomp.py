"""The filter of system calls: an allow-list, built here as a program for the kernel's filter machine.

What it does not name fails; what no honest program does (another architecture's calls) kills. It can
look at numbers only, never at memory: where a call takes a pointer, the call as a whole is allowed
or not. Source of the format: Documentation/userspace-api/seccomp_filter of Linux.
"""

import ctypes
import errno
import struct

import linux
from linux import CALLS
from syscalls import ALLOWED, META, NETWORK, PROCESSES, TIMERS

__all__ = ("complete", "install", "program")

_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x50000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _AND, _RETURN, _JUMP = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06, 0x05
_NUMBER, _ARCH = 0, 4
_THREAD, _OF_THREADS = 0x10F00, 0x17D0F00
"""What makes a thread (memory, folder, descriptors and signals shared, in the same process), and what else may be asked."""
_FORK = (0x1200011, 0x11)
"""What makes a copy of the process, as libc asks for it, and no more."""
_TRUNCATE, _ACCESS = 0x200, 3
_HUGE_PAGES, _UNSHARE_FILES = 0x40000, 2
_NO_FILE, _SHARED_NO_FILE = 0x2F, (0x21, 0x23)
"""Shared memory without a file: it stays when it is unmapped but for a page, and no limit counts it then."""
_MESSAGE = 0x4000C162
"""Ways to send and receive: not the out-of-band ones, which have let programs into kernels."""
_CREATE, _SET_ID = 0x400040, 0o6000
_FCNTL, _OPEN_FILE_LOCKS, _SET_LOCK = (0, 1, 2, 3, 4, 5, 1030, 1032, 1034), (36, 37, 38), (6, 7)
"""Duplicates, flags and locks; no owner who gets signals, no lease, no notice, no larger pipe."""
_PRCTL = (15, 16, 0x53564D41, 3, 23)
"""Names of threads and memory, and questions."""
_IOCTL = (0x5401, 0x5413, 0x541B, 0x5421, 0x5451, 0x5450)
"""Questions to terminals and pipes, and close-on-exec."""
_SELF = 0x5E1F5E1F
"""Stands for the process's own number until that is known."""
_STREAM_PAIR = (1, 0x801, 0x80001, 0x80801)
"""Only streams: a datagram socket could send to any other by its address."""
_SOCKET_SET = (2, 20, 21)
"""No filter on a socket, and no larger buffer: what waits in them is the kernel's memory, which no limit counts."""
_SOCKET_GET = (*_SOCKET_SET, 3, 4, 7, 8, 17, 30, 38, 39)
"""No descriptor of the peer's process."""


def _low(argument):
    return 16 + 8 * argument


def _do(code, value):
    return struct.pack("HBBI", code, 0, 0, value)


def _if(code, value, then, otherwise):
    return struct.pack("HBBI", code, then, otherwise, value)


def _refuse(number):
    return _do(_RETURN, _ERRNO | number)


_PERMIT = _do(_RETURN, _ALLOW)


def _only(argument, values, number):
    """Permit the call when the argument's low half is one of these values."""
    tests = b"".join(_if(_EQUAL, value, 0, 1) + _PERMIT for value in values)
    return _do(_LOAD, _low(argument)) + tests + _refuse(number)


def _both(first, value, second, values, number):
    """Permit the call when one argument has this value and another one of these."""
    body = _only(second, values, number)
    return _do(_LOAD, _low(first)) + _if(_EQUAL, value, 1, 0) + _refuse(number) + body


def _without(argument, bits, number):
    """Permit the call when the argument has none of these bits."""
    return _do(_LOAD, _low(argument)) + _if(_ANY_BIT, bits, 0, 1) + _refuse(number) + _PERMIT


def _other_bits(bits):
    return ~bits & 0xFFFFFFFF


def _opening(flags, landlock):
    """Permit to open a file, but not to make a set-user-id one; nor, without Landlock's help, to empty one by reading."""
    making = _do(_LOAD, _low(flags)) + _if(_ANY_BIT, _CREATE, 0, 3)
    body = making + _do(_LOAD, _low(flags + 1)) + _if(_ANY_BIT, _SET_ID, 0, 1) + _refuse(errno.EPERM)
    if landlock < 3:
        body += _do(_LOAD, _low(flags)) + _do(_AND, _TRUNCATE | _ACCESS)
        body += b"".join(_if(_EQUAL, _TRUNCATE | access, 0, 1) + _refuse(errno.EACCES) for access in (0, 3))
    return body + _PERMIT


_TCP = _do(_LOAD, _low(2)) + _if(_EQUAL, 0, 2, 0) + _if(_EQUAL, 6, 1, 0) + _refuse(errno.EACCES)
_TCP += _both(0, 2, 1, _STREAM_PAIR, errno.EAFNOSUPPORT)
"""Streams of IPv4, in a namespace whose only address is its own loopback."""
_OPTIONS = _do(_LOAD, _low(1)) + _if(_EQUAL, 6, 0, 10) + _only(2, (1, 4, 5, 6), errno.EPERM)
_OPTIONS += _both(1, 1, 2, (*_SOCKET_GET, 9), errno.EPERM)


def _conditions(landlock):
    """Rules of calls that depend on their arguments."""
    rules = {
        "clone3": _refuse(errno.ENOSYS),  # libc falls back to clone, whose flags can be read
        "clone": _do(_LOAD, _low(0)) + _if(_ANY_BIT, _other_bits(_OF_THREADS), 0, 1) + _refuse(errno.EPERM)
        + _do(_AND, _THREAD) + _if(_EQUAL, _THREAD, 0, 1) + _PERMIT + _refuse(errno.EPERM),
        "open": _opening(1, landlock),
        "openat": _opening(2, landlock),
        "creat": _without(1, _SET_ID, errno.EPERM),
        "chmod": _without(1, _SET_ID, errno.EPERM),
        "fchmod": _without(1, _SET_ID, errno.EPERM),
        "fchmodat": _without(2, _SET_ID, errno.EPERM),
        "mmap": _do(_LOAD, _low(3)) + _do(_AND, _NO_FILE)
        + b"".join(_if(_EQUAL, kind, 0, 1) + _refuse(errno.EPERM) for kind in _SHARED_NO_FILE)
        + _without(3, _HUGE_PAGES, errno.EPERM),
        # pages that wait in a pipe or a socket stay when their file has been cut; whoever asks copies by hand instead
        "splice": _refuse(errno.EINVAL),
        "sendfile": _refuse(errno.ENOTSOCK),
        "close_range": _without(2, _UNSHARE_FILES, errno.EPERM),
        "fcntl": _only(1, _FCNTL + _OPEN_FILE_LOCKS + _SET_LOCK, errno.EPERM),
        "prctl": _only(0, _PRCTL, errno.EPERM),
        "ioctl": _only(1, _IOCTL, errno.ENOTTY),
        "socketpair": _both(0, 1, 1, _STREAM_PAIR, errno.EACCES),
        "sendto": _without(3, _other_bits(_MESSAGE), errno.EPERM),
        "recvfrom": _without(3, _other_bits(_MESSAGE), errno.EPERM),
        "sendmsg": _refuse(errno.EPERM),  # who cannot send descriptors cannot hide any on their way
        "recvmsg": _without(2, _other_bits(_MESSAGE), errno.EPERM),
        "setsockopt": _both(1, 1, 2, _SOCKET_SET, errno.EPERM),
        "getsockopt": _both(1, 1, 2, _SOCKET_GET, errno.EPERM),
        # only with no new limits: both halves of the pointer are 0
        "prlimit64": _do(_LOAD, _low(2)) + _if(_EQUAL, 0, 0, 3) + _do(_LOAD, _low(2) + 4) + _if(_EQUAL, 0, 0, 1)
        + _PERMIT + _refuse(errno.EPERM),
    }  # fmt: skip
    rules.update({name: _refuse(errno.EACCES) for name in NETWORK})
    rules.update({name: _only(0, (_SELF,), errno.EPERM) for name in ("kill", "tgkill")})
    return rules


def _of_files(rules, allowed, landlock):
    """Without a root of its own, the host's files are in sight: what Landlock does not cover is refused here."""
    rules.update({name: _refuse(0) for name in META})  # done, it says: tools that set times or modes go on
    unsupported = _refuse(errno.EOPNOTSUPP)
    rules.update({name: unsupported for name in ALLOWED if "xattr" in name})
    rules["fallocate"] = unsupported  # room that is reserved in no time would outrun the watchdog
    allowed -= set(META)
    if landlock < 3:
        rules["truncate"] = _refuse(errno.EACCES)


def program(*, full, landlock, processes=False, network=False, forks=False, shares=False, pairs=True):
    """The filter, but for the number of the process that it is for.

    No exec, no new process, no socket but a pair of streams, signals only to itself; limits can be read,
    not set. `processes` permits to start others, which only a pid namespace contains; `network` permits
    sockets, which only a network namespace contains. `forks` permits copies of the process, in a pid
    namespace; and no signals at all, for whose they are would not be known here. Where nobody `shares`
    its files, locks are granted and not made, for any number of them would be held. Without `pairs`
    there is no socket at all.
    """
    rules, allowed = _conditions(landlock), set(ALLOWED) | set(META)
    if not full:
        _of_files(rules, allowed, landlock)
    if not shares:
        granted = b"".join(_if(_EQUAL, command, 0, 1) + _refuse(0) for command in _SET_LOCK)
        rules["fcntl"] = _do(_LOAD, _low(1)) + granted + _only(1, _FCNTL, errno.EPERM)
    if not pairs:
        rules["socketpair"] = _refuse(errno.EACCES)
    if processes:
        allowed |= {*PROCESSES, *TIMERS}
        rules["clone"] = _without(0, linux.ALL_NAMESPACES, errno.EPERM)
        del rules["kill"], rules["tgkill"]
    if processes or network:
        rules["sendmsg"] = rules["recvmsg"]
    if forks:
        allowed |= set(TIMERS)
        copy = b"".join(_if(_EQUAL, flags, 0, 1) + _PERMIT for flags in _FORK)
        rules.update(clone=_do(_LOAD, _low(0)) + copy + rules["clone"])
        rules.update({name: _refuse(errno.EPERM) for name in ("kill", "tgkill")})
    if network:
        rules.update(socket=_TCP, connect=_PERMIT, setsockopt=_OPTIONS, getsockopt=_OPTIONS)
    lines = [_do(_LOAD, _ARCH), _if(_EQUAL, linux.AUDIT, 1, 0), _do(_RETURN, _KILL), _do(_LOAD, _NUMBER)]
    lines += [_if(_AT_LEAST, 0x40000000, 0, 1), _do(_RETURN, _KILL)]  # the x32 calls of x86-64
    plain = {CALLS[name]: _PERMIT for name in allowed if name in CALLS}
    bodies = {**plain, **{CALLS[name]: body for name, body in rules.items() if name in CALLS}}
    last = linux.HIGHEST + 1
    pieces = [(number, bodies.get(number, _refuse(errno.EPERM))) for number in range(last)]
    return b"".join(lines) + _choice([*pieces, (last, _refuse(errno.ENOSYS))])


def _choice(pieces):
    """Go to the rule of a call's number by halves: the kernel tries every number on every filter that it takes in.

    `pieces` are pairs of a number and the rule from there to the next one's, in order.
    """
    pieces = [pieces[0], *(here for before, here in zip(pieces, pieces[1:]) if here[1] != before[1])]
    if len(pieces) == 1:
        return pieces[0][1]
    half = len(pieces) // 2
    lower, upper = _choice(pieces[:half]), _choice(pieces[half:])
    far = len(lower) // 8
    if far < 256:  # what a condition can jump over by itself
        return _if(_AT_LEAST, pieces[half][0], far, 0) + lower + upper
    return _if(_AT_LEAST, pieces[half][0], 0, 1) + _do(_JUMP, far) + lower + upper


def complete(program, pid):
    """Give the filter with the number of the process that it is for."""
    return program.replace(struct.pack("I", _SELF), struct.pack("I", pid))


def install(plan, program):
    """Put a complete filter on this process for good."""
    code = ctypes.create_string_buffer(program, len(program))
    plan.add("seccomp", 1, 0, _pointing(struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(code)), code))


def _pointing(content, to):
    """Give a buffer with this content, which keeps what it points to."""
    buffer = ctypes.create_string_buffer(content)
    buffer.to = to
    return buffer
