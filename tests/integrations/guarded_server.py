"""An MCP server behind OAuth, with an authorisation server of its own that lets everybody in: PORT [sse]."""

from __future__ import annotations

import itertools
import sys
import time
from typing import Any

from mcp.server.auth.provider import AccessToken, AuthorizationCode, AuthorizationParams, RefreshToken
from mcp.server.auth.settings import AuthSettings, ClientRegistrationOptions
from mcp.server.mcpserver import MCPServer
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from pydantic import AnyHttpUrl

PORT = int(sys.argv[1])
HERE = f"http://127.0.0.1:{PORT}"


class Porter:
    """Lets clients register, and gives each what it asks for."""

    def __init__(self) -> None:
        self.clients: dict[str, OAuthClientInformationFull] = {}
        self.codes: dict[str, AuthorizationCode] = {}
        self.numbers = itertools.count(1)

    async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
        """Give a client that registered."""
        return self.clients.get(client_id)

    async def register_client(self, client_info: OAuthClientInformationFull) -> None:
        """Register a client."""
        self.clients[str(client_info.client_id)] = client_info

    async def authorize(self, client: OAuthClientInformationFull, params: AuthorizationParams) -> str:
        """Send the person back with a code at once."""
        code = f"code-{next(self.numbers)}"
        self.codes[code] = AuthorizationCode(
            code=code, scopes=params.scopes or [], expires_at=time.time() + 60, client_id=str(client.client_id),
            code_challenge=params.code_challenge, redirect_uri=params.redirect_uri,
            redirect_uri_provided_explicitly=params.redirect_uri_provided_explicitly, resource=params.resource,
        )  # fmt: skip
        return f"{params.redirect_uri}?code={code}&state={params.state}"

    async def load_authorization_code(self, client: Any, authorization_code: str) -> AuthorizationCode | None:
        """Give a code that is open."""
        return self.codes.get(authorization_code)

    async def exchange_authorization_code(self, client: Any, authorization_code: AuthorizationCode) -> OAuthToken:
        """Give a token for a code."""
        del self.codes[authorization_code.code]
        return OAuthToken(access_token="opensesame", token_type="Bearer", expires_in=3600)

    async def load_access_token(self, token: str) -> AccessToken | None:
        """Know a token."""
        return (
            AccessToken(token=token, client_id="c", scopes=[], resource=f"{HERE}/mcp")
            if token == "opensesame"
            else None
        )

    async def load_refresh_token(self, client: Any, refresh_token: str) -> RefreshToken | None:
        """Give none."""
        return None

    async def exchange_refresh_token(self, client: Any, refresh_token: Any, scopes: list[str]) -> OAuthToken:
        """Never called."""
        raise NotImplementedError

    async def exchange_identity_assertion(self, client: Any, params: Any) -> OAuthToken:
        """Never called."""
        raise NotImplementedError

    async def revoke_token(self, token: Any) -> None:
        """Forget nothing."""


settings = AuthSettings(
    issuer_url=AnyHttpUrl(HERE), resource_server_url=AnyHttpUrl(f"{HERE}/mcp"),
    client_registration_options=ClientRegistrationOptions(enabled=True),
)  # fmt: skip
server = MCPServer("guarded", auth=settings, auth_server_provider=Porter())


@server.tool()
def secret() -> int:
    """Tell it."""
    return 42


if __name__ == "__main__":
    transport: Any = "sse" if "sse" in sys.argv else "streamable-http"
    server.run(transport, host="127.0.0.1", port=PORT)
