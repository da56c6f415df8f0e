"""What a task of the bench is, and when an answer to it counts as right.

A check is exact about the fact and tolerant of harmless form: a number may come as text or in a short
sentence, a list as a tuple or a series, a date in any usual notation. It never guesses in favour of an
agent: a sentence that also names a wrong candidate is wrong. Imports nothing of ours, for the peer's
interpreter loads it too.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from numbers import Number
from typing import Any, TypeAlias

__all__ = ("Check", "Task", "day", "members", "number", "phrase", "solved_by", "task")

Check: TypeAlias = Callable[[Any], bool]

_LONGEST = 200
_NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?")
_DATES = ("%Y-%m-%d", "%d %B %Y", "%B %d %Y", "%d.%m.%Y", "%d/%m/%Y", "%d %b %Y", "%b %d %Y", "%Y/%m/%d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One question, the tools to answer it with, and the check of the answer."""

    name: str
    kind: str
    question: str
    check: Check
    tools: Sequence[Callable[..., Any]] = field(default=())


def task(name: str, kind: str, check: Check, /, *tools: Callable[..., Any], question: str) -> Task:
    """Write a task down in one breath."""
    return Task(name=name, kind=kind, question=question, check=check, tools=tools)


def solved_by(task: Task, answer: Any) -> bool:
    """Say whether the answer is right; a strange answer is a wrong one."""
    try:
        return bool(task.check(_plain(answer)))
    except Exception:  # an answer may be any object, with any behaviour
        return False


def number(wanted: float, *, tolerance: float = 1e-6) -> Check:
    """Accept this number, or a short text whose first or last number it is."""

    def check(answer: Any) -> bool:
        if isinstance(answer, bool):
            return False
        if isinstance(answer, Number):
            return abs(float(answer) - wanted) <= tolerance  # type: ignore[arg-type]  # every real number
        if not isinstance(answer, str) or len(answer) > _LONGEST:
            return False
        found = [float(text.replace(",", "")) for text in _NUMBER.findall(answer)]
        return any(abs(value - wanted) <= tolerance for value in (*found[:1], *found[-1:]))

    return check


def phrase(wanted: str, *, also: Iterable[str] = (), wrong: Iterable[str] = ()) -> Check:
    """Accept this text or one of `also`, or a short sentence that holds it and none of the `wrong` ones."""
    right = (wanted, *also)

    def check(answer: Any) -> bool:
        if isinstance(answer, Iterable) and not isinstance(answer, str):
            return False
        text = _folded(str(answer))
        held = any(_holds(text, one) for one in right)
        return held and len(text) <= _LONGEST and not any(_holds(text, one) for one in wrong)

    return check


def members(wanted: Sequence[Any], *, ordered: bool = False, wrong: Iterable[Any] = ()) -> Check:
    """Accept exactly these items, as any collection or as a short text that names them and none of the `wrong`."""

    def check(answer: Any) -> bool:
        if isinstance(answer, str) or not isinstance(answer, Iterable):
            text = _folded(str(answer))
            places = [_place(text, str(item)) for item in wanted]
            right = all(place >= 0 for place in places) and (not ordered or places == sorted(places))
            return right and len(text) <= _LONGEST and not any(_holds(text, str(other)) for other in wrong)
        expected, given = ([_folded(str(_plain(item))) for item in items] for items in (wanted, answer))
        return given == expected if ordered else sorted(given) == sorted(expected)

    return check


def day(year: int, month: int, of_month: int) -> Check:
    """Accept this date in any usual notation."""
    wanted = date(year, month, of_month)

    def check(answer: Any) -> bool:
        if isinstance(answer, datetime):
            return answer.date() == wanted
        if isinstance(answer, date):
            return answer == wanted
        text = re.sub(r"(?<=\d)(st|nd|rd|th)\b|^\w+day\b|[T ]00:00(:00)?$|,", "", str(answer).strip()).strip(" .")
        return any(wanted == _dated(text, form) or _holds(_folded(text), wanted.strftime(form)) for form in _DATES)

    return check


def _dated(text: str, form: str) -> date | None:
    try:
        return datetime.strptime(text, form).date()
    except ValueError:
        return None


def _plain(answer: Any) -> Any:
    """Take off harmless wrappings: a numpy scalar, a series, a list or mapping of one, a list written as text."""
    if isinstance(answer, str) and answer.strip()[:1] in "[({":
        try:
            return _plain(ast.literal_eval(answer.strip()))
        except (ValueError, SyntaxError):
            return answer
    if hasattr(answer, "tolist"):
        return _plain(answer.tolist())
    if isinstance(answer, Mapping) and len(answer) == 1:
        return _plain(next(iter(answer.values())))
    if isinstance(answer, (list, tuple, set, frozenset)) and len(answer) == 1:
        return _plain(next(iter(answer)))
    return answer


def _folded(text: str) -> str:
    return re.sub(r"\s+", " ", text.casefold()).strip(" \"'`.!\n")


def _place(text: str, part: str) -> int:
    found = re.search(rf"(?<![\w-]){re.escape(_folded(part))}(?![\w-])", text)
    return -1 if found is None else found.start()


def _holds(text: str, part: str) -> bool:
    return _place(text, part) >= 0
