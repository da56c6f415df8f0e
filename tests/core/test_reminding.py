"""What is asked is said again after each step, where it is short."""

from __future__ import annotations

from codeling import CodeAgent, ToolCallingAgent
from codeling.messages import Reply, ToolCall
from codeling.testing import ScriptedModel

from .helpers import add, agent


def told(worker: CodeAgent) -> list[str]:
    """Give what the model read last in each of its requests."""
    assert isinstance(worker.model, ScriptedModel)
    return [request.messages[-1].content for request in worker.model.requests]


def test_a_step_ends_with_the_task() -> None:
    """Output, and a program that printed nothing, are followed by what is asked."""
    worker = agent([">print(1)", ">x = 1", ">final_answer(1)"])
    worker.run("  Count to one. ")
    worker.close()

    first, printed, quiet = told(worker)
    assert first.count("Task: Count to one.") == 1
    assert printed == "Output:\n1\n\nTask: Count to one."
    assert quiet.startswith("The program ran and printed nothing.")
    assert quiet.endswith("\n\nTask: Count to one.")


def test_an_error_is_the_last_word() -> None:
    """What went wrong is what the next program must heed."""
    worker = agent([">1 / 0", "I am done.", ">final_answer(1)"])
    worker.run("Count to one.")
    worker.close()

    _, error, prose = told(worker)
    assert error.endswith("ZeroDivisionError: division by zero")
    assert "text without a program" in prose
    assert "Task: Count to one." not in prose


def test_a_long_task_is_said_once() -> None:
    """What is long would fill the conversation."""
    worker = agent([">print(1)", ">final_answer(1)"])
    worker.run("Count to one. " * 30)
    worker.close()

    assert told(worker)[-1] == "Output:\n1"


def test_the_next_task_takes_the_place_of_the_first() -> None:
    """Where a conversation goes on, only what is asked now is said again."""
    worker = agent([">print(1)", ">final_answer(1)", ">print(2)", ">final_answer(2)"])
    worker.run("Count to one.")
    worker.run("Count to two.", reset=False)
    worker.close()

    assert told(worker)[-1] == "Output:\n2\n\nTask: Count to two."


def test_results_of_native_calls_stand_alone() -> None:
    """A provider's model reads them as what its calls gave."""
    first = Reply(content="", calls=(ToolCall(id="1", name="add", kwargs={"a": 1}),))
    last = Reply(content="", calls=(ToolCall(id="2", name="final_answer", kwargs={"answer": 2}),))
    model = ScriptedModel([first, last])

    assert ToolCallingAgent([add], model).run("Add one.") == 2
    assert "Task:" not in model.requests[1].messages[-1].content
