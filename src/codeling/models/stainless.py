"""Failures of the libraries that Stainless generates, as OpenAI's and Anthropic's are: all of them fail alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ModelError
from .answer import Incomplete
from .retry import Transient, failure, wait_from

__all__ = ("data", "disconnect", "next_piece", "ours", "said")


def ours(library: Any, error: Any, /, *, who: str, key: str | None, remedy: str) -> ModelError | Transient:
    """Say what an `APIError` of the library is to us. It holds the request and so the key: it goes no further."""
    message, code = said(error)
    if not isinstance(error, library.APIStatusError):
        status = code if isinstance(code, int) and 400 <= code < 600 else _STATUS.get(str(code))
        reason = f" ({error.__cause__})" if error.__cause__ else ""
        return failure(who, f"{message}{reason}", status=status, key=key, remedy=remedy)
    # An error in the middle of a stream has the status of the stream, which is 200.
    status = error.status_code if error.status_code >= 400 else _STATUS.get(str(code))
    return failure(who, message, status=status, key=key, remedy=remedy, wait=wait_from(error.response.headers))


_STATUS = {"invalid_request_error": 400, "authentication_error": 401, "permission_error": 403, "not_found_error": 404}
"""What an error in the middle of a stream, which has no status, would have had as one."""


def said(error: Any, /) -> tuple[str, Any]:
    """Give the vendor's own words, with their code where the words lack it, and the code."""
    body = error.body if isinstance(error.body, Mapping) else {}
    inner = body.get("error")
    body = inner if isinstance(inner, Mapping) else body
    # Some servers give the words alone, in place of an object that holds them.
    message = body.get("message") or inner or error.body
    message = message if isinstance(message, str) and message else str(error.message or type(error).__name__)
    code = body.get("code") or body.get("type") or ""
    return (f"{message} [{code}]" if isinstance(code, str) and code and code not in message else message), code


def data(response: Any, model: type[Any], /) -> Any:
    """Give a vendor's object as plain data; servers send fields that its types do not know or do not allow."""
    return response.to_dict(warnings=False) if isinstance(response, model) else response


async def next_piece(stream: Any, /) -> Any:
    """Give the next piece of a stream, or None at its end. Raises `Incomplete` for one that is no JSON."""
    try:
        return await anext(stream, None)
    except ValueError as error:
        raise Incomplete(f"a piece of the answer is not JSON: {error}") from None


async def disconnect(client: Any, /) -> None:
    """Close a client."""
    await client.close()
