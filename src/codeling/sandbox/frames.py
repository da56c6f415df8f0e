"""Frames, read with distrust: a 4-byte little-endian length, then one JSON object.

Every frame is checked here, down to the type of each field, before anything else looks at it.
The values inside (arguments, answers) are checked by the codec.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Any, cast

from ..errors import WireBroken
from .inside import compact

__all__ = ("MAX_FRAME", "MAX_TEXT", "MAX_WEIGHT", "Buffer", "clean", "encode")

MAX_FRAME = compact.MOST_BYTES
"""Bytes of one frame from the program's side. Larger ones are refused before anything is allocated."""
MAX_WEIGHT = compact.MOST_WEIGHT
"""Bytes of memory that a frame may become; an honest worker sends none that becomes more."""
MAX_TEXT = 1 << 17
"""Characters of an error or a shown value: the worker cuts them shorter."""

_SMALL, _LIGHT = 1 << 10, 1 << 16
_LENGTH = struct.Struct("<I")
_NOTHING = object()
_TEXT: tuple[type, ...] = (str,)
_TEXT_OR_NONE = (str, type(None))
_ANY = (dict, list, str, int, float, bool, type(None))
_SHAPES: Mapping[str, tuple[tuple[str, tuple[type, ...]], ...]] = {
    "hello": (("v", (int,)), ("pid", (int,)), ("python", _TEXT)),
    "ready": (("id", (int,)),),
    "trouble": (("text", _TEXT),),
    "call": (("id", (int,)), ("name", _TEXT), ("args", (list,)), ("kw", (dict,))),
    "out": (("text", _TEXT),),
    "image": (("data", _TEXT),),
    "final": (("val", _ANY),),
    "done": (("id", (int,)), ("err", _TEXT_OR_NONE)),
}
_OPTIONAL: Mapping[str, tuple[type, ...]] = {
    "val": _TEXT_OR_NONE, "size": (int,), "final": (bool,), "lines": (list,),
}  # fmt: skip
_MOST_LINES = 2048


def encode(frame: Mapping[str, Any]) -> bytes:
    """Give the bytes of one frame of ours."""
    body: bytes = compact.encode(frame).encode("ascii")
    return _LENGTH.pack(len(body)) + body


def clean(text: str) -> str:
    """Give a text that can be written anywhere: halves of surrogate pairs become their escapes."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


class Buffer:
    """Collects bytes until they are frames."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def __len__(self) -> int:
        return len(self._bytes)

    @property
    def heavy(self) -> bool:
        """Whether what has begun to come is too large to be read on the loop."""
        return len(self._bytes) >= _LENGTH.size and _LENGTH.unpack_from(self._bytes)[0] > _LIGHT

    def feed(self, chunk: bytes) -> Iterator[Mapping[str, Any]]:
        """Give the frames that are complete now. Raises `WireBroken` for what is no frame of ours."""
        if not self._bytes and chunk[4:] and _LENGTH.unpack_from(chunk)[0] == len(chunk) - 4:
            yield _checked(chunk[_LENGTH.size :])  # just one, as mostly
            return
        self._bytes += chunk
        while len(self._bytes) >= _LENGTH.size:
            size = _LENGTH.unpack_from(self._bytes)[0]
            if size > MAX_FRAME:
                if (words := bytes(self._bytes[:80])).isascii() and words[:4].decode().isprintable():
                    raise WireBroken(f"protocol error: words came where a frame was due: {words.decode()!r}")
                raise WireBroken(f"protocol error: a frame of {size} bytes; at most {MAX_FRAME} are read")
            if len(self._bytes) < _LENGTH.size + size:
                return
            yield _checked(self._cut(size))

    def _cut(self, size: int) -> bytes:
        """Take out a frame's bytes; nobody holds them while it is acted on."""
        with memoryview(self._bytes) as view:
            body = bytes(view[_LENGTH.size : _LENGTH.size + size])
        del self._bytes[: _LENGTH.size + size]
        return body


def _checked(body: bytes) -> Mapping[str, Any]:
    weight: int = compact.weight(body) if len(body) > _SMALL else 0
    if weight > MAX_WEIGHT:
        raise WireBroken("protocol error: a frame of more items than any value that may cross")
    try:
        frame: Any = compact.decode(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # ValueError covers bad UTF-8 and integers too long to read
        raise WireBroken(f"protocol error: a frame that is not JSON ({type(error).__name__})") from None
    kind = frame.get("t") if type(frame) is dict else None
    shape = _SHAPES.get(kind) if type(kind) is str else None
    if shape is None:
        raise WireBroken("protocol error: a frame of unknown kind")
    for name, types in shape:
        if type(frame.get(name, _NOTHING)) not in types:
            raise WireBroken(f"protocol error: frame {kind!r} with a wrong {name!r}")
    if kind == "call":
        if not (type(line := frame.get("line", 0)) is int and 0 <= line < 1 << 31):
            raise WireBroken("protocol error: frame 'call' with a wrong 'line'")
        frame["cost"] = len(body) + weight
    if kind == "done" and not _is_end(frame):
        raise WireBroken("protocol error: a wrong end of a program")
    marks = frame.get("lines", ()) if kind == "done" else ()
    if len(marks) > _MOST_LINES or not all(map(_is_mark, marks)):
        raise WireBroken("protocol error: the end of a program with wrong lines")
    return cast("Mapping[str, Any]", frame)


def _is_end(frame: Mapping[str, Any]) -> bool:
    if any(type(frame[name]) not in types for name, types in _OPTIONAL.items() if name in frame):
        return False
    texts = frame["err"], frame.get("val")
    return 0 <= frame.get("size", 0) < 1 << 53 and all(len(text or "") <= MAX_TEXT for text in texts)


def _is_mark(mark: Any) -> bool:
    """Whether this is a line's number and how many bytes it printed."""
    return type(mark) is list and len(mark) == 2 and all(type(part) is int and 0 <= part < 1 << 40 for part in mark)
