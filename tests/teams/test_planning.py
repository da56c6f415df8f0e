"""Plans before acting, and what a model that sees is shown."""

from __future__ import annotations

import io
from itertools import pairwise
from typing import Any

from PIL import Image as Pillow

from codeling import CodeAgent, Image, MemoryJournal, PlanMade, Reply, TerminalObserver, ToolCallingAgent, Usage, tool
from codeling.messages import ToolCall
from codeling.testing import ScriptedModel

from ..core.helpers import program


def test_a_plan_is_an_event_of_its_own() -> None:
    """It is made before the first step and after every two, knows the steps left, the instructions and the pictures."""
    plans = [Reply(content=f"Plan {n}.", usage=Usage(input_tokens=n, output_tokens=n)) for n in (1, 2)]
    replies: list[Reply | str] = [
        plans[0],
        program("print(1)"),
        program("print(2)"),
        plans[1],
        program("final_answer(3)"),
    ]
    model, shown = ScriptedModel(replies), io.StringIO()
    picture = Pillow.new("RGB", (4, 4))
    with CodeAgent(
        (), model, planning_interval=2, max_steps=6, instructions="Be brief.", observers=[TerminalObserver(shown)]
    ) as agent:
        result = agent.run("Go.", images=[picture], return_full_result=True)
    asked = [model.requests[n].messages for n in (0, 3)]

    assert [(e.step, e.plan, e.usage.total_tokens) for e in result.events if isinstance(e, PlanMade)] == [
        (1, "Plan 1.", 2),
        (3, "Plan 2.", 4),
    ]
    assert "6 steps left" in asked[0][-1].content
    assert "4 steps left" in asked[1][-1].content
    assert "Be brief." in asked[0][0].content
    assert asked[0][-1].images
    assert "Plan 1." in model.requests[1].messages[-1].content
    assert all(a.role != b.role for messages in asked for a, b in pairwise(messages))
    assert result.usage.total_tokens > 6
    assert "Plan 2." in shown.getvalue()


@tool(effect="read")
def camera(number: int) -> Any:
    """Take a picture."""
    return Pillow.new("RGB", (number, 1))


def sizes(messages: Any) -> list[int]:
    """Give the widths of all pictures that a model is shown."""
    return [Pillow.open(io.BytesIO(image.data)).width for message in messages for image in message.images]


def test_pictures_of_tools_are_seen_and_old_ones_are_left_out() -> None:
    """What a program shows reaches the model; with more than eight there, only the last four stay; a replay shows the same."""
    journal, steps = MemoryJournal(), [program(f"camera({n})") for n in range(1, 12)]
    model = ScriptedModel([*steps, program("final_answer(1)")])
    with CodeAgent([camera], model, journal=journal) as agent:
        result = agent.run("Look.", images=[Pillow.new("RGB", (99, 1))], return_full_result=True)
    shown = [sizes(request.messages) for request in model.requests]

    assert shown[8] == [99, *range(1, 9)]
    assert shown[9] == [99, 6, 7, 8, 9]
    assert shown[11] == [99, *range(6, 12)]
    assert (
        "1 older pictures are not shown any more"
        in model.requests[9].messages[4 + len(agent._new_form().opening()) - 2].content
    )
    again = ScriptedModel([program("final_answer(2)")])
    forked = CodeAgent([camera], again, journal=journal).fork(result.run_id, 12)

    assert forked == 2
    assert sizes(again.requests[0].messages) == shown[11]


def test_pictures_of_calls_are_seen() -> None:
    """In the JSON form too, as Pillow's or as `Image`s."""

    @tool
    def scan() -> Image:
        """Scan a page."""
        buffer = io.BytesIO()
        Pillow.new("RGB", (7, 1)).save(buffer, "PNG")
        return Image(buffer.getvalue())

    calls = [ToolCall(id="1", name="camera", kwargs={"number": 5}), ToolCall(id="2", name="scan")]
    model = ScriptedModel([calls, "done"])

    assert ToolCallingAgent([camera, scan], model).run("Look.") == "done"
    assert sizes(model.requests[1].messages) == [5, 7]
