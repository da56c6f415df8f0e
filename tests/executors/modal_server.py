"""A loopback server that speaks Modal's wire to the vendor's own SDK. Its sandboxes really run their commands, here.

The services are those that the SDK's wheel declares; what they answer was seen on the SDK's side of the wire. It tests
our use of the SDK, not Modal's servers.
"""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import time
from functools import partial
from typing import Any

import modal_proto.api_grpc as api
import modal_proto.task_command_router_grpc as router
from grpclib.const import Handler, Status
from grpclib.exceptions import GRPCError
from grpclib.server import Server as GRPCServer
from modal_proto import api_pb2

TOKEN = ("ak-tests", "as-tests")


def _token() -> str:
    """A token of the shape that the SDK reads, without a signature."""
    parts = [{"alg": "none"}, {"exp": int(time.time()) + 3600}]
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts) + ".x"


class _Command:
    """A command that runs, and all that it has written."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process, self.written = process, {1: bytearray(), 2: bytearray()}
        self.taken, self.ended, self.cuts = 0, set[int](), 0
        self.news = asyncio.Condition()
        self.readers = [
            asyncio.create_task(self._read(fd, stream)) for fd, stream in ((1, process.stdout), (2, process.stderr))
        ]

    def has(self, fd: int, at: int, cuts: int) -> bool:
        """Whether there is more than was read, or an end, or the stream was cut."""
        return len(self.written[fd]) > at or fd in self.ended or self.cuts > cuts

    async def _read(self, fd: int, stream: Any) -> None:
        while chunk := await stream.read(1 << 16):
            self.written[fd] += chunk
            async with self.news:
                self.news.notify_all()
        self.ended.add(fd)
        async with self.news:
            self.news.notify_all()


class _Service:
    """Every method of a service that the wheel declares; those that matter do something."""

    def __init__(self, base: Any, server: Server) -> None:
        names = {name: _nothing for name in dir(base) if getattr(getattr(base, name), "__isabstractmethod__", False)}
        declared = type("Declared", (base,), dict(names))().__mapping__()
        self._handlers = {
            path: Handler(server.answering(path.rpartition("/")[2], handler), *handler[1:])
            for path, handler in declared.items()
        }

    def __mapping__(self) -> Any:
        return self._handlers


async def _nothing(self: Any, stream: Any) -> None:
    """Stand in for a method of the declaration."""


class Server:
    """Modal on one port of this machine."""

    def __init__(self) -> None:
        self.created: list[Any] = []
        self.removed: list[str] = []
        self.commands: dict[str, _Command] = {}
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        ready.wait()

    def close(self) -> None:
        """End the sandboxes. The server stays: the SDK keeps its connections to the end of the process."""
        self.kill_sandboxes()

    def answering(self, name: str, declared: Any) -> Any:
        """Give the function that answers a method."""

        async def answer(stream: Any) -> None:
            if tuple(stream.metadata.get(f"x-modal-token-{part}", "") for part in ("id", "secret")) != TOKEN:
                if not name.startswith(("TaskExec", "Task")):
                    raise GRPCError(Status.UNAUTHENTICATED, "Token ID is malformed or unknown")
            request = await stream.recv_message()
            work = getattr(self, f"_{name}", None)
            if work is None:
                await stream.send_message(declared.reply_type())
            else:
                await work(request, declared.reply_type(), stream)

        return answer

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        ready.set()
        self._loop.run_forever()

    async def _start(self) -> None:
        self._server = GRPCServer([_Service(api.ModalClientBase, self), _Service(router.TaskCommandRouterBase, self)])
        await self._server.start("127.0.0.1", 0)
        sockets = self._server._server.sockets  # type: ignore[union-attr]  # started above
        self.url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"

    async def end_commands(self) -> None:
        """End what runs in the sandboxes."""
        for command in self.commands.values():
            if command.process.returncode is None:
                command.process.kill()
            await command.process.wait()
            await asyncio.gather(*command.readers)
            command.process.stdin.close()  # type: ignore[union-attr]  # it is a pipe

    def kill_sandboxes(self) -> None:
        """End what runs in the sandboxes, as a machine that fails would."""
        asyncio.run_coroutine_threadsafe(self.end_commands(), self._loop).result()

    def cut_streams(self) -> None:
        """Break every stream of output, as a network that fails would; what runs in the sandboxes goes on."""
        asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result()

    async def _cut(self) -> None:
        for command in self.commands.values():
            command.cuts += 1
            async with command.news:
                command.news.notify_all()

    async def _AppGetOrCreate(self, request: Any, reply: Any, stream: Any) -> None:
        reply.app_id = "ap-1"
        await stream.send_message(reply)

    async def _EnvironmentGetOrCreate(self, request: Any, reply: Any, stream: Any) -> None:
        reply.environment_id, reply.metadata.settings.image_builder_version = "en-1", "2025.06"
        await stream.send_message(reply)

    async def _ImageGetOrCreate(self, request: Any, reply: Any, stream: Any) -> None:
        reply.image_id, reply.result.status = "im-1", api_pb2.GenericResult.GENERIC_STATUS_SUCCESS
        await stream.send_message(reply)

    async def _AuthTokenGet(self, request: Any, reply: Any, stream: Any) -> None:
        reply.token = _token()
        await stream.send_message(reply)

    async def _SandboxCreate(self, request: Any, reply: Any, stream: Any) -> None:
        regions = list(request.definition.scheduler_placement.regions)
        if regions == ["nowhere"]:
            raise GRPCError(Status.INVALID_ARGUMENT, "Unknown region 'nowhere'")
        self.created.append(request.definition)
        reply.sandbox_id = f"sb-{len(self.created)}"
        await stream.send_message(reply)

    _SandboxCreateV2 = _SandboxCreate

    async def _SandboxGetTaskId(self, request: Any, reply: Any, stream: Any) -> None:
        reply.task_id = f"ta-{request.sandbox_id}"
        await stream.send_message(reply)

    _SandboxGetTaskIdV2 = _SandboxGetTaskId

    async def _SandboxGetCommandRouterAccess(self, request: Any, reply: Any, stream: Any) -> None:
        reply.jwt, reply.url = _token(), self.url
        await stream.send_message(reply)

    _TaskGetCommandRouterAccess = _SandboxGetCommandRouterAccess

    async def _SandboxTerminate(self, request: Any, reply: Any, stream: Any) -> None:
        self.removed.append(request.sandbox_id)
        for key, command in self.commands.items():
            if key.startswith(f"ta-{request.sandbox_id}/") and command.process.returncode is None:
                command.process.kill()
        await stream.send_message(reply)

    _SandboxTerminateV2 = _SandboxTerminate

    async def _TaskExecStart(self, request: Any, reply: Any, stream: Any) -> None:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*request.command_args, stdin=pipe, stdout=pipe, stderr=pipe)
        self.commands[f"{request.task_id}/{request.exec_id}"] = _Command(process)
        await stream.send_message(reply)

    def _command(self, request: Any) -> _Command:
        return self.commands[f"{request.task_id}/{request.exec_id}"]

    async def _TaskExecStdioRead(self, request: Any, reply: Any, stream: Any) -> None:
        command, at = self._command(request), request.offset
        fd = 2 if request.file_descriptor == 2 else 1
        cuts = command.cuts
        while True:
            async with command.news:
                await command.news.wait_for(partial(command.has, fd, at, cuts))
            if command.cuts > cuts:
                raise GRPCError(Status.UNAVAILABLE, "the connection was cut")
            data = bytes(command.written[fd][at : at + (1 << 18)])
            if not data:
                return
            at += len(data)
            await stream.send_message(type(reply)(data=data))

    async def _TaskExecStdinWrite(self, request: Any, reply: Any, stream: Any) -> None:
        command = self._command(request)
        stdin = command.process.stdin
        assert stdin is not None
        stdin.write(request.data[max(0, command.taken - request.offset) :])
        command.taken = max(command.taken, request.offset + len(request.data))
        if request.eof:
            stdin.close()
        await stream.send_message(reply)

    async def _TaskExecWait(self, request: Any, reply: Any, stream: Any) -> None:
        code = await self._command(request).process.wait()
        reply.code, reply.signal = (code, 0) if code >= 0 else (0, -code)
        await stream.send_message(reply)
