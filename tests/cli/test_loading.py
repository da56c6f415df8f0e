"""Tools by file and by module, as `--tools` takes them."""

from __future__ import annotations

from pathlib import Path

from codeling.cli.answers import answer_text
from codeling.cli.loading import tools_named

from .helpers import EXAMPLES

SOURCE = """
from codeling import Tool, tool
from neighbour import borrowed, helper

@tool
def first(number: int) -> int:
    "Give a number."
    return helper(number)

again = first

class Second(Tool):
    name = "second"
    description = "Give two."
    def forward(self) -> int:
        return 2

class Third(Tool):
    description = "Give what it was made with."
    def __init__(self, number: int) -> None:
        self.name, self.number = f"third_{number}", number
    def forward(self) -> int:
        return self.number

three = Third(3)
four = Third(4)
"""
NEIGHBOUR = """
from codeling import tool

@tool
def borrowed(number: int) -> int:
    "Not to be offered."
    return number

def helper(number: int) -> int:
    return borrowed(number) + 1
"""


def test_a_file_gives_the_tools_that_it_defines(tmp_path: Path) -> None:
    """Functions, objects and classes without arguments, each once; not what the file imports from its neighbours."""
    (tmp_path / "mine.py").write_text(SOURCE)
    (tmp_path / "neighbour.py").write_text(NEIGHBOUR)
    tools = {tool.name: tool for tool in tools_named([str(tmp_path / "mine.py")])}

    assert sorted(tools) == ["first", "second", "third_3", "third_4"]
    assert tools["first"](4) == 5


def test_a_module_gives_what_is_named() -> None:
    """A typed function becomes a tool."""
    [tool] = tools_named(["tests.cli.helpers:program"])

    assert tool.name == "program"
    assert tool.stub.startswith("def program(code: str, thought: str = 'Let me see.') -> str:")


def test_the_example_reads_its_tables() -> None:
    """Numbers are numbers, gaps are None, and an unknown name is answered with the known ones."""
    [read_table] = tools_named([str(EXAMPLES / "tables.py")])
    planets, moons = read_table("planets"), read_table("moons")

    assert planets[2] == {
        "planet": "Earth", "radius_km": 6371.0, "distance_million_km": 149.6, "moons": 1, "day_hours": 24.0,
        "year_days": 365.2, "mean_temperature_c": 15, "rings": "no",
    }  # fmt: skip
    assert moons[0] == {"moon": "Moon", "planet": "Earth", "radius_km": 1737.4, "discovered": None}
    try:
        read_table("comets")
    except ValueError as error:
        assert str(error) == "there is no table 'comets'; there are: moons, planets"


def test_answers_as_text() -> None:
    """Texts stay as they are, plain data is JSON, the rest is Python; a terminal gets no control characters."""
    assert answer_text("a\x1b[0m") == "a\x1b[0m"
    assert answer_text("a\x1b[0m", terminal=True) == "a\\x1b[0m"
    assert answer_text([1, "ä"]) == '[\n  1,\n  "ä"\n]'
    assert answer_text({"a": (1,)}) == "{'a': (1,)}"
    assert answer_text({"a": float("nan")}) == "{'a': nan}"
    assert answer_text(None) == "None"
