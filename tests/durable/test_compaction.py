"""Conversations stay within what the model can read, and nothing is lost but what it is shown."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from codeling import CodeAgent, ContextCompacted, ContextOverflow, Event, MemoryJournal, Message, RunPaused, tool
from codeling.compaction.shrinking import tokens_of
from codeling.events import ModelDelta, StepFinished
from codeling.testing import ScriptedModel
from tests.core.helpers import program

LONG = "print('row ' * 1500)"


@tool(needs_approval=True)
def pay(amount: int) -> str:
    """Pay an amount."""
    return f"paid {amount}"


def compactions(result: Any) -> list[ContextCompacted]:
    """What was done to the conversation."""
    return [event for event in result.events if isinstance(event, ContextCompacted)]


def test_old_output_is_shortened_before_the_window_is_full() -> None:
    """No request passes the window; the opening and the last steps stay; the program still has the whole text."""
    steps = [program(f"{LONG}\nprint({n})") for n in range(12)]
    model = ScriptedModel([*steps, program("final_answer(len(outputs[1]))")])
    result = CodeAgent([], model, context_window=12_000).run("Print.", return_full_result=True)
    sizes = [tokens_of(request.messages) for request in model.requests]
    last = model.requests[-1].messages

    assert compactions(result)
    assert max(sizes) < 12_000
    assert all(request.messages[:3] == model.requests[0].messages[:3] for request in model.requests)
    assert "characters of this old output are left out here" in "".join(message.content for message in last)
    assert len(last[-1].content) > 5_000
    assert result.output > 6_000
    assert len(compactions(result)) < 6


def test_then_it_is_summarised() -> None:
    """Where shortening is not enough, the model writes down what was done, and that stands in its place."""
    turns = iter(range(100))

    def reply(messages: Sequence[Message]) -> str:
        if "about to be shortened" in messages[-1].content:
            return "I found that x is 17."
        if "x is 17" in str(messages):
            return program("final_answer(17)")
        return program(f"x = 17\n# {'a long remark ' * 200}\nprint({next(turns)})")

    model = ScriptedModel(reply)
    result = CodeAgent([], model, context_window=6_000, max_steps=15).run("Find x.", return_full_result=True)

    assert result.output == 17
    assert [event.summary for event in compactions(result) if event.summary] == ["I found that x is 17."]
    told = "What you have done so far, in your own words:\nI found that x is 17."
    assert any(told in message.content for message in model.requests[-1].messages)


def test_a_model_that_finds_it_too_long_is_asked_again_once() -> None:
    """The conversation is shortened and the request made again; if that does not help, the run ends with the error."""
    steps: list[Any] = [program(f"{LONG}\nprint({n})") for n in range(8)]
    overflow = ContextOverflow("too long")
    model = ScriptedModel([*steps, overflow, program("final_answer(1)")])
    result = CodeAgent([], model).run("Print.", return_full_result=True)

    assert (result.output, len(compactions(result))) == (1, 1)
    assert tokens_of(model.requests[-1].messages) < tokens_of(model.requests[-2].messages)
    with pytest.raises(ContextOverflow):
        CodeAgent([], ScriptedModel([*steps, overflow, overflow])).run("Print.")
    with pytest.raises(ContextOverflow):
        CodeAgent([], ScriptedModel([overflow])).run("Print.")


def test_a_resumed_run_sees_the_same_conversation() -> None:
    """What was done to it is an event, from which the same messages are made."""
    journal = MemoryJournal()
    steps = [program(f"{LONG}\nprint({n})") for n in range(7)]
    first = ScriptedModel([*steps, program("pay(1)")])
    with pytest.raises(RunPaused) as caught:
        CodeAgent([pay], first, context_window=12_000, journal=journal).run("Print.")
    later = ScriptedModel([program("final_answer(1)")])
    CodeAgent([pay], later, journal=journal).resume(caught.value.result.run_id, approve=True)
    before = first.requests[-1].messages

    assert compactions(caught.value.result)
    assert later.requests[0].messages[: len(before)] == before


def test_a_run_cut_off_when_it_was_shortened_goes_on_as_any_other() -> None:
    """What happens after that is new, so that callbacks hear of it and a screen sees the model write."""
    journal, cut = MemoryJournal(), MemoryJournal()
    steps = [program(f"{LONG}\nprint({n})") for n in range(7)]
    whole = CodeAgent(
        [], ScriptedModel([*steps, program("final_answer(1)")]), context_window=12_000, journal=journal
    ).run("Print.", return_full_result=True)
    last = whole.events.index(compactions(whole)[0])
    for event in whole.events[: last + 1]:
        asyncio.run(cut.append(event))
    left = len([event for event in whole.events[last:] if isinstance(event, StepFinished)])
    heard, shown = list[StepFinished](), list[Event]()
    rest = ScriptedModel([*steps, program("final_answer(1)")][-left:])
    again = CodeAgent(
        [], rest, context_window=12_000, journal=cut, step_callbacks=[heard.append], observers=[shown.append]
    )

    assert again.resume(whole.run_id) == 1
    assert len(heard) == left
    assert any(isinstance(event, ModelDelta) for event in shown)
