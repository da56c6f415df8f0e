"""Functions of every kind as tools, and what they give."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import io
import math
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from functools import lru_cache, partial
from typing import Any, NamedTuple, NotRequired, TypedDict

import pandas as pd
import PIL.Image
import pytest

from codeling import CodeAgent, FunctionTool, Image, SandboxExecutor, tool
from codeling.testing import ScriptedModel


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


async def add_later(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


class Counter:
    """An object with a state."""

    def __init__(self) -> None:
        self.count = 0

    def more(self, by: int) -> int:
        """Count on."""
        self.count += by
        return self.count

    async def more_later(self, by: int) -> int:
        """Count on."""
        return self.more(by)

    @classmethod
    def kind(cls, times: int) -> str:
        """Give the name of the class."""
        return cls.__name__ * times

    def __call__(self, by: int) -> int:
        """Count on."""
        return self.more(by)


def first(count: int) -> Iterator[int]:
    """Count up."""
    yield from range(count)


async def first_later(count: int) -> AsyncIterator[int]:
    """Count up."""
    for number in range(count):
        yield number


def lazily() -> Any:
    """Give what is read once."""
    return [map(str, [1]), {"a": 1}.keys()][0]


def answer(tools: list[Any], code: str) -> Any:
    """What a program with these tools answers; it may take long to import a library on a busy machine."""
    model = ScriptedModel([f"```python\nfinal_answer({code})\n```"])
    return CodeAgent(tools, model, executor=SandboxExecutor(timeout=100)).run("Go.", max_steps=1)


@pytest.mark.parametrize(
    ("tool", "code", "wanted"),
    [
        (FunctionTool(partial(add, b=2), name="more"), "more('4')", 6),
        (FunctionTool(partial(add, 1), name="more"), "more(b='4')", 5),
        (FunctionTool(partial(add_later, b=2), name="more"), "more('4')", 6),
        (FunctionTool(lru_cache(add), name="kept"), "kept('1', b='2')", 3),
        (Counter().more, "[more('2'), more(3)]", [2, 5]),
        (Counter().more_later, "more_later('2')", 2),
        (Counter.kind, "kind('2')", "CounterCounter"),
        (FunctionTool(Counter(), name="counter"), "counter('2')", 2),
        (FunctionTool(len, name="length"), "length('abc')", 3),
        (math.sqrt, "sqrt(16)", 4.0),
        (FunctionTool(max, name="largest"), "largest(1, 3, 2)", 3),
        (str.upper, "upper('a')", "A"),
        (first, "first('3')", [0, 1, 2]),
        (first_later, "first_later('3')", [0, 1, 2]),
        (lazily, "lazily()", ["1"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_can_be_called_can_be_a_tool(tool: Any, code: str, wanted: Any) -> None:
    """Arguments are fitted wherever types are known, and what is given item by item is a list."""
    assert answer([tool], code) == wanted


def test_a_tool_may_have_a_name_of_pythons_own() -> None:
    """The program calls the tool; the libraries that it uses go on with Python's, and a covered one is given back."""

    def open(path: str) -> str:
        """Open something."""
        return f"opened {path}"

    code = "import tempfile, textwrap\nwith tempfile.TemporaryFile('w') as file: file.write('x')\nprint(len('abc'), open('a'))"
    replies = [
        f"```python\n{code}\n```",
        "```python\nlen = 3\nlen('ab')\n```",
        "```python\nfinal_answer(len('ab'))\n```",
    ]
    told: list[str] = []

    def print(text: str, more: str = "") -> None:
        """Tell something."""
        told.append(f"{text} {more}")

    result = CodeAgent([len, open, print], ScriptedModel(replies)).run("Go.", return_full_result=True)

    assert told == ["3 opened a"]
    assert "it is the function again" in (result.steps[1].error or "")
    assert result.output == 2


def test_functions_without_source_are_tools() -> None:
    """What was typed into a prompt or made by exec has types and a docstring, and needs no file."""
    made: dict[str, Any] = {}
    exec("def typed(a: int) -> int:\n    'Add one.'\n    return a + 1", made)

    assert answer([made["typed"]], "typed('4')") == 5


def test_a_tool_that_exits_is_an_error() -> None:
    """A function that was written for a command line ends neither the run nor the process."""

    def leave(code: int) -> None:
        """Leave."""
        sys.exit(code)

    replies = ["```python\nleave(3)\n```", "```python\nfinal_answer('on')\n```"]
    result = CodeAgent([leave], ScriptedModel(replies)).run("Go.", return_full_result=True)

    assert "SystemExit: 3" in (result.steps[0].error or "")
    assert result.output == "on"


