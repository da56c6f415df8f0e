"""The warm parent of all sandboxes of one kind: started once, it forks a sealed worker on request.

It loads the interpreter and chosen modules, builds a minimal read-only root, gives up what rights it
can, and then waits. Each worker gets namespaces, a private working folder, Landlock, a seccomp filter
and limits of its own before it runs a line of a program. Nothing that a program does comes back here.

usage: zygote.py CONTROL_FD OPTIONS_JSON
"""

import array
import gc
import json
import os
import resource
import signal
import socket
import sys

import linux
import worker

WORKDIR = "/workdir"
NOBODY = 65534
INSIDE_ID = 1000
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_PROC = -1


def build_root(new, paths):
    """Fill an empty folder with a small root of read-only binds, and move into it."""
    linux.mount("none", "/", None, linux.REC | linux.PRIVATE)
    linux.mount("tmpfs", new, "tmpfs", linux.NOSUID | linux.NODEV, "size=1m,mode=755,nr_inodes=4096")
    for path in (*paths, *_DEVICES):
        _bind(new, path)
    for name in ("workdir", "proc", "etc", "old"):
        os.makedirs(os.path.join(new, name), exist_ok=True)
    for name, text in (("passwd", "sandbox:x:1000:1000::/workdir:/bin/false\n"), ("group", "sandbox:x:1000:\n")):
        with open(os.path.join(new, "etc", name), "w") as file:
            file.write(text)
    if not os.path.lexists(new + "/tmp"):
        os.symlink("workdir", new + "/tmp")
    os.chdir(new)
    linux.pivot_root(".", "old")
    linux.unmount("old")
    os.rmdir("/old")
    os.chdir("/")
    linux.mount_attributes("/", linux.ATTR_RDONLY | linux.ATTR_NOSUID)


def _bind(new, path):
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
        linux.mount_attributes(target, linux.ATTR_NOSUID | (0 if device else linux.ATTR_RDONLY | linux.ATTR_NODEV))


def become_nobody():
    """Give up root for good; what follows needs no more than a user."""
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    linux.dumpable()


def map_user(uid, gid):
    """Be one ordinary user inside the user namespace that this process has just entered."""
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", "{} {} 1".format(INSIDE_ID, uid)),
        ("gid_map", "{} {} 1".format(INSIDE_ID, gid)),
    ):
        fd = os.open("self/" + name, os.O_WRONLY, dir_fd=_PROC)
        try:
            os.write(fd, text.encode())
        finally:
            os.close(fd)


def limit(options):
    """What one worker may use of memory, files and descriptors."""
    wanted = (
        (resource.RLIMIT_AS, options["memory"]),
        (resource.RLIMIT_FSIZE, options["disk"]),
        (resource.RLIMIT_NOFILE, options["open_files"]),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_STACK, 8 << 20),
    )
    for what, most in wanted:
        hard = resource.getrlimit(what)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))


def seal(options, workdir):
    """Landlock, limits and the filter, in this order; there is no way back."""
    full = options["isolation"] == "full"
    linux.no_new_privileges()
    linux.drop_capabilities()
    readable = ["/"] if full else [path for path in options["paths"] if os.path.exists(path)]
    rules = [(path, linux.READ) for path in readable] + [(workdir, linux.WRITE)]
    rules += [(path, linux.READ_FILE | linux.WRITE_FILE) for path in _DEVICES if os.path.exists(path)]
    linux.landlock(rules)
    limit(options)
    linux.seccomp_install(linux.seccomp_filter(os.getpid(), fake_meta=not full))


def reseed():
    """Give this worker random numbers of its own, where a loaded library would share its parent's."""
    import random

    random.seed()
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        numpy.seed(int.from_bytes(os.urandom(4), "little"))


