"""Runs that are killed at any instant go on in another process and do nothing twice."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from codeling import CodeAgent, JournalError, MemoryJournal, RunPaused, tool
from codeling.events import StepFinished
from codeling.testing import ScriptedModel

CRASHING = Path(__file__).with_name("crashing.py")
POINTS = 36


def attempt(folder: Path, left: int) -> subprocess.CompletedProcess[str]:
    """Start the run, or go on with it, in a process that dies after `left` events."""
    arguments = [str(folder / "runs.db"), str(folder / "effects"), str(left)]
    return subprocess.run(
        [sys.executable, str(CRASHING), *arguments], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("point", range(2, POINTS, 3))
def test_a_run_killed_at_any_event_goes_on(tmp_path: Path, point: int) -> None:
    """No effect is lost, none is done twice, and what the program drew at random is drawn again.

    Where the kill fell between the start of a call and its end, the run says that the outcome is unknown.
    """
    first = attempt(tmp_path, point)
    if first.returncode == 0:
        pytest.skip("the run has fewer events than this")
    second = attempt(tmp_path, 10**9)
    done = Counter((tmp_path / "effects").read_text().split()) if (tmp_path / "effects").exists() else Counter()

    assert all(count == 1 for count in done.values())
    if "OutcomeUnknown" in second.stderr:
        assert "find out whether it did" in second.stderr
        return
    assert second.returncode == 0, second.stderr
    assert second.stdout.startswith("[10, 20, [30, 40, 50], [300, 400, 500], 0.")
    assert set(done) == {"1", "2", "3", "4", "5", "30", "40", "50"}


@tool(needs_approval=True)
def pay(amount: int) -> str:
    """Pay an amount."""
    return f"paid {amount}"


def test_a_call_waits_for_a_person_in_mid_program() -> None:
    """The run pauses, and another agent object resumes it with the answer, in the middle of the same program."""
    journal = MemoryJournal()
    program = "```python\nx = 20\nprint('before')\nfinal_answer(pay(x + 1))\n```"
    with pytest.raises(RunPaused) as caught:
        CodeAgent([pay], ScriptedModel([program]), journal=journal).run("Pay.")
    run_id = caught.value.result.run_id
    again = CodeAgent([pay], ScriptedModel([]), journal=journal)

    assert caught.value.result.state == "paused"
    assert again.resume(run_id, approve=True) == "paid 21"
    assert again.resume(run_id) == "paid 21"


def test_a_fork_begins_with_a_past() -> None:
    """A fork keeps the steps before and goes on with another model."""
    journal = MemoryJournal()
    replies = [f"```python\n{code}\n```" for code in ("x = 1\nprint(x)", "x += 1\nprint(x)", "final_answer(x)")]
    first = CodeAgent([], ScriptedModel(replies), journal=journal).run("Count.", return_full_result=True)
    other = CodeAgent([], ScriptedModel(["```python\nfinal_answer(x + 100)\n```"]), journal=journal)
    forked = other.fork(first.run_id, 2, return_full_result=True)

    assert first.output == 2
    assert forked.output == 101
    assert forked.run_id != first.run_id
    assert [event.step for event in forked.events if isinstance(event, StepFinished)] == [1, 2]


def test_resuming_what_is_not_there_is_a_clear_error() -> None:
    """An unknown run is a JournalError."""
    with pytest.raises(JournalError, match="holds no run 'nope'"):
        CodeAgent([], ScriptedModel([]), journal=MemoryJournal()).resume("nope")
