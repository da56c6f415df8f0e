"""Configuration as JSON: what can be written down exactly, and nothing else.

Plain values stand as they are, so that a person can read and edit the file. What JSON has no word for is
marked by a key that begins with `$`. Objects that know what they were made with are saved as that. Secrets are
left out, never written. A value that would come back as something else is refused.
"""

from __future__ import annotations

import datetime as dt
import inspect
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePath
from typing import Any
from uuid import UUID

from ..errors import UsageError
from ..lookup import Recorded, load
from ..messages import Json

__all__ = ("Packer", "is_secret_name", "looks_like_a_key", "pack", "unpack")

_SECRET = re.compile(
    r"(^|_)((api|access|secret|private|auth|subscription|signing|encryption)_?key|token|secret|passw(or)?d|passphrase"
    r"|credentials?|auth|authorization|bearer|cookie)(_|$)|^key$"
)
_KEY = re.compile(
    r"\b(?:sk-(?:proj-|ant-|or-)?[A-Za-z0-9_-]{24,}|hf_[A-Za-z0-9]{24,}|gsk_[A-Za-z0-9]{24,}|ghp_[A-Za-z0-9]{24,}"
    r"|xox[bp]-[A-Za-z0-9-]{24,}|AIza[A-Za-z0-9_-]{30,}|AKIA[A-Z0-9]{16})"
    r"|://[^\s/@:]*:[^\s/@]+@|[?&](?:access_)?(?:token|api_?key|key|secret|password)=[^\s&]{8,}"
)
_LEAVES = (
    float, complex, bytes, Decimal, Fraction, UUID, dt.datetime, dt.date, dt.time, dt.timedelta,
)  # fmt: skip
_MARKS = ("$tuple", "$set", "$frozenset", "$dict", "$value", "$made")


def is_secret_name(name: str) -> bool:
    """Whether a parameter or key of this name holds a secret, such as `api_key` or `X-Auth-Token`."""
    snake = re.sub(r"([a-z])([A-Z])", r"\1_\2", name).replace("-", "_").lower()
    return bool(_SECRET.search(snake))


def looks_like_a_key(text: str) -> bool:
    """Whether a text holds what a provider's key looks like."""
    return bool(_KEY.search(text))


