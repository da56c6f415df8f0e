"""The trace page in a real browser: it is drawn, it can be used, and nothing that a run wrote acts in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codeling import Image, trace_html
from codeling.events import (
    CodeStarted,
    Event,
    ModelReplied,
    RunContinued,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
    ToolCallFinished,
    ToolCallStarted,
)
from codeling.messages import Reply, ToolCall, Usage

from .helpers import HOSTILE, agent, seen, team

Visit = Callable[..., Any]


@pytest.fixture
def open_trace(visit: Visit, tmp_path: Path) -> Callable[..., Any]:
    """Open the page of some events."""

    def opened(events: Any, **options: Any) -> Any:
        path = tmp_path / "trace.html"
        path.write_text(trace_html(events), encoding="utf-8")
        return visit(path.as_uri(), **options)

    return opened


@pytest.fixture(scope="module")
def told() -> list[Event]:
    """The events of a nested run with calls at once and an error."""
    return seen(team())


def test_a_run_is_drawn(open_trace: Callable[..., Any], told: list[Event]) -> None:
    """Facts, timeline, errors with links, steps with programs, calls under their lines, and the run below."""
    page = open_trace(told)
    text = page.inner_text("main")

    for part in ("Do it.", "done", "4 steps", "6 model calls", "660 tokens", "$3.00", "1 error", "KeyError"):
        assert part in text, part
    assert page.locator("#overview svg path").count() >= 4
    page.locator("#errors a").first.click()
    opened = page.locator("#s1 .inside")
    assert "failing('pears')" in opened.inner_text()
    assert opened.locator(".line.hit").inner_text().split() == ["1", "failing('pears')"]
    assert opened.locator(".code .under details.call").count() == 1


def test_calls_at_once_are_in_lanes(open_trace: Callable[..., Any], told: list[Event]) -> None:
    """Two calls of the same time are drawn one above the other, side by side with program and model."""
    page = open_trace(told)
    page.locator("#s0 > summary").click()
    boxes = [bar.bounding_box() for bar in page.locator("#s0 .lane.call").all()]

    assert len(boxes) == 2
    assert boxes[0]["y"] != boxes[1]["y"]
    assert abs(boxes[0]["x"] - boxes[1]["x"]) < boxes[0]["width"]
    assert "[1, 2]" in page.locator("#s0 .code .under pre.out").last.inner_text()


def test_a_run_below_is_shown_in_its_call(open_trace: Callable[..., Any], told: list[Event]) -> None:
    """Opening the call of an agent shows that agent's run, with steps that open in turn."""
    page = open_trace(told)
    page.locator("#s2 > summary").click()
    page.locator("#s2 details.call > summary").first.click()
    below = page.locator("#s2 .run")

    assert "helper" in below.inner_text()
    below.locator("details.step > summary").first.click()
    below.locator(".line", has_text="print('hm')").wait_for()


def test_messages_and_what_is_new_in_them(open_trace: Callable[..., Any]) -> None:
    """What the model saw can be read at any step: what was there before, and what is new since."""
    page = open_trace(seen(agent("print(6 * 7)", "final_answer(1)")))
    page.locator("#s1 details.messages > summary").first.click()
    new = page.locator("#s1 .message.new")

    assert new.count() == 2
    assert "print(6 * 7)" in new.first.inner_text()
    assert "42" in new.last.inner_text()
    page.locator("#s1 details.messages details.more > summary").first.click()
    assert "Task: Do it." in page.locator("#s1 .message:not(.new)").last.inner_text()


def counted(page: Any, text: str) -> None:
    """Wait until the page says how many steps are shown."""
    from playwright.sync_api import expect

    expect(page.locator("#count")).to_have_text(text, timeout=30_000)


def test_search_and_errors_only(open_trace: Callable[..., Any], told: list[Event]) -> None:
    """Search finds steps by what is in them, also in runs below; the filter leaves the failed ones."""
    page = open_trace(told)
    page.fill("#search", "HM")
    counted(page, "1 of 4 steps")
    assert page.locator("details.step:visible").first.get_attribute("id") == "s2"
    page.fill("#search", "")
    page.click("#only")
    counted(page, "1 of 4 steps")
    assert page.locator("details.step:visible").first.get_attribute("id") == "s1"


def test_search_opens_down_to_what_it_found(open_trace: Callable[..., Any], told: list[Event]) -> None:
    """What stands in a run below is opened with its call and its step; what does not hold it stays closed."""
    page = open_trace(told)
    page.fill("#search", "len('seven')")
    counted(page, "1 of 4 steps")

    assert page.locator("#s2 .run .line", has_text="len('seven')").is_visible()
    assert page.locator("#s2 .run details.step[open]").count() == 1