def test_generators_that_do_not_end_are_an_error() -> None:
    """The run goes on."""

    def endless() -> Iterator[int]:
        """Count for ever."""
        number = 0
        while True:
            yield (number := number + 1)

    model = ScriptedModel(["```python\nendless()\n```", "```python\nfinal_answer('on')\n```"])
    result = CodeAgent([endless], model).run("Go.", return_full_result=True)

    assert result.output == "on"
    assert "more than 1,000,000 items" in (result.steps[0].error or "")


def test_tables_are_results() -> None:
    """A frame is a frame in the program, and the program's frame is an argument."""

    def table() -> pd.DataFrame:
        """Give a table."""
        return pd.DataFrame({"a": [1, 2]})

    def total(table: pd.DataFrame) -> int:
        """Add a column up."""
        return int(table["a"].sum())

    assert answer([table, total], "total(table() + 1)") == 5


def test_pictures_and_live_objects_are_results() -> None:
    """A picture is itself; a connection or cursor is a handle that another tool takes."""
    connection = sqlite3.connect(":memory:", check_same_thread=False)

    def picture() -> Any:
        """Give a picture."""
        return PIL.Image.new("RGB", (3, 2), "red")

    def file() -> Image:
        """Give a picture's file."""
        buffer = io.BytesIO()
        PIL.Image.new("RGB", (3, 2)).save(buffer, "PNG")
        return Image(buffer.getvalue())

    def opened() -> sqlite3.Connection:
        """Open the database."""
        return connection

    def rows(database: sqlite3.Connection, sql: str) -> list[Any]:
        """Query the database."""
        return database.execute(sql).fetchall()

    tools = [picture, file, opened, rows]
    code = "[picture().size, file().media_type, rows(opened(), 'select 41'), opened()]"
    size, media_type, found, given = answer(tools, code)

    assert (size, media_type, found) == ((3, 2), "image/png", [(41,)])
    assert given is connection
    connection.close()


def test_a_function_without_types_is_refused_with_what_to_write() -> None:
    """Python functions have to say what they take."""
    with pytest.raises(ValueError, match="its argument 'x' has no type; write `x: int`"):
        FunctionTool(lambda x: x, name="f")


@dataclasses.dataclass
class Place:
    """Where something is."""

    x: int
    y: int = 0


class Colour(enum.Enum):
    """A colour."""

    RED = "red"
    BLUE = "blue"


def paint(
    at: Place, colour: Colour = Colour.RED, done: Callable[[], None] = print, when: dt.date = dt.date.min
) -> Place:
    """Paint a place."""
    return at


def test_the_stub_says_what_a_tools_own_classes_are() -> None:
    """A program has none of the tool's classes: it is told the choices of an enum and the fields of a class."""
    stub = tool(paint).stub
    head, *said = stub.splitlines()

    assert head.startswith("def paint(at: Place, colour: Literal['red', 'blue'] = 'red', done: ")
    assert head.endswith(" = ..., when: datetime.date = datetime.date(1, 1, 1)) -> Place:")
    assert "        Place: give it as a dict {'x': int, 'y'?: int}" in said
    assert '        Place: what is given has .x: int, .y: int"""' in said


class Spot(NamedTuple):
    """A place with a name."""

    name: str
    at: Place


class Row(TypedDict):
    """A row."""

    spot: Spot
    note: NotRequired[str]


def rows(row: Row) -> list[Row]:
    """Give rows."""
    return [row, row]


def test_classes_in_the_fields_of_classes_are_told_too() -> None:
    """Each once where it is taken and once where it is given otherwise."""
    said = tool(rows).stub.partition("Types:\n")[2]

    assert [line.strip() for line in said.splitlines()] == [
        "Row: give it as a dict {'spot': Spot, 'note'?: str}",
        "Spot: give it as a dict {'name': str, 'at': Place}",
        "Place: give it as a dict {'x': int, 'y'?: int}",
        "Spot: a tuple of name: str, at: Place",
        'Place: what is given has .x: int, .y: int"""',
    ]
    row = "{'spot': {'name': 'a', 'at': {'x': 1}}}"
    assert answer([rows], f"[row['spot'][1].x for row in rows({row})]") == [1, 1]


def test_a_tools_signature_can_be_read_in_a_program() -> None:
    """Also where a default is an object that only the host has."""
    defaults = "[p.default for p in __import__('inspect').signature(paint).parameters.values()]"

    assert answer([paint], f"{defaults}[1:]") == ["red", ..., ...]
    assert answer([paint], "paint({'x': '3'}, 'BLUE').x") == 3
