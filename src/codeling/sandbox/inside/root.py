"""What a sealed worker sees of the file system, and as whom: a small root, one user, a private folder.

Built before any program runs: by the zygote for all its workers (the read-only root), and by each
worker for itself (the private folder). Nothing here can be reached once the worker is sealed.
"""

import ctypes
import fcntl
import os
import socket
import struct

import linux

__all__ = (
    "DEVICES",
    "SHARED",
    "SINKS",
    "WORKDIR",
    "become",
    "build_root",
    "go_first",
    "hold_proc",
    "listen_inside",
    "map_user",
    "private_folder",
    "unpack",
)

WORKDIR, SHARED = "/workdir", "/dev/shm"
INSIDE_ID = 1000
_USERS = "sandbox:x:1000:1000::/workdir:/bin/false\nnobody:x:65534:65534::/workdir:/bin/false\n"
SINKS = ("/dev/null", "/dev/full")
"""Devices that can be written to. Who has opened /dev/zero for writing can map it as shared memory without a file."""
DEVICES = (*SINKS, "/dev/zero", "/dev/random", "/dev/urandom")
SOCKET_BUFFER = 1 << 18
_PROC = -1


def hold_proc():
    """Keep a way to this process's own maps of users: the new root has no /proc."""
    global _PROC
    _PROC = os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def go_first():
    """Be the first that the kernel ends where the machine runs out of memory: the host has more to lose."""
    _try_to_write("self/oom_score_adj", "1000")


def small_sockets():
    """Hold what waits in this network namespace's sockets: their buffers would grow to many MiB, which no limit counts."""
    for name in ("tcp_rmem", "tcp_wmem"):
        _try_to_write("sys/net/ipv4/" + name, "4096 65536 {}".format(SOCKET_BUFFER))


def _try_to_write(name, text):
    try:
        _write(name, text)
    except OSError:  # a container may show these settings without letting anybody change them
        pass


def _write(name, text):
    fd = os.open(name, os.O_WRONLY | os.O_CLOEXEC, dir_fd=_PROC)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def build_root(new, paths, writable):
    """Fill an empty folder with a small root of binds, read-only but for `writable`, and move into it."""
    linux.mount("none", "/", None, linux.REC | linux.PRIVATE)
    linux.mount("tmpfs", new, "tmpfs", linux.NOSUID | linux.NODEV, "size=1m,mode=755,nr_inodes=4096")
    for path in (*paths, *DEVICES):
        _bind(new, path, path in writable)
    for name in ("workdir", "proc", "etc", "old", "dev/shm"):
        os.makedirs(os.path.join(new, name), exist_ok=True)
    for name, text in (("passwd", _USERS), ("group", "sandbox:x:1000:\n")):
        with open(os.path.join(new, "etc", name), "w") as file:
            file.write(text)
    if not os.path.lexists(new + "/tmp"):
        os.symlink("workdir", new + "/tmp")
    os.chdir(new)
    linux.pivot_root(".", "old")
    linux.unmount("old")
    os.rmdir("/old")
    os.chdir("/")
    linux.mount_attributes("/", linux.ATTR_NOSUID, recursive=True)
    linux.mount_attributes("/", linux.ATTR_RDONLY, recursive=False)


def _bind(new, path, writable):
    target = new + path
    if os.path.islink(path):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.symlink(os.readlink(path), target)
    elif os.path.isdir(path):
        os.makedirs(target, exist_ok=True)
    elif os.path.exists(path):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        open(target, "w").close()
    if os.path.exists(path) and not os.path.islink(path):
        linux.mount(path, target, None, linux.BIND | linux.REC)
        device = path.startswith("/dev/")
        kept = (0 if device or writable else linux.ATTR_RDONLY) | (0 if device else linux.ATTR_NODEV)
        linux.mount_attributes(target, linux.ATTR_NOSUID | kept, recursive=True)


def become(user, folder=None):
    """Give up root for good; what follows needs no more than a user. The folder becomes that user's.

    The kernel counts threads for the real user, and never for root: so whoever has to act as root is
    another user by that count.
    """
    if not user["change"]:
        return
    real = user["numbers"] + os.getpid() if user["numbers"] else user["user"]
    acting = real if user["alone"] else user["user"]
    if folder:
        os.chown(folder, acting, user["group"])
        os.chmod(folder, 0o700 if real == acting else 0o770)  # access(2) asks for the real user
    os.setgroups([])
    os.setresgid(user["group"], user["group"], user["group"])
    os.setresuid(real, acting, acting)
    linux.dumpable()


def map_user(plan, user, group):
    """Be one ordinary user inside the user namespace that this process has just entered."""
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", "{} {} 1".format(INSIDE_ID, user)),
        ("gid_map", "{} {} 1".format(INSIDE_ID, group)),
    ):
        handle = ctypes.c_long()
        plan.add("openat", _PROC, "self/" + name, os.O_WRONLY | os.O_CLOEXEC, 0, to=handle)
        plan.add("write", handle, text, len(text))
        plan.add("close", handle)


def private_folder(plan, folder, disk, files):
    """Mount a folder of the worker's own: its size and its number of files are the kernel's to hold."""
    size = "size={},mode=700,nr_inodes={},uid={},gid={}".format(disk, files, INSIDE_ID, INSIDE_ID)
    plan.add("mount", "tmpfs", folder, "tmpfs", linux.NOSUID | linux.NODEV, size)


def unpack(folder, pack):
    """Put the given files into the folder: an index of names and sizes, then their bytes one after another."""
    length = struct.unpack("<I", os.pread(pack, 4, 0))[0]
    import json

    place = 4 + length
    for name, size in json.loads(os.pread(pack, length, 4)):
        target = os.path.join(folder, name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as file:
            while size:
                piece = os.pread(pack, min(size, 1 << 20), place)
                file.write(piece)
                place, size = place + len(piece), size - len(piece)


def listen_inside(door):
    """Open the only port of this network namespace, hand the listening end to the host, and give the port.

    A socket belongs to the namespace in which it was made, whoever accepts on it: so the host serves it.
    """
    small_sockets()
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
        request = struct.pack("16sH14x", b"lo", 0x1 | 0x40)  # SIOCSIFFLAGS: up and running
        fcntl.ioctl(listening.fileno(), 0x8914, request)
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        handle = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", listening.fileno()))]
        with socket.socket(fileno=os.dup(door)) as passing:
            passing.sendmsg([b"."], handle)
        return listening.getsockname()[1]
