"""The named way out: hosts and ports that were granted, checked where they are looked up, and nothing else."""

from __future__ import annotations

import asyncio
import http.server
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress

import pytest

from codeling import CodeAgent, RunResult, SandboxExecutor, UsageError
from codeling.sandbox.http import Refused, parse, server_name
from codeling.sandbox.network import Proxy, Rule, is_public, rules_from
from codeling.testing import ScriptedModel

from ..walls import need


class Handler(http.server.BaseHTTPRequestHandler):
    """Says what it was asked."""

    def do_GET(self) -> None:
        """Answer, or send elsewhere."""
        if self.path.startswith("/elsewhere"):
            self.send_response(302)
            self.send_header("Location", self.path.partition("?")[2])
            self.end_headers()
            return
        body = f"{self.path} for {self.headers['Host']} {self.headers.get('Proxy-Authorization')}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        """Give the body back."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body[::-1])

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def servers() -> Iterator[tuple[int, int]]:
    """The ports of two servers on the loopback."""
    started = [http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(2)]
    for server in started:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield started[0].server_port, started[1].server_port
    for server in started:
        server.shutdown()
        server.server_close()


def run(executor: SandboxExecutor, program: str) -> RunResult:
    """Run a program."""
    with CodeAgent(
        [], ScriptedModel([f"```python\n{program}\n```", "```python\nfinal_answer(0)\n```"]), executor=executor
    ) as agent:
        result = agent.run("Go.", return_full_result=True)
    assert isinstance(result, RunResult)
    return result


def test_named_hosts_can_be_reached_and_no_other(servers: tuple[int, int]) -> None:
    """A program's ordinary HTTP reaches what was named; other ports, other names and redirects to them are refused."""
    need("full")
    named, other = servers
    program = f"""
import urllib.error, urllib.request
def get(url, data=None):
    try:
        return urllib.request.urlopen(url, data, timeout=10).read().decode()
    except urllib.error.HTTPError as error:
        return str(error.code) + ' ' + error.read().decode()
print(get('http://127.0.0.1:{named}/a'))
print(get('http://127.0.0.1:{named}/b', b'x' * 100000 + b'y')[:2])
print(get('http://127.0.0.1:{other}/'), end='')
print(get('http://example.com/'), end='')
print(get('http://127.0.0.1:{named}/elsewhere?http://127.0.0.1:{other}/'), end='')
"""
    lines = run(SandboxExecutor(network=[f"127.0.0.1:{named}"]), program).steps[0].output.splitlines()

    assert lines[0] == f"/a for 127.0.0.1:{named} None"
    assert lines[1] == "yx"
    assert lines[2] == lines[4] == f"403 codeling: '127.0.0.1', port {other}, is not among network="
    assert lines[3].startswith("403 codeling: 'example.com'")


