"""Asks JSON interfaces that the tool's author chose, with a key that goes nowhere else and into no error."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from ..errors import UsageError

__all__ = ("ask_json", "key_for")

_LARGEST = 4 << 20


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would take the key to another place."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow none."""


def ask_json(
    endpoint: str, *, params: Mapping[str, Any] | None = None, body: Any = None,
    headers: Mapping[str, str] | None = None, timeout: float = 20.0, key: str = "",
) -> Any:  # fmt: skip
    """Give the JSON that an endpoint answers, to a POST where there is a `body`.

    Raises ConnectionError, PermissionError for a refused key, and TimeoutError; `key` is in none of them.
    """
    url = f"{endpoint}?{urlencode(params)}" if params else endpoint
    data = None if body is None else json.dumps(body).encode()
    given = {"Accept": "application/json", "User-Agent": "codeling", **(headers or {})}
    given |= {} if data is None else {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data=data, headers=given)  # noqa: S310  # the tool's author chose it
    host = request.host
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=timeout) as response:
            answer = response.read(_LARGEST + 1)
    except urllib.error.HTTPError as error:
        with error:
            said = " ".join(error.read(500).decode("utf-8", "replace").split())
        kind = PermissionError if error.code in (401, 403) else ConnectionError
        raise kind(_clean(f"{host} answered {error.code} {error.reason}: {said}", key)) from None
    except TimeoutError:
        raise TimeoutError(f"{host} did not answer within {timeout:g} s; try again") from None
    except OSError as error:
        raise ConnectionError(_clean(f"{host} cannot be reached: {error}", key)) from None
    if len(answer) > _LARGEST:
        raise ConnectionError(f"{host} answered more than {_LARGEST >> 20} MiB")
    try:
        return json.loads(answer)
    except (ValueError, RecursionError) as error:
        raise ConnectionError(f"{host} answered what is no JSON: {type(error).__name__}") from None


def key_for(tool: str, given: str | None, variable: str) -> str:
    """Give a key, by default that of an environment variable. Raises `UsageError` where there is none."""
    if key := given or os.environ.get(variable):
        return key
    raise UsageError(f"{tool} needs a key: set the environment variable {variable}, or pass api_key=…")


def _clean(text: str, key: str) -> str:
    return text.replace(key, "[key]") if key else text
