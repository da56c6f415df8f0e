"""The warm parent of all sandboxes of one kind: started once, it forks a sealed worker on request.

It loads the interpreter and chosen modules, builds a minimal read-only root, gives up what rights it
can, and then waits. Each worker gets namespaces, a private working folder, Landlock, a seccomp filter
and limits of its own before it runs a line of a program. Nothing that a program does comes back here.

usage: zygote.py CONTROL_FD, which then gives the options as JSON, as it does each request
"""

import os

HOOKS = []
"""What modules ask to be done in copies of a process. Workers have one thread when they are made, and need none of it."""
register_at_fork, os.register_at_fork = os.register_at_fork, lambda **hooks: HOOKS.append(hooks)

import _signal
import array
import fcntl
import gc
import json
import resource
import select
import signal
import socket
import sys

import forking
import init
import instead
import linux
import practice
import root
import seccomp
import worker

_LARGEST = 1 << 20
PATIENCE = 1
"""Milliseconds without a request after which the next worker is made ahead of its request."""


def entering(options):
    """What a worker with a root of its own does first: become its one user, and mount its folder."""
    plan = linux.Plan()
    root.map_user(plan, os.geteuid(), os.getegid())
    root.private_folder(plan, root.WORKDIR, options["disk"], options["files"])
    if options["processes"]:  # what processes share between them, such as the locks of multiprocessing
        root.private_folder(plan, root.SHARED, options["disk"], options["files"])
    return plan


def sealing(options, folder, port, tasks):
    """Landlock, limits and the filter, in this order; there is no way back. Tasks are counted for the worker's user."""
    full = options["isolation"] == "full"
    plan = linux.Plan()
    linux.no_new_privileges(plan)
    linux.drop_capabilities(plan)
    readable = ["/"] if full else [path for path in options["paths"] if os.path.exists(path)]
    rules = [(path, linux.READ) for path in readable] + [(path, linux.WRITE) for path in (folder, *options["writable"])]
    rules += [(root.SHARED, linux.WRITE)] if options["processes"] else []
    devices = [path for path in root.DEVICES if os.path.exists(path)]
    rules += [(path, linux.READ_FILE | (linux.WRITE_FILE if path in root.SINKS else 0)) for path in devices]
    linux.landlock(plan, rules, options["landlock"], port=port)
    for what, most in (
        (resource.RLIMIT_AS, options["memory"]),
        (resource.RLIMIT_FSIZE, options["disk"]),
        (resource.RLIMIT_NOFILE, options["open_files"]),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_SIGPENDING, 256),
        (resource.RLIMIT_STACK, 8 << 20),
        (resource.RLIMIT_NPROC, tasks),
    ):
        linux.limit(plan, what, most)
    pid = 1 if full else os.getpid()  # a worker with namespaces of its own is the first in there
    seccomp.install(plan, seccomp.complete(options["filter"], pid))
    return plan


