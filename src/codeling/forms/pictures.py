"""Pictures in a conversation: the results of calls that are pictures, and old ones that are left out.

Pictures cost much and age fast. Once there are more than `MOST` after the task, all but the last `KEPT` are left
out, so that a provider's prompt cache is lost rarely. It depends on what was shown and on nothing else: a
resumed run shows its model the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from ..errors import UsageError
from ..messages import Image, Message
from .images import image_from

__all__ = ("KEPT", "MOST", "drop_old", "picture_of")

MOST, KEPT = 8, 4


def picture_of(value: Any) -> Image | None:
    """Give the picture that a value is, or None."""
    if isinstance(value, Image):
        return value
    is_picture = any(kind.__module__ == "PIL.Image" and kind.__name__ == "Image" for kind in type(value).__mro__)
    try:
        return image_from(value) if is_picture else None
    except (UsageError, OSError, ValueError):  # such as one of a mode that no PNG has
        return None


def drop_old(messages: list[Message], *, after: int) -> None:
    """Leave out old pictures of the messages after the first so many, in place. The last message keeps all."""
    shown = messages[after:]
    if sum(len(message.images) for message in shown) <= MOST:
        return
    left = KEPT
    for index in reversed(range(after, len(messages))):
        images = messages[index].images
        kept = images if index == len(messages) - 1 else images[max(len(images) - left, 0) :] if left > 0 else ()
        left -= len(kept)
        if len(kept) < len(images):
            messages[index] = replace(messages[index], images=kept, content=_noted(messages[index], images, kept))


def _noted(message: Message, images: Iterable[Image], kept: Iterable[Image]) -> str:
    return f"{message.content}\n[{len(tuple(images)) - len(tuple(kept))} older pictures are not shown any more]"
