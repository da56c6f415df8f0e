"""Loopback servers that speak Blaxel's and Daytona's wire to the vendors' own SDKs. Their sandboxes really run commands, here.

They test our use of the SDKs and the shape of the wire as the SDKs have it, not the vendors' servers.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import pty
import struct
import termios
import threading
from typing import Any

from aiohttp import WSMsgType, web

BLAXEL_KEY = "bl-tests"
DAYTONA_KEY = "dtn-tests"
_TIME = "2026-01-01T00:00:00Z"


class Server:
    """Routes on one port of this machine, served by a thread."""

    def __init__(self) -> None:
        self.created: list[dict[str, Any]] = []
        self.removed: list[str] = []
        self.processes: dict[str, asyncio.subprocess.Process] = {}
        self.streams: list[Any] = []
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        ready.wait()

    def routes(self) -> list[web.RouteDef]:
        """What is served."""
        raise NotImplementedError

    def close(self) -> None:
        """Stop the server and its sandboxes."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def kill_sandboxes(self) -> None:
        """End what runs in the sandboxes, as a machine that fails would."""
        asyncio.run_coroutine_threadsafe(self._end(*self.processes), self._loop).result()

    def cut_streams(self) -> None:
        """Break every stream, as a network that fails would; what runs in the sandboxes goes on."""
        for transport in self.streams:
            self._loop.call_soon_threadsafe(transport.abort)

    async def _end(self, *names: str) -> None:
        for name in names:
            process = self.processes.get(name)
            if process is not None and process.returncode is None:
                process.kill()
                await process.wait()

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        ready.set()
        self._loop.run_forever()

    async def _start(self) -> None:
        app = web.Application(client_max_size=1 << 26)
        app.add_routes(self.routes())
        self._runner = web.AppRunner(app, shutdown_timeout=1, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _stop(self) -> None:
        await self._end(*self.processes)
        await self._runner.cleanup()


class Blaxel(Server):
    """Blaxel's control plane and its sandboxes' own service."""

    def routes(self) -> list[web.RouteDef]:
        """What is served."""
        return [
            web.post("/v0/sandboxes", self._create), web.delete("/v0/sandboxes/{name}", self._delete),
            web.post("/sbx/{name}/process", self._process), web.post("/sbx/{name}/process/{id}/stdin", self._stdin),
        ]  # fmt: skip

    async def _create(self, request: web.Request) -> web.Response:
        asked = await request.json()
        if request.headers.get("X-Blaxel-Authorization") != f"Bearer {BLAXEL_KEY}":
            return web.json_response({"error": "UNAUTHORIZED", "message": "Invalid API key", "code": 401}, status=401)
        if asked["spec"].get("region") == "nowhere":
            return web.json_response({"error": "BAD_REQUEST", "message": "no region nowhere", "code": 400}, status=400)
        self.created.append(asked)
        return web.json_response(self._sandbox(asked["metadata"]["name"], asked["spec"]))

    def _sandbox(self, name: str, spec: Any) -> dict[str, Any]:
        place = {"name": name, "url": f"{self.url}/sbx/{name}", "createdAt": _TIME}
        return {"metadata": place, "spec": spec, "status": "DEPLOYED"}

    async def _delete(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        self.removed.append(name)
        await self._end(name)
        return web.json_response(self._sandbox(name, {"region": "us"}))

    async def _process(self, request: web.Request) -> web.StreamResponse:
        asked, name = await request.json(), request.match_info["name"]
        assert asked["stdin"] and asked["waitForCompletion"]
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        self.streams.append(request.transport)
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_shell(
            f"exec {asked['command']}", stdin=pipe, stdout=pipe, stderr=pipe
        )
        self.processes[name] = process

        async def pass_on(kind: str, stream: Any) -> None:
            while chunk := await stream.read(1 << 16):
                await response.write(json.dumps({"type": kind, "data": chunk.decode()}).encode() + b"\n")

        with contextlib.suppress(ConnectionError):
            await asyncio.gather(pass_on("stdout", process.stdout), pass_on("stderr", process.stderr))
            code = await process.wait()
            times = {"startedAt": _TIME, "completedAt": _TIME, "workingDir": "/"}
            ended = {"pid": "1", "name": asked["name"], "command": "x", "status": "completed", "exitCode": code}
            texts = {"logs": "", "stdout": "", "stderr": ""}
            result = json.dumps({**ended, **times, **texts})
            await response.write(json.dumps({"type": "result", "data": result}).encode() + b"\n")
        assert process.stdin is not None
        process.stdin.close()
        return response

    async def _stdin(self, request: web.Request) -> web.Response:
        process = self.processes[request.match_info["name"]]
        assert process.stdin is not None
        if process.returncode is not None:
            return web.json_response({"error": "the process has no open stdin"}, status=409)
        process.stdin.write(await request.read())
        with contextlib.suppress(ConnectionError):
            await process.stdin.drain()
        return web.json_response({"message": "written"})


class Daytona(Server):
    """Daytona's control plane and its sandboxes' toolbox, terminals only."""

    def routes(self) -> list[web.RouteDef]:
        """What is served."""
        box, terminal = "/api/sandbox/{id}", "/toolbox/{id}/process/pty"
        return [
            web.post("/api/sandbox", self._create), web.get(box, self._get), web.delete(box, self._delete),
            web.get(f"{box}/toolbox-proxy-url", self._toolbox), web.get("/api/config", self._config),
            web.get(f"{terminal}/create-connect", self._terminal), web.post(terminal, self._prepare),
            web.get(f"{terminal}/{{pty}}/connect", self._terminal),
        ]  # fmt: skip

    async def _create(self, request: web.Request) -> web.Response:
        asked = await request.json()
        if request.headers.get("Authorization") != f"Bearer {DAYTONA_KEY}":
            return web.json_response({"message": "Invalid credentials", "statusCode": 401}, status=401)
        if asked.get("target") == "nowhere":
            return web.json_response({"message": "Region nowhere not found", "statusCode": 404}, status=404)
        self.created.append(asked)
        return web.json_response(self._sandbox(f"box{len(self.created)}"))

    def _sandbox(self, name: str) -> dict[str, Any]:
        return {
            "id": name, "name": name, "organizationId": "o", "user": "daytona", "env": {}, "public": False,
            "labels": {"code-toolbox-language": "python"}, "networkBlockAll": True, "target": "us", "cpu": 1, "gpu": 0,
            "memory": 1, "disk": 3, "state": "started", "toolboxProxyUrl": f"{self.url}/toolbox", "runnerId": "r",
            "kvm": False, "linkedSandboxId": None, "createdAt": _TIME, "updatedAt": _TIME,
        }  # fmt: skip

    async def _get(self, request: web.Request) -> web.Response:
        return web.json_response(self._sandbox(request.match_info["id"]))

    async def _delete(self, request: web.Request) -> web.Response:
        name = request.match_info["id"]
        self.removed.append(name)
        await self._end(name)
        return web.json_response(self._sandbox(name))

    async def _toolbox(self, request: web.Request) -> web.Response:
        return web.json_response({"url": f"{self.url}/toolbox"})

    async def _config(self, request: web.Request) -> web.Response:
        return web.json_response({"version": "1"})

    async def _prepare(self, request: web.Request) -> web.Response:
        return web.json_response({"sessionId": (await request.json())["id"]}, status=201)

    async def _terminal(self, request: web.Request) -> web.WebSocketResponse:
        asked = request.headers.get("Sec-WebSocket-Protocol", "").split(",")
        socket = web.WebSocketResponse(protocols=[name.strip() for name in asked if name.strip()])
        await socket.prepare(request)
        self.streams.append(request.transport)
        await socket.send_str(json.dumps({"type": "control", "status": "connected"}))
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        process = await asyncio.create_subprocess_exec(
            "sh",
            "-i",
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env=dict(os.environ, PS1="~> $ "),
        )
        os.close(theirs)
        self.processes[request.match_info["id"]] = process
        reading = asyncio.create_task(self._read(ours, process, socket))
        async for message in socket:
            if message.type == WSMsgType.BINARY:
                data = message.data
                while data:
                    data = data[await asyncio.to_thread(os.write, ours, data) :]
        if process.returncode is None:
            process.kill()
        await reading
        os.close(ours)
        return socket

    async def _read(self, ours: int, process: Any, socket: web.WebSocketResponse) -> None:
        """Give on what the terminal shows, until it hangs up."""
        with contextlib.suppress(OSError):
            while chunk := await asyncio.to_thread(os.read, ours, 1 << 16):
                await socket.send_bytes(chunk)
        code = await process.wait()
        with contextlib.suppress(ConnectionError):
            await socket.send_str(json.dumps({"type": "control", "status": "exited", "exitCode": code}))
            await socket.close()