def live(options, request, wire, uid, gid):
    """The worker's whole life, in the new process."""
    linux.die_with_parent()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    if options["isolation"] == "full":
        workdir = WORKDIR
        map_user(uid, gid)
        size = "size={},mode=700,nr_inodes={},uid={},gid={}".format(
            options["disk"], options["files"], INSIDE_ID, INSIDE_ID
        )
        linux.mount("tmpfs", workdir, "tmpfs", linux.NOSUID | linux.NODEV, size)
    else:
        workdir = request["workdir"]
        os.mkdir(workdir, 0o700)
        if options["demote"]:
            os.chown(workdir, NOBODY, NOBODY)
            become_nobody()
    os.chdir(workdir)
    os.setsid()
    output = os.memfd_create("output", os.MFD_CLOEXEC)
    import fcntl

    fcntl.fcntl(output, fcntl.F_SETFL, os.O_APPEND)
    nothing = os.open("/dev/null", os.O_RDONLY)
    wire = fcntl.fcntl(wire, fcntl.F_DUPFD, 10)
    for source, target in ((nothing, 0), (output, 1), (output, 2), (wire, 3)):
        os.dup2(source, target)
    os.closerange(4, 4096)
    os.environ.clear()
    os.environ.update({"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "MPLBACKEND": "agg", "OPENBLAS_NUM_THREADS": "1"})
    os.environ.update({"HOME": workdir, "TMPDIR": workdir}, **options["env"])
    reseed()
    seal(options, workdir)
    worker.main(3, 3)


def fork(options, request, wire):
    """Start a worker; give its process id."""
    uid, gid = os.getuid(), os.getgid()
    made = linux.clone(linux.ALL_NAMESPACES) if options["isolation"] == "full" else os.fork()
    if made:
        return made
    try:
        live(options, request, wire, uid, gid)
    except BaseException as error:  # told to the host, whatever it is: this process can do nothing else
        try:
            text = json.dumps({"t": "trouble", "text": "{}: {}".format(type(error).__name__, error)}).encode()
            os.write(wire if wire > 3 else 3, len(text).to_bytes(4, "little") + text)
        except OSError:
            pass
    os._exit(70)


def prepare(options):
    """Make this process the parent of sealed workers."""
    global _PROC
    _PROC = os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    for name in options["preload"]:
        __import__(name)
    if linux.landlock_abi() < 1:
        raise OSError(0, "Landlock is not available: the kernel needs CONFIG_SECURITY_LANDLOCK and lsm=landlock")
    linux.find_thread_id()
    if options["isolation"] == "full":
        if os.getuid() == 0:
            linux.unshare(linux.NEWNS)
            build_root(options["root"], options["paths"])
            become_nobody()
        else:
            uid, gid = os.getuid(), os.getgid()
            linux.unshare(linux.NEWUSER | linux.NEWNS | linux.NEWNET)
            map_user(uid, gid)
            build_root(options["root"], options["paths"])
    gc.collect()
    gc.freeze()


def reap(control):
    """Tell the host which workers have ended, and how."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        try:
            control.send(json.dumps({"ended": pid, "status": status}).encode(), socket.MSG_DONTWAIT)
        except OSError:
            pass


def main():
    """Serve the host until it goes away."""
    control = socket.socket(fileno=int(sys.argv[1]))
    options = json.loads(sys.argv[2])
    linux.die_with_parent()
    try:
        prepare(options)
    except Exception as error:  # whatever is missing here, the host has to know it
        control.send(json.dumps({"failed": "{}: {}".format(type(error).__name__, error)}).encode())
        return
    sys.path[:] = [path for path in sys.path if path != os.path.dirname(os.path.abspath(__file__))]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, lambda number, frame: reap(control))
    control.send(json.dumps({"ready": os.getpid()}).encode())
    while True:
        message, ancillary, _, _ = control.recvmsg(4096, socket.CMSG_SPACE(4))
        if not message:
            os._exit(0)
        wires = array.array("i")
        for _, _, data in ancillary:
            wires.frombytes(data[:4])
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})  # not reaped before the host has its handle
        try:
            pid = fork(options, json.loads(message), wires[0])
            handle = os.pidfd_open(pid)
            answer = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [handle]))]
            control.sendmsg([json.dumps({"pid": pid}).encode()], answer)
            os.close(handle)
        except OSError as error:
            control.send(json.dumps({"failed": str(error)}).encode())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        os.close(wires[0])


if __name__ == "__main__":
    main()
