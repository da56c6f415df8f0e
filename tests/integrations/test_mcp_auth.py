"""MCP servers that let in who is known to them: by a token, by headers, by OAuth; and the folders that servers ask about."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp.client.auth import OAuthClientProvider
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from pydantic import AnyUrl

from codeling import CodeAgent, EndsRun, MCPClient
from codeling.testing import ScriptedModel
from scripts import services

from .servers import HERE, free_port, listening, require_services


@pytest.fixture(scope="module", params=["streamable-http", "sse"])
def guarded(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """A server that wants a token, over each transport."""
    port = free_port()
    with listening([sys.executable, str(HERE / "guarded_server.py"), str(port), request.param], port):
        path = "sse" if request.param == "sse" else "mcp"
        yield {"url": f"http://127.0.0.1:{port}/{path}", "transport": request.param}


def asked(client: MCPClient) -> Any:
    """What a program gets of the server's tool."""
    return CodeAgent(client, ScriptedModel(["```python\nfinal_answer(secret())\n```"])).run("Ask.")


def test_a_token_opens_a_server(guarded: dict[str, Any]) -> None:
    """It is given to the client or with the server, or as a header."""
    with MCPClient(guarded, auth="opensesame") as client:
        assert asked(client) == 42
    with MCPClient({**guarded, "auth": "opensesame"}, auth="wrong") as client:
        assert asked(client) == 42
    with MCPClient({**guarded, "headers": {"Authorization": "Bearer opensesame"}}) as client:
        assert asked(client) == 42


@pytest.mark.parametrize("auth", [None, "a-wrong-token"])
def test_who_is_not_let_in_is_told_at_once(guarded: dict[str, Any], auth: str | None) -> None:
    """The error says what the server answered and what to pass, and holds no token."""
    with pytest.raises(EndsRun, match=r"did not start: .*401 Unauthorized; pass auth=") as raised:
        MCPClient(guarded, auth=auth).connect()
    assert "wrong-token" not in str(raised.value)


class Memory:
    """Where the SDK keeps tokens."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


def test_oauth_by_the_sdks_own_provider(guarded: dict[str, Any]) -> None:
    """The client registers, a person is sent to the authorisation server and back, and the token opens the server."""
    back: list[httpx2.URL] = []
    memory = Memory()

    async def person(address: str) -> None:
        async with httpx2.AsyncClient(trust_env=False) as browser:
            answer = await browser.get(address)
            back.append(httpx2.URL(answer.headers["location"]))

    async def returned() -> AuthorizationCodeResult:
        given = back[-1].params
        return AuthorizationCodeResult(code=given["code"], state=given["state"])

    metadata = OAuthClientMetadata(client_name="codeling", redirect_uris=[AnyUrl("http://127.0.0.1:1/back")])
    provider = OAuthClientProvider(guarded["url"], metadata, memory, person, returned)
    if guarded["transport"] == "sse":
        pytest.skip("the SDK's server names one resource, that of the other transport")
    with MCPClient(guarded, auth=provider) as client:
        assert asked(client) == 42
    assert memory.tokens is not None
    assert memory.tokens.access_token == "opensesame"
    with MCPClient(guarded, auth=OAuthClientProvider(guarded["url"], metadata, memory)) as client:
        assert asked(client) == 42  # by the token that was kept, without a person
    assert len(back) == 1


def test_a_server_is_told_which_folders_are_open(tmp_path: Path) -> None:
    """A handshake server that asks for the roots gets the folders; without any it is told that there are none to ask for."""
    require_services()
    command = services.everything()
    server = {"command": command[0], "args": command[1:]}
    program = ScriptedModel(["```python\nfinal_answer(get_roots_list())\n```"])
    with MCPClient(server, roots=[tmp_path]) as client:
        assert tmp_path.as_uri() in CodeAgent(client, program).run("Which?")
    with MCPClient(server) as client:
        assert "get_roots_list" not in [tool.name for tool in client]