def enter(options, request, handles, control):
    """Enter what is this worker's own: its user, its folder, its port. Gives the plan of its seal."""
    full, port = options["isolation"] == "full", 0
    if full:
        folder = root.WORKDIR
        options["entering"].run()
        if request.get("door") is not None:
            port = root.listen_inside(handles[request["door"]])
            address = "http://127.0.0.1:{}".format(port)
            proxies = {name: address for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")}
            os.environ.update({**proxies, **options["env"]})
    else:
        folder = request["workdir"]
        os.mkdir(folder, 0o700)
        root.become(options["user"], folder)
        linux.die_with_parent()  # again: whoever becomes another user is no longer tied
        environment(options, folder)
    if any(event & select.POLLHUP for _, event in _poll(control, 0, 0)):
        os._exit(0)  # the host went away before we were tied to our parent
    if request.get("pack") is not None:
        root.unpack(folder, handles[request["pack"]])
    os.chdir(options["workdir"] or folder)
    os.setsid()
    if full and not port:
        return options["sealing"]
    return sealing(options, folder, port, request.get("tasks", options["tasks"]))


def arrange_descriptors(wire, nursery):
    """Leave nothing open but the standard streams, the wire at 3, and what copies get theirs from at 4."""
    output = os.memfd_create("output", os.MFD_CLOEXEC)
    fcntl.fcntl(output, fcntl.F_SETFL, os.O_APPEND)
    nothing = os.open("/dev/null", os.O_RDONLY)
    given = [fcntl.fcntl(handle, fcntl.F_DUPFD, 10) for handle in (wire, nursery) if handle is not None]
    for target, source in enumerate((nothing, output, output, *given)):
        os.dup2(source, target, inheritable=target < 3)
    os.closerange(3 + len(given), 4096)


def environment(options, folder):
    """Have what the user gives in the environment, and the folder, and nothing of the host's."""
    os.environ.clear()
    os.environ.update({"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "MPLBACKEND": "agg", "OPENBLAS_NUM_THREADS": "1"})
    os.environ.update({"HOME": folder, "TMPDIR": folder, **options["env"]})
    platform = sys.modules.get("platform")
    if platform is not None:
        platform._uname_cache = None  # it holds the host's name
    if os.getuid() != os.geteuid():
        ask_as_acting()


def ask_as_acting():
    """Have `os.access` answer for the user who would open the file: the real one is for the kernel's counting only."""
    real = os.access

    def access(path, mode, *, dir_fd=None, effective_ids=True, follow_symlinks=True):
        return real(path, mode, dir_fd=dir_fd, effective_ids=effective_ids, follow_symlinks=follow_symlinks)

    access.__doc__ = real.__doc__
    os.access = access
    os.supports_effective_ids.add(access)


def live(options, request, handles, control):
    """The worker's whole life, in the new process."""
    linux.die_with_parent()
    for entry in request.get("groups", ()):
        os.write(handles[entry], b"0")
    _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)  # what `signal` does besides touches memory: it names numbers
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
    seal = enter(options, request, handles, control)
    arrange_descriptors(request["wire"], handles[request["nursery"]] if options["forks"] else None)
    request["wire"] = 3
    seal.run()
    os.register_at_fork = register_at_fork
    if options["processes"] or options["forks"]:  # here are copies to come, of who may have threads
        for hooks in HOOKS:
            os.register_at_fork(**hooks)
    if options["processes"]:
        init.split()
    options["worker"].serve(nursery=forking.begin() if options["forks"] else None)


def _poll(control, patience, events):
    poll = select.poll()
    poll.register(control, events)
    return poll.poll(patience)


def own_namespaces(options):
    """The namespaces that a worker does not share with the others of this parent.

    Programs without processes and network have no socket, queue or shared memory with a name, so they
    share namespaces in which there is nothing: making and ending these costs more than all the rest.
    """
    if options["processes"] or options["network"]:
        return linux.ALL_NAMESPACES
    return linux.NEWUSER | linux.NEWNS | linux.NEWPID


def fork(options, request, handles, control):
    """Start a worker on the request's wire; give its process id."""
    made = linux.clone(own_namespaces(options)) if options["isolation"] == "full" else os.fork()
    if made:
        return made
    try:
        live(options, request, handles, control)
    except BaseException as error:  # told to the host, whatever it is: this process can do nothing else
        try:
            text = json.dumps({"t": "trouble", "text": "{}: {}".format(type(error).__name__, error)}).encode()
            os.write(request["wire"], len(text).to_bytes(4, "little") + text)
        except OSError:
            pass
    os._exit(70)


class Unloadable(Exception):
    """A module that every session is to have cannot be imported."""


def preload(names):
    """Import what all sessions share."""
    for name in names:
        try:
            __import__(name)
        except BaseException as error:  # a module may raise anything, and no session could start
            raise Unloadable("preload= cannot have {!r}: {}: {}".format(name, type(error).__name__, error))


def prepare(options):
    """Make this process the parent of sealed workers. Gives whether they will be root, whose threads nobody counts."""
    root.hold_proc()
    root.go_first()
    pairs = instead.pairs_are_small()
    instead.install(
        folder=root.SHARED if options["processes"] else None,
        messages=bool(options["processes"] or options["network"]),
        pairs=pairs,
        network=options["network"],
    )
    preload(options["preload"])
    options["landlock"] = min(linux.landlock_abi(), options["landlock"])
    if options["landlock"] < 1:
        raise OSError(0, "Landlock is not available: the kernel needs CONFIG_SECURITY_LANDLOCK and lsm=landlock")
    linux.find_thread_id()
    if options["isolation"] == "full":
        take_own_root(options)
    options["filter"] = seccomp.program(
        full=options["isolation"] == "full",
        landlock=options["landlock"],
        processes=bool(options["processes"]),
        network=options["network"],
        forks=bool(options["forks"]),
        shares=bool(options["processes"] or options["forks"] or options["workdir"]),
        pairs=pairs,
    )
    make_common(options)
    gc.collect()
    gc.freeze()
    return not (options["user"]["user"] or options["user"]["numbers"])


def take_own_root(options):
    """Leave the host's namespaces, and its file system for a small root."""
    shared = linux.ALL_NAMESPACES & ~(linux.NEWUSER | linux.NEWPID)
    try:
        linux.unshare(shared)
    except PermissionError:  # no root here, or one without its rights
        ids = os.getuid(), os.getgid()
        linux.unshare(shared | linux.NEWUSER)
        plan = linux.Plan()
        root.map_user(plan, *ids)
        plan.run()
        options["user"].update(change=False, user=ids[0], numbers=0)
    linux.call("sethostname", b"sandbox", 7)
    root.build_root(options["root"], options["paths"], options["writable"])
    root.become(options["user"])


def make_common(options):
    """Make what all workers are to have, for each would copy the memory that it takes to make it."""
    practice.practise()
    options["worker"] = worker.made(3, 3)
    if options["isolation"] == "full":
        environment(options, root.WORKDIR)
        options["entering"] = entering(options)
        options["sealing"] = sealing(options, root.WORKDIR, 0, options["tasks"])


def rehearse(options, control):
    """Start a worker that nobody uses, so that what this machine refuses is known before the first is asked for."""
    ours, theirs = socket.socketpair()
    near, far = socket.socketpair()
    folder = os.path.join(options["root"], "rehearsal")
    made = fork(options, {"wire": theirs.fileno(), "workdir": folder, "nursery": 0}, [far.fileno()], control)
    theirs.close()
    said = ours.recv(4096)[4:]
    for end in (ours, near, far):
        end.close()
    os.waitpid(made, 0)
    if options["isolation"] == "strong":
        os.rmdir(folder)
    frame = json.loads(said) if said else {"t": "trouble", "text": "a worker died at its start"}
    if frame["t"] == "trouble":
        raise OSError(0, frame["text"])


class Nest:
    """Starts workers for the host: each on request, or a moment before it where any worker would do."""

    def __init__(self, control, options):
        self._control, self._options = control, options
        self._spare, self._alike = None, False
        self._tasks, self._count = options["tasks"], 0

    def reap(self, number, frame):
        """Tell the host which workers have ended, and how."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            try:
                self._control.send(json.dumps({"ended": pid, "status": status}).encode(), socket.MSG_DONTWAIT)
            except OSError:
                pass

    def serve(self):
        """Give the host the worker that it asks for next; end where the host has gone away."""
        message, ancillary, _, _ = self._control.recvmsg(4096, socket.CMSG_SPACE(20))
        if not message:
            os._exit(0)
        handles = array.array("i")
        for _, _, data in ancillary:
            handles.frombytes(data[: len(data) // 4 * 4])
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})  # not reaped before the host has its handle
        request = json.loads(message)
        self._alike = not (handles or self._options["processes"])
        self._tasks = request.get("tasks", self._tasks)
        try:
            self._hand_over(*((self._alike and self._take()) or self._start(request, handles)))
        except OSError as error:
            self._control.send(json.dumps({"failed": str(error)}).encode())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        for handle in handles:
            os.close(handle)

    def look_ahead(self):
        """Make the next worker while nobody waits, if it can be expected to be as the last one."""
        if self._alike and not self._spare and not _poll(self._control, PATIENCE, select.POLLIN):
            try:
                self._spare = self._start({"tasks": self._tasks}, ())
            except OSError:  # whoever asks for one is told why there is none
                self._alike = False

    def _start(self, request, handles):
        """Start a worker; give its number, its wire and its folder, if that is one of the host's."""
        folder = None
        if self._options["isolation"] == "strong":
            self._count += 1
            folder = request["workdir"] = os.path.join(self._options["base"], f"{os.getpid()}-{self._count}")
        near, far = socket.socketpair()
        with far:
            request["wire"] = far.fileno()
            return fork(self._options, request, handles, self._control), near, folder

    def _take(self):
        """Give the worker that was made ahead, if it lives."""
        made, self._spare = self._spare, None
        try:
            dead = made and os.waitpid(made[0], os.WNOHANG)[0]
        except ChildProcessError:
            dead = True
        if dead and made[2] and os.path.isdir(made[2]):
            os.rmdir(made[2])
        return None if dead else made

    def _hand_over(self, pid, wire, folder):
        with wire:
            handle = linux.call("pidfd_open", pid, 0)  # the function of this name came with Python 3.9
            given = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [handle, wire.fileno()]))]
            self._control.sendmsg([json.dumps({"pid": pid, "workdir": folder}).encode()], given)
            os.close(handle)


def main():
    """Serve the host until it goes away."""
    control = socket.socket(fileno=int(sys.argv[1]))
    options = json.loads(control.recv(_LARGEST) or b"{}")
    if not options:
        return
    linux.die_with_parent()
    try:
        is_root = prepare(options)
        rehearse(options, control)
    except Unloadable as error:
        control.send(json.dumps({"unloadable": str(error)}).encode())
        return
    except Exception as error:  # whatever is missing here, the host has to know it
        control.send(json.dumps({"failed": "{}: {}".format(type(error).__name__, error)}).encode())
        return
    sys.path[:] = [path for path in sys.path if path != os.path.dirname(os.path.abspath(__file__))]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    nest = Nest(control, options)
    signal.signal(signal.SIGCHLD, nest.reap)
    linux.live_without_parent()  # "parent" means the thread that started us; from here on the control stream tells
    control.send(json.dumps({"ready": os.getpid(), "root": is_root}).encode())
    while True:
        nest.serve()
        nest.look_ahead()


if __name__ == "__main__":
    main()
