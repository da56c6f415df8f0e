"""What adapters of vendors' libraries share: refusals before asking, tries, clients of loops, prices."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from ..errors import ModelError
from ..lookup import Recorded
from ..messages import Reply, Request
from ..protocols import OnDelta
from .answer import Answer, Incomplete
from .prices import Prices, priced
from .retry import TRIES, Transient, failure, persist
from .support import broken
from .terms import Terms

__all__ = ("HostedModel",)


class HostedModel(Recorded, ABC):
    """A model behind a vendor's library. What a subclass adds is its dialect: `_attempt`.

    `retries` is how often a failure that may pass is tried again, `prices` what the model costs
    where no price library knows it; `reads_images=False` has pictures refused before they are sent;
    `calls_natively=False` says that the model makes no tool calls: it is then shown how to write them.
    """

    extra: ClassVar[str]
    """The extra of codeling that installs the vendor's library."""
    provider: ClassVar[str | None] = None
    """The vendor's name in the price library."""
    hears: ClassVar[bool] = False
    """Whether messages may hold sound."""

    def __init__(
        self, name: str, *, retries: int = TRIES - 1, reads_images: bool = True, calls_natively: bool = True,
        prices: Prices | None = None,
    ) -> None:  # fmt: skip
        self._name, self._tries = name, retries + 1
        self._reads_images, self._calls_natively, self._prices = reads_images, calls_natively, prices
        self._terms = Terms()

    @property
    def name(self) -> str:
        """The model's name, as its provider calls it."""
        return self._name

    @property
    def reads_images(self) -> bool:
        """Whether messages may hold pictures."""
        return self._reads_images

    @property
    def calls_natively(self) -> bool:
        """Whether the model makes tool calls by itself."""
        return self._calls_natively

    async def reply(self, request: Request, /, *, on_delta: OnDelta | None = None) -> Reply:
        """Answer the conversation; see `Model.reply`.

        A stream that breaks in the middle is begun anew, so `on_delta` may see a beginning twice.
        """
        self._refuse(request)
        answer, reply = await persist(lambda: self._tried(request, on_delta), tries=self._tries)
        return await priced(
            reply, model=self.name, prices=self._prices, provider=self._sold_by(), written=answer.written
        )

    @abstractmethod
    async def _attempt(self, answer: Answer, /) -> None:
        """Ask once and tell the answer. Raises `Transient`, `Incomplete`, `ModelError`."""

    def _sold_by(self) -> str | None:
        return self.provider

    async def _tried(self, request: Request, on_delta: OnDelta | None) -> tuple[Answer, Reply]:
        answer = Answer(request, on_delta)
        try:
            await self._attempt(answer)
            return answer, answer.reply()
        except Incomplete as error:
            raise failure(self.name, str(error), status=None) from None
        except broken() as error:
            text = f"{type(error).__name__}: {error}"
            raise failure(self.name, text, status=None, key=getattr(self, "_key", None)) from None
        except TimeoutError:
            raise Transient(ModelError(f"{self.name}: the request timed out")) from None

    def _refuse(self, request: Request) -> None:
        if not self.reads_images and any(message.images for message in request.messages):
            raise ModelError(f"the model {self.name!r} does not read pictures; use a model that does")
        if not self.hears and any(message.audio for message in request.messages):
            raise ModelError(f"{type(self).__name__} takes no sound; transcribe it, or use a model that hears")
