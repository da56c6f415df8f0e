"""Every example runs and gives the right answer, with a model that answers from a script."""

from __future__ import annotations

import importlib
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from codeling.messages import ToolCall
from codeling.testing import ScriptedModel

from .helpers import EXAMPLES, program


@pytest.fixture(autouse=True)
def beside_the_examples() -> Iterator[None]:
    """Examples import their neighbours, as scripts do."""
    sys.path.insert(0, str(EXAMPLES))
    yield
    sys.path.remove(str(EXAMPLES))


def example(name: str) -> ModuleType:
    return importlib.import_module(name)


def script(*programs: str) -> ScriptedModel:
    return ScriptedModel([program(code) for code in programs])


def test_every_example_is_tested() -> None:
    """No example is forgotten here."""
    tested = {
        "approval",
        "chat",
        "ecosystems",
        "executors",
        "gradio_ui",
        "langchain_tools",
        "mcp_tools",
        "plots",
        "quickstart",
        "retrieval",
        "sql",
        "summaries",
        "tables",
        "team",
        "two_forms",
        "typed_answer",
        "watching",
        "writer",
    }
    tested |= {"hub_tool", "skills", "space_tool"}  # the last in tests/integrations/test_spaces.py

    assert {path.stem for path in EXAMPLES.glob("*.py")} == tested


def test_quickstart() -> None:
    """The mean is computed from the table."""
    code = "big = [p['radius_km'] for p in read_table('planets') if p['moons'] > 10]\nfinal_answer(sum(big) / len(big))"

    assert example("quickstart").main(script(code)) == 44531.75


def test_two_forms(capsys: pytest.CaptureFixture[str]) -> None:
    """Both forms answer, and what they cost is printed."""
    code = "final_answer(sum(m['discovered'] is not None and m['discovered'] < 1700 for m in read_table('moons')))"
    calls: list[Any] = [[ToolCall(id="a", name="read_table", kwargs={"name": "moons"})], "7"]
    results = example("two_forms").main(script(code), ScriptedModel(calls))

    assert [result.output for result in results] == [7, "7"]
    assert "CodeAgent: 7 after 1 steps" in capsys.readouterr().out


def test_hub_tool() -> None:
    """A tool from a folder is called behind the wall."""
    assert example("hub_tool").main(script("final_answer(days_of('Mars', '2'))")) == 39.0


def test_skills() -> None:
    """The skill is read, and its script imported."""
    read = "print(read_skill('planet-names'))"
    where = EXAMPLES / "data" / "skills" / "planet-names" / "scripts"
    use = f"import sys\nsys.path.insert(0, {str(where)!r})\nfrom numbering import numbered\nfinal_answer(numbered('Jupiter'))"

    assert example("skills").main(script(read, use)) == "Jupiter (5)"


def test_team() -> None:
    """The manager's answer holds what its helper found in the table."""
    helper = script("final_answer(max(read_table('moons'), key=lambda moon: moon['radius_km'])['moon'])")
    manager = script("name = astronomer('Which moon has the largest radius?')\nfinal_answer(f'It is {name}.')")

    assert example("team").main(manager, helper) == "It is Ganymede."


def test_watching(capsys: pytest.CaptureFixture[str]) -> None:
    """The events come in their order, the last one with the answer."""
    model = script("planets = read_table('planets')\nprint(len(planets))",
                   "final_answer(max(planets, key=lambda planet: planet['day_hours'])['planet'])")  # fmt: skip
    last = example("watching").main(model)
    lines = capsys.readouterr().out

    assert (last.state, last.output) == ("success", "Mercury")
    assert (
        lines.index("--- program 1") < lines.index("--- calls read_table('planets',)") < lines.index("--- saw '8\\n'")
    )


@pytest.mark.timeout(300)  # importing gradio is slow on a busy machine
def test_gradio_ui() -> None:
    """The page is built with the agent's name, and its agent reads the table; tests/observers use such a page."""
    pytest.importorskip("gradio", reason="pip install 'codeling[gradio]'")
    page = example("gradio_ui").page(script("final_answer(len(read_table('planets')))"))

    assert page.build().title == "planets"
    assert page.agent.run("How many planets are there?") == 8


def test_approval() -> None:
    """Nothing is sent before the approval; afterwards the same program goes on and sends once."""
    module = example("approval")

    assert module.main(script("address = find_address('Ann')\nfinal_answer(send_mail(address, 'Hello!'))")) == (
        "sent to ann@example.org"
    )
    assert module.SENT == ["ann@example.org: Hello!"]


def test_typed_answer() -> None:
    """A dict becomes the dataclass; what fails the check is asked for again."""
    model = script("final_answer({'inner': 'Earth', 'outer': 'Mars', 'million_km': 78.4})",
                   "final_answer({'inner': 'Uranus', 'outer': 'Neptune', 'million_km': '1648'})")  # fmt: skip
    answer = example("typed_answer").main(model)

    assert (answer.inner, answer.outer, answer.million_km) == ("Uranus", "Neptune", 1648.0)
    assert "is_far" in model.requests[1].messages[-1].content


