"""Frames, read with distrust: a 4-byte little-endian length, then one JSON object.

Every frame is checked here, down to the type of each field, before anything else looks at it.
The values inside (arguments, answers) are checked by the codec.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from typing import Any, cast

from ..errors import WireBroken

__all__ = ("MAX_FRAME", "Buffer", "encode")

MAX_FRAME = 16 << 20
"""Bytes of one frame from the program's side. Larger ones are refused before anything is allocated."""

_LENGTH = struct.Struct("<I")
_TEXT = (str,)
_TEXT_OR_NONE = (str, type(None))
_SHAPES: Mapping[str, Mapping[str, tuple[type, ...]]] = {
    "hello": {"v": (int,), "pid": (int,), "python": _TEXT},
    "ready": {"id": (int,)},
    "call": {"id": (int,), "name": _TEXT, "args": (list,), "kw": (dict,)},
    "out": {"text": _TEXT},
    "image": {"data": _TEXT},
    "final": {"val": (object,)},
    "done": {"id": (int,), "err": _TEXT_OR_NONE},
}
_OPTIONAL: Mapping[str, tuple[type, ...]] = {"val": _TEXT_OR_NONE, "size": (int,), "final": (bool,)}


def encode(frame: Mapping[str, Any]) -> bytes:
    """Give the bytes of one frame of ours."""
    body = json.dumps(frame, separators=(",", ":")).encode("ascii")
    return _LENGTH.pack(len(body)) + body


class Buffer:
    """Collects bytes until they are frames."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, chunk: bytes) -> Iterator[Mapping[str, Any]]:
        """Give the frames that are complete now. Raises `WireBroken` for what is no frame of ours."""
        self._bytes += chunk
        while len(self._bytes) >= _LENGTH.size:
            size = _LENGTH.unpack_from(self._bytes)[0]
            if size > MAX_FRAME:
                raise WireBroken(f"protocol error: a frame of {size} bytes; at most {MAX_FRAME} are read")
            if len(self._bytes) < _LENGTH.size + size:
                return
            body = bytes(self._bytes[_LENGTH.size : _LENGTH.size + size])
            del self._bytes[: _LENGTH.size + size]
            yield _checked(body)


def _checked(body: bytes) -> Mapping[str, Any]:
    try:
        frame: Any = json.loads(body)
    except (ValueError, RecursionError) as error:  # ValueError covers bad UTF-8 and integers too long to read
        raise WireBroken(f"protocol error: a frame that is not JSON ({type(error).__name__})") from None
    shape = _SHAPES.get(frame["t"]) if type(frame) is dict and type(frame.get("t")) is str else None
    if shape is None:
        raise WireBroken("protocol error: a frame of unknown kind")
    for name, types in shape.items():
        if name not in frame or not (types == (object,) or type(frame[name]) in types):
            raise WireBroken(f"protocol error: frame {frame['t']!r} with a wrong {name!r}")
    if frame["t"] == "done" and any(type(frame[k]) not in t for k, t in _OPTIONAL.items() if k in frame):
        raise WireBroken("protocol error: a wrong end of a program")
    return cast("Mapping[str, Any]", frame)
