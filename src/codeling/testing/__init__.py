"""What tests of agents need: a model that answers from a script. Nothing here is used by a real run."""

from __future__ import annotations

from .replaying import replay
from .scripted import ScriptedModel

__all__ = ("ScriptedModel", "replay")
