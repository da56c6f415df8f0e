"""Pictures and sound as users have them, made into messages: paths, bytes, and pictures of Pillow."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..messages import Audio, Image

__all__ = ("audio_from", "image_from")

_SIGNATURES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif", b"RIFF": "image/webp"}
_SOUNDS = {
    b"RIFF": "audio/wav", b"ID3": "audio/mpeg", b"\xff\xfb": "audio/mpeg", b"\xff\xf3": "audio/mpeg",
    b"OggS": "audio/ogg", b"fLaC": "audio/flac",
}  # fmt: skip


def image_from(given: Any) -> Image:
    """Give the picture of a file's path, of its bytes, or of a Pillow image.

    Raises `UsageError` for what is none, or is of a kind that models do not read (PNG, JPEG, GIF and WebP are).
    """
    if isinstance(given, Image):
        return given
    if isinstance(given, (str, os.PathLike)):
        try:
            given = Path(given).read_bytes()
        except OSError as error:
            raise UsageError(f"the picture {str(given)!r} cannot be read: {error.strerror}") from error
    if isinstance(given, (bytes, bytearray)):
        data = bytes(given)
        for start, media_type in _SIGNATURES.items():
            if data.startswith(start):
                return Image(data, media_type)
        raise UsageError("a picture must be a PNG, JPEG, GIF or WebP file; these bytes are none of them")
    if callable(getattr(given, "save", None)):
        return Image(_png(given))
    raise UsageError(f"a picture is a path, the bytes of a file, or a Pillow image; not {type(given).__name__!r}")


def _png(picture: Any) -> bytes:
    buffer = io.BytesIO()
    try:
        try:
            picture.save(buffer, format="PNG")
        except OSError:  # of a kind that PNG has not, such as CMYK
            picture.convert("RGB").save(buffer, format="PNG")
    except Exception as error:  # foreign code: it has a `save`, whatever else it is
        raise UsageError(f"the picture {picture!r:.100} cannot be read: {error}") from error
    return buffer.getvalue()


def audio_from(given: Iterable[Any]) -> tuple[Audio, ...]:
    """Give the sounds of files' paths or of their bytes. Raises `UsageError` for what is no WAV, MP3, OGG or FLAC."""
    return tuple(sound if isinstance(sound, Audio) else _sound(sound) for sound in given)


def _sound(given: Any) -> Audio:
    if isinstance(given, (str, os.PathLike)):
        try:
            given = Path(given).read_bytes()
        except OSError as error:
            raise UsageError(f"the sound {str(given)!r} cannot be read: {error.strerror}") from error
    for start, media_type in _SOUNDS.items() if isinstance(given, (bytes, bytearray)) else ():
        if given.startswith(start):
            return Audio(bytes(given), media_type)
    raise UsageError(f"a sound is Audio(…), or a WAV, MP3, OGG or FLAC file as a path or bytes; not {given!r:.80}")