def test_little_waits_in_a_connection_that_nobody_reads() -> None:
    """A program that reads fast, so that the kernel grows its buffers, and then no more, has not much wait for it."""
    need("full")
    listening = socket.create_server(("127.0.0.1", 0))

    def pour() -> None:
        with suppress(OSError):
            while True:
                connection = listening.accept()[0]
                threading.Thread(target=flood, args=(connection,), daemon=True).start()

    def flood(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                connection.sendall(bytes(1 << 20))

    threading.Thread(target=pour, daemon=True).start()
    address = f"127.0.0.1:{listening.getsockname()[1]}"
    program = f"""
import array, fcntl, os, socket, time
port = int(os.environ['HTTP_PROXY'].rpartition(':')[2])
connections = [socket.create_connection(('127.0.0.1', port)) for _ in range(8)]
for connection in connections:
    connection.sendall(b'GET http://{address}/ HTTP/1.1\\r\\n\\r\\n')
got, room = 0, bytearray(1 << 20)
for connection in connections:
    for _ in range(200):
        got += connection.recv_into(room)
time.sleep(1)
waiting = array.array('i', [0])
most = 0
for connection in connections:
    fcntl.ioctl(connection, 0x541B, waiting)
    most = max(most, waiting[0])
final_answer([got > 0, most])
"""
    read, most = run(SandboxExecutor(network=[address], timeout=60), program).output
    listening.close()

    assert read
    assert most <= 1 << 18


def test_without_a_network_there_is_none(servers: tuple[int, int]) -> None:
    """By default no proxy is named and no socket can be made."""
    program = "import os, socket\nprint([n for n in os.environ if 'proxy' in n.lower()])\nsocket.socket()"
    step = run(SandboxExecutor(), program).steps[0]

    assert step.output == "[]\n"
    assert "PermissionError" in (step.error or "")


@pytest.mark.parametrize(
    "text", ["pypi.org", "pypi.org:0", "pypi.org:99999", "http://pypi.org:443", "a b:80", "2130706433:80", "0x7f.1:80", "*.org:80", "", "pypi.org:443:1", "é.org:80", "pypi.org:٤٤"]
)  # fmt: skip
def test_what_is_no_host_and_port_is_refused(text: str) -> None:
    """A rule that could be read in two ways is none."""
    with pytest.raises(UsageError, match="network="):
        rules_from([text])


def test_a_name_that_is_private_needs_to_be_named_so(servers: tuple[int, int]) -> None:
    """A name may be an address of this machine only where it stands in `private_hosts`."""
    port = servers[0]
    refused = ask(Proxy(rules_from([f"localhost:{port}"])), f"GET http://localhost:{port}/x HTTP/1.1\r\n\r\n")
    granted = ask(
        Proxy(rules_from([f"localhost:{port}"], ["LocalHost."])), f"GET http://localhost:{port}/x HTTP/1.1\r\n\r\n"
    )

    assert b"a private address" in refused
    assert granted.endswith(b"/x for localhost:%d None" % port)


def ask(proxy: Proxy, request: str | bytes) -> bytes:
    """Say something to a proxy, and give all that it answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        end = proxy.serve(listening.dup())
        try:
            with socket.create_connection(listening.getsockname(), 5) as client:
                client.settimeout(5)
                client.sendall(request if isinstance(request, bytes) else request.encode())
                return b"".join(iter(lambda: client.recv(65536), b""))
        finally:
            end()


def test_a_name_is_looked_up_once(servers: tuple[int, int]) -> None:
    """A name that changes between two looks gains nothing: what was checked is what is connected to."""
    asked: list[str] = []

    async def changing(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["192.0.2.1", "10.0.0.7"] if len(asked) == 1 else ["127.0.0.1"]

    proxy = Proxy([Rule("changing.example", servers[0], private=False)], resolve=changing)
    request = f"GET http://changing.example:{servers[0]}/ HTTP/1.1\r\n\r\n"
    assert b"a private address" in ask(proxy, request)
    assert b"127.0.0.1, a private address" in ask(proxy, request)
    assert asked == ["changing.example"] * 2


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
     "255.255.255.255", "::", "::1", "fe80::1", "fc00::1", "ff02::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1",
     "2002:7f00:1::", "64:ff9b::7f00:1", "2001:0:4136:e378:8000:63bf:80ff:fffe", "192.0.2.1", "198.18.0.1",
     "fec0::1", "168.63.129.16"],
)  # fmt: skip
def test_private_addresses_in_every_form(address: str) -> None:
    """Addresses of this machine, of private networks and of the link are not public, wrapped or not."""
    assert not is_public(ipaddress.ip_address(address))


def test_public_addresses_are_public() -> None:
    """What the internet reaches is not refused."""
    assert all(is_public(ipaddress.ip_address(text)) for text in ("8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8"))


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /path HTTP/1.1", b"GET https://a.example/ HTTP/1.1", b"GET http://u:p@a.example/ HTTP/1.1", b"CONNECT a.example HTTP/1.1",
        b"CONNECT a.example:443:1 HTTP/1.1", b"CONNECT a.example:443 HTTP/2.0", b"CONNECT a\x00.example:443 HTTP/1.1",
        b"CONNECT a%2eexample:443 HTTP/1.1", b"CONNECT [::1%25lo]:443 HTTP/1.1", b"get http://a.example/ HTTP/1.1",
        b"GET http://a.example/ HTTP/1.1\r\nX: 1\r\n folded", b"GET http://a.example/ HTTP/1.1\r\nX : 1",
        b"POST http://a.example/ HTTP/1.1\r\nTransfer-Encoding: chunked", b"POST http://a.example/ HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2",
        b"POST http://a.example/ HTTP/1.1\r\nContent-Length: 0x10", b"GET http://a.example\\@b.example/ HTTP/1.1", b"", b"\x16\x03\x01",
        b"GET http://a.example/\nX: 1 HTTP/1.1", b"CONNECT ..:443 HTTP/1.1", b"CONNECT a.example..:443 HTTP/1.1",
    ],
)  # fmt: skip
def test_requests_that_could_be_read_in_two_ways_are_refused(raw: bytes) -> None:
    """What has no single meaning reaches nobody."""
    with pytest.raises(Refused):
        parse(raw + b"\r\n\r\n")


def test_a_request_goes_on_under_our_name_of_the_host() -> None:
    """The Host header and the proxy's own headers are ours; a name has one form."""
    request = parse(
        b"GET http://A.Example.:8080/x?y HTTP/1.1\r\nHost: other.example\r\nProxy-Authorization: z\r\nA: b\r\n\r\n"
    )

    assert (request.host, request.port) == ("a.example", 8080)
    assert request.head == b"GET /x?y HTTP/1.1\r\nHost: a.example:8080\r\na: b\r\nConnection: close\r\n\r\n"


def greeting(name: str) -> bytes:
    """What a TLS client says first."""
    out = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), out, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return out.read()


def test_a_tunnels_tls_asks_for_the_host_that_was_allowed() -> None:
    """A greeting for another site of the same server ends the tunnel before anything is sent."""
    whole = greeting("a.example")
    assert server_name(whole) == "a.example"
    assert all(server_name(whole[:size]) in (None, "") for size in range(5, 60))
    got: list[bytes] = []

    async def work(name: str) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            got.append(await reader.read(10))
            writer.close()
            served.set()

        served = asyncio.Event()
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]

        async def here(host: str, port: int) -> Sequence[str]:
            return ["127.0.0.1"]

        proxy = Proxy([Rule("a.example", port, private=True)], resolve=here)
        request = f"CONNECT a.example:{port} HTTP/1.1\r\n\r\n".encode() + greeting(name)
        await asyncio.to_thread(ask, proxy, request)
        await asyncio.wait_for(served.wait(), 30)
        server.close()
        await server.wait_closed()

    asyncio.run(work("b.example"))
    assert got == [b""]
    asyncio.run(work("a.example"))
    assert got[1][:1] == b"\x16"