class Packer:
    """Writes values down, and collects where secrets were left out."""

    def __init__(self) -> None:
        self.left_out: list[str] = []
        """The places of secrets, such as `model.api_key`."""
        self._codec: Any = load("codeling.sandbox.values:HostCodec")()

    def pack(self, value: Any, where: str) -> Json:
        """Give the value as JSON data. Raises `UsageError` with the place of what cannot be written down."""
        if value is None or type(value) in (bool, int) or (type(value) is float and math.isfinite(value)):
            return value  # type: ignore[no-any-return]  # narrowed by its exact type
        if type(value) is str:
            return self._text(value, where)
        if type(value) is list:
            self._no_options(value, where)
            return [self.pack(item, f"{where}[{i}]") for i, item in enumerate(value)]
        if isinstance(value, Mapping) and type(value).__module__ in ("builtins", "types"):
            return self._mapping(value, where)
        for mark, kind in (("$tuple", tuple), ("$set", set), ("$frozenset", frozenset)):
            if type(value) is kind:
                self._no_options(value, where)
                return {mark: [self.pack(item, f"{where}[…]") for item in value]}
        if isinstance(value, Recorded):
            return {"$made": self.made(value, where)}
        if type(value).__module__.startswith("codeling.") and is_dataclass(value) and not isinstance(value, type):
            given = {f.name: getattr(value, f.name) for f in fields(value) if f.init}
            cls = f"{type(value).__module__}:{type(value).__qualname__}"
            return {"$made": {"class": cls, "arguments": self._mapping(given, where)}}
        if type(value) in _LEAVES or isinstance(value, PurePath):
            return {"$value": self._codec.encode(value)}
        raise UsageError(
            f"{where} is {type(value).__name__!r}, which cannot be written down; pass plain values (numbers, texts, "
            "lists, dicts) and make the object of them inside"
        )

    def made(self, value: Recorded, where: str) -> dict[str, Json]:
        """Give the class and the arguments that an object was made with, without secrets."""
        cls, (args, kwargs) = type(value), value._made_with
        if "<locals>" in cls.__qualname__ or cls.__module__ == "__main__":
            raise UsageError(f"{where}: the class {cls.__qualname__!r} cannot be found by its name from elsewhere")
        return {
            "class": f"{cls.__module__}:{cls.__qualname__}",
            "arguments": self.arguments(value, args, kwargs, where),
        }

    def arguments(self, made: Any, args: Any, kwargs: Any, where: str) -> dict[str, Json]:
        """Give the arguments of a constructor by their names; further positional ones under `*`."""
        bound = inspect.signature(type(made).__init__).bind(made, *args, **kwargs)
        packed: dict[str, Json] = {}
        for parameter in list(bound.signature.parameters.values())[1:]:
            if parameter.name not in bound.arguments:
                continue
            given = bound.arguments[parameter.name]
            if parameter.kind is parameter.VAR_POSITIONAL:
                packed["*"] = self.pack(list(given), f"{where}.*")
            else:
                items = given.items() if parameter.kind is parameter.VAR_KEYWORD else [(parameter.name, given)]
                packed |= {
                    name: self.pack(item, f"{where}.{name}") for name, item in items if self._kept(name, item, where)
                }
        return packed

    def _kept(self, name: str, value: Any, where: str) -> bool:
        marked = isinstance(value, load("codeling.secrets.masking:Secret"))
        if value is None or isinstance(value, bool) or not (marked or is_secret_name(name)):
            return True
        self.left_out.append(f"{where}.{name}")
        return False

    def _no_options(self, values: Iterable[Any], where: str) -> None:
        """Refuse the arguments of a command where one of them is a key, such as `--api-key`."""
        for value in values:
            name = value[2:].partition("=")[0] if type(value) is str and value[:2] == "--" else ""
            if is_secret_name(name):
                raise UsageError(
                    f"{where} holds a secret, after {value[: len(name) + 2]!r}; give it by the environment"
                )

    def _mapping(self, value: Mapping[Any, Any], where: str) -> Json:
        if all(type(key) is str for key in value) and not any(key.startswith("$") for key in value):
            return {
                key: self.pack(item, f"{where}.{key}") for key, item in value.items() if self._kept(key, item, where)
            }
        return {"$dict": [[self.pack(key, where), self.pack(item, f"{where}[{key!r}]")] for key, item in value.items()]}

    def _text(self, value: str, where: str) -> str:
        if looks_like_a_key(value):
            raise UsageError(
                f"{where} holds what looks like a secret key; keep it in the environment and read it there"
            )
        try:
            value.encode()
        except UnicodeEncodeError:
            raise UsageError(f"{where} holds a text that is not Unicode (a lone surrogate)") from None
        return value


def pack(value: Any, where: str) -> Json:
    """Write one value down; see `Packer`."""
    return Packer().pack(value, where)


def unpack(data: Json, make: Callable[[Mapping[str, Any]], Any]) -> Any:
    """Give the value of packed data; `make` makes the objects that were saved as what they were made with.

    Raises `UsageError` for data that no version wrote.
    """
    if isinstance(data, list):
        return [unpack(item, make) for item in data]
    if not isinstance(data, dict):
        return data
    mark = next(iter(data), "")
    if mark not in _MARKS:
        return {key: unpack(item, make) for key, item in data.items()}
    inner: Any = data[mark]
    try:
        if mark == "$value":
            return load("codeling.sandbox.values:HostCodec")().decode(inner)
        if mark == "$made":
            return make(inner)
        if mark == "$dict":
            return {_hashable(unpack(key, make)): unpack(item, make) for key, item in inner}
        kind: Any = {"$tuple": tuple, "$set": set, "$frozenset": frozenset}[mark]
        return kind(unpack(item, make) for item in inner)
    except (TypeError, ValueError, KeyError) as error:
        raise UsageError(f"saved data with {mark!r} cannot be read: {error}") from error


def _hashable(value: Any) -> Any:
    hash(value)
    return value