def test_lines_of_this_step_are_marked(open_trace: Callable[..., Any]) -> None:
    """Of a traceback through a function of an earlier step only this step's own line is marked."""
    page = open_trace(seen(agent("def fails():\n    return 1 / 0", "x = 1\n\n\nfails()", "final_answer(1)")))
    page.locator("#s1").evaluate("step => { step.fill(); step.open = true; }")

    assert page.locator("#s1 .line.hit").inner_text().split() == ["4", "fails()"]


def test_wide_tables_keep_their_numbers_whole(open_trace: Callable[..., Any]) -> None:
    """A table with more columns than fit scrolls; no number and no heading is broken over two lines."""
    rows = [{f"column{i}": i / 7 for i in range(14)} | {"text": "x" * 90} for _ in range(3)]
    page = open_trace(seen(agent(f"final_answer({rows!r})")), viewport={"width": 400, "height": 800})
    cell = page.locator("td", has_text="0.1428571429").first

    assert cell.bounding_box()["width"] > 80
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_nothing_hostile_acts(open_trace: Callable[..., Any]) -> None:
    """Markup, scripts and addresses from everywhere in a run are text; nothing runs and nothing is fetched."""
    code = f"hostile = {HOSTILE!r}\nprint(hostile)\nhostile"
    svg = Image(b"<svg xmlns='http://www.w3.org/2000/svg' onload='document.title=1'/>", "image/svg+xml")
    made = agent(code, f"raise ValueError({HOSTILE!r})", f"double({HOSTILE!r})", f"final_answer({HOSTILE!r})")
    page = open_trace(seen(made, f"Do {HOSTILE}", additional_args={"given": HOSTILE, "svg": svg}))
    page.click("#all")
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.fill && d.fill(); d.open = true; })")
    page.wait_for_timeout(200)

    assert "pwned" not in page.title().split("·")[-1]
    assert page.title().startswith("Do </script><script>")
    assert page.locator("main img").count() == 0
    assert page.locator("main script").count() == 0
    assert page.locator("main a[href^=http]").count() == 0
    assert "\\x1b[31m" in page.inner_text("#s0")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 360])
def test_it_fits(open_trace: Callable[..., Any], told: list[Event], scheme: str, width: int) -> None:
    """The page is no wider than its window, with every step open, and its text stands out from its ground."""
    page = open_trace(told, color_scheme=scheme, viewport={"width": width, "height": 800})
    page.click("#all")
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.fill && d.fill(); d.open = true; })")

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    light = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(246, 247, 249)"
    assert light == (scheme == "light")


def long_run(steps: int) -> list[Event]:
    """Give the events of a run of so many steps, with long outputs and a few calls at once in each."""
    usage = Usage(input_tokens=4000, output_tokens=200)
    events: list[Event] = [
        RunStarted(run_id="r", at=1.0, task="Count.", max_steps=steps),
        RunContinued(run_id="r", at=1.1, isolation="full"),
    ]
    for step in range(1, steps + 1):
        at, code = 1.0 + step, f"for row in range(40):\n    print('row', row, {step})\ndouble({step})"
        output = "".join(f"row {row} {step} and some more words to fill it\n" for row in range(40))
        calls = [ToolCall(id=f"{step}.{i}", name="double", args=(step,), line=3) for i in range(4)]
        events += [
            StepStarted(run_id="r", at=at, step=step),
            ModelReplied(run_id="r", at=at + 0.4, seconds=0.4, reply=Reply(content=f"Now.\n```python\n{code}\n```", usage=usage)),
            CodeStarted(run_id="r", at=at + 0.41, step=step, code=code),
            *(ToolCallStarted(run_id="r", at=at + 0.5, call=call) for call in calls),
            *(ToolCallFinished(run_id="r", at=at + 0.6, call_id=call.id, value=2 * step) for call in calls),
            StepFinished(run_id="r", at=at + 0.9, step=step, code=code, output=output, lines=((2, len(output)),)),
        ]  # fmt: skip
    return [*events, RunFinished(run_id="r", at=events[-1].at, state="success", output=1, usage=usage)]


def test_a_thousand_steps_open(open_trace: Callable[..., Any]) -> None:
    """A run of 1,000 steps is drawn whole, and opening one or searching all of them works as in a short one."""
    page = open_trace(long_run(1000))

    assert page.locator("details.step").count() == 1000
    assert page.locator("details.step .inside").count() == 0
    print("drawn after", page.evaluate("performance.now()"), "ms")
    page.fill("#search", "row 39 777")
    counted(page, "1 of 1,000 steps")
    assert page.locator("#s776 .inside").count() == 1