def test_executors(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Each place that is named counts the fruit with a tool of this side; one that cannot be had says why."""
    version = platform.python_version()
    for places in ([], ["unsafe-local", "ssh"]):
        monkeypatch.setattr(sys, "argv", ["executors.py", *places])
        example("executors").main()

    assert capsys.readouterr().out.splitlines() == [
        f"sandbox: 42 pieces, counted by Python {version}",
        f"CommandExecutor: 42 pieces, counted by Python {version}",
        f"unsafe-local: 42 pieces, counted by Python {version}",
        "ssh: 'ssh' needs a host, such as 'ssh:user@host'",
    ]


def test_mcp_tools() -> None:
    """The server's structured answer is read as a value."""
    pytest.importorskip("mcp_server_time", reason="pip install mcp-server-time")
    code = "r = convert_time('Asia/Tokyo', '14:30', 'Asia/Kolkata')\nfinal_answer(r['target']['datetime'].split('T')[1][:5])"

    assert example("mcp_tools").main(script(code)) == "11:00"


def test_langchain_tools() -> None:
    """Tools of the community and one's own, called by place and by name."""
    pytest.importorskip("langchain_community", reason="pip install langchain-community")
    code = "name = list_directory()\nfinal_answer([name, word_count(read_file(name), longer_than='4')])"

    assert example("langchain_tools").main(script(code)) == ["note.txt", 3]


def test_ecosystems() -> None:
    """One program calls them all, in the default sandbox."""
    pytest.importorskip("mcp_server_time", reason="pip install mcp-server-time")
    pytest.importorskip("langchain_core", reason="pip install 'codeling[langchain]'")
    code = (
        "answer = {}\n"
        "for row in query('select * from calls'):\n"
        "    there = convert_time(row['zone'], row['time'], 'UTC')['target']['datetime']\n"
        "    answer[badge(row['name'], number=row['number'])] = there.split('T')[1][:5]\n"
        "final_answer(answer)"
    )

    assert example("ecosystems").main(script(code)) == {"ANN-007": "00:00", "BO-012": "12:00"}


def test_sql() -> None:
    """A wrong query is corrected from the error of the database, and nothing can be written."""
    module = example("sql")
    model = script("query('SELECT name FROM planets')", "query('DELETE FROM planets')",
                   "rows = query('SELECT planet FROM planets WHERE moons > 20 ORDER BY moons DESC')\n"
                   "final_answer([row['planet'] for row in rows])")  # fmt: skip

    assert module.main(model) == ["Saturn", "Jupiter", "Uranus"]
    assert "no such column: name" in model.requests[1].messages[-1].content
    assert "not authorized" in model.requests[2].messages[-1].content


def test_retrieval() -> None:
    """The answer stands on pages that were found; one without a source is asked for again."""
    model = script("found = search('planning_interval handoffs final_answer_checks')\nfinal_answer({'text': 'limits', 'sources': []})",
                   "final_answer({'text': 'limits', 'sources': sorted({hit['page'] for hit in found})})")  # fmt: skip
    answer = example("retrieval").main(model)

    assert "comes_from_the_documents" in model.requests[1].messages[-1].content
    assert answer.text == "limits"
    assert "agents.md" in answer.sources


def test_plots(tmp_path: Path) -> None:
    """The figure reaches the model and a file, the number is computed from the table."""
    model = script("import matplotlib.pyplot as plt\nfigure, axes = plt.subplots()\n"
                   "axes.scatter(planets['radius_km'], planets['moons'])\nfigure",
                   "final_answer(round(planets['moons'].corr(planets['radius_km']), 2))")  # fmt: skip

    assert 0.5 < example("plots").main(model, tmp_path) < 1
    assert (tmp_path / "plot-1.png").read_bytes().startswith(b"\x89PNG")
    assert model.requests[1].messages[-1].images


def test_summaries() -> None:
    """Every page is read by a run of its own, all under one budget."""
    reader = ScriptedModel(lambda messages: program("final_answer(text.partition('\\n')[0])"))
    code = """import asyncio
lines = await asyncio.gather(*[reader("Summarise it.", text=text) for text in texts.values()])
final_answer(dict(zip(texts, lines)))"""
    answer = example("summaries").main(script(code), reader)

    assert len(answer) == len(reader.requests) > 5
    assert answer["running.md"] == "# Running"


def test_chat() -> None:
    """What was said and computed in one turn is there in the next."""
    model = script("name = 'Ann'\nfinal_answer('Hello')", "final_answer(name)")

    assert list(example("chat").chat(model, ["I am Ann.", "Who am I?"])) == ["Hello", "Ann"]
    assert "I am Ann." in "".join(message.content for message in model.requests[1].messages)


def test_writer() -> None:
    """Facts come back as objects, from questions that are asked at once; a plan comes first."""
    code = "rows = read_table('planets')\nbest = max(rows, key=lambda row: row['radius_km'])\nfinal_answer([{'text': best['planet'], 'table': 'planets'}])"
    researcher = ScriptedModel(lambda messages: program(code))
    asks = "import asyncio\na, b = await asyncio.gather(researcher('Largest?'), researcher('Again?'))"
    writer = ScriptedModel(["First ask.", program(asks), program("final_answer(f'{a[0].text} ({b[0].table})')")])

    assert example("writer").main(writer, researcher) == "Jupiter (planets)"
