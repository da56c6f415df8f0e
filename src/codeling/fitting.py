"""Fits values to annotations, so that a model's `"5"` reaches an `int` as 5. It accepts what can only
mean one thing, and refuses the rest with a reason that the model can act on.

* A number is its text for `str` (a bool is not: True may be "true"), and numeric text is its number.
  1 and 0 are bools; True is no number. A number with a fraction is no `int`.
* JSON or Python text of a list or dict is that list or dict, where one is wanted and text is not.
* Any iterable but text and mappings is a list, tuple or set; of a fixed tuple the length must be right.
* In a union, the member of exactly the value's type comes first, then the members in their order.
* A `Literal` or `Enum` takes the text of a choice in any case; an enum its members' values, then names.
* Dataclasses, TypedDicts and NamedTuples take a mapping, or an object with those attributes. A key
  that they do not have is refused: it may be a misspelt one.
* Text is ISO for dates and times, UTF-8 for bytes; a number is seconds for a timedelta.
* What cannot be checked (a string annotation, a type variable, a plain Protocol) takes anything.

It never calls a callable that was given as a value, and never evaluates text beyond literals.
"""

from __future__ import annotations

import ast
import dataclasses
import datetime
import enum
import inspect
import json
import reprlib
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePath
from typing import Any
from uuid import UUID

__all__ = ("describe", "fields_of", "fit", "plain")

_UNIONS = (typing.Union, types.UnionType)
_MARKERS = (typing.Annotated, typing.Required, typing.NotRequired, typing.Final, typing.ClassVar)
_WORDS = {"true": True, "false": False}
_SECONDS = (int, float)


def _int(value: Any) -> int:
    return int(value) if not isinstance(value, str) or "." not in value else int(_whole(float(value)))
