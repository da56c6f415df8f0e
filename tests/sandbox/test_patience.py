"""How an end of the wire waits: the same answers whether it stays awake or sleeps."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from codeling import CodeAgent, SandboxExecutor
from codeling.sandbox.inside.patience import FEWEST, FIRST, PROCESSORS, Patience
from codeling.testing import ScriptedModel


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_who_has_had_quick_answers_stays_awake_for_a_moment(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    patience = Patience(ours.fileno())
    if PROCESSORS < 2:
        pytest.skip("with one processor nobody stays awake: the other end could not work")

    assert _waited(patience) == 0  # asleep at once
    theirs.send(b"x")
    for _ in range(20 * FIRST):  # some of them may be slow, on a busy machine
        assert patience.wait() is True
    ours.recv(1)

    assert _waited(patience) > 0
    assert _waited(patience) == 0  # it was for nothing: asleep, for a while


def _waited(patience: Patience) -> int:
    """Looks before it slept, in a wait for nothing."""
    looks: list[int | None] = []
    real = patience._poll

    def looking(most: int | None = None) -> object:
        looks.append(most)
        return real(most)

    patience._poll = looking
    assert patience.wait(1) is False
    patience._poll = real
    return looks.count(0)


@pytest.mark.parametrize("before", [0, FIRST, FIRST + 1, FIRST + FEWEST + 1])
def test_nothing_comes_and_then_something(ends: tuple[socket.socket, socket.socket], before: int) -> None:
    ours, theirs = ends
    patience = Patience(ours.fileno())
    theirs.send(b"x")
    for _ in range(before):
        assert patience.wait() is True
    ours.recv(1)

    for _ in range(before):  # awake, asleep, awake again
        assert patience.wait(1) is False
    assert patience.wait(1) is False

    theirs.send(b"x")

    assert patience.wait(1) is True
    assert patience.sleep(1) is True


def test_what_comes_while_it_is_awake_or_asleep_is_seen(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    patience = Patience(ours.fileno())

    for delay in (0.0, 0.0, 0.0, 0.0, 0.0, 0.02, 0.0):
        timer = threading.Timer(delay, theirs.send, [b"x"])
        timer.start()

        assert patience.wait() is True
        assert ours.recv(1) == b"x"
        timer.join()


def test_the_end_of_the_stream_is_something_to_read(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    patience = Patience(ours.fileno())
    for _ in range(FIRST):
        patience.wait(0)

    theirs.close()

    assert patience.wait() is True


def test_a_program_that_waits_awake_is_interrupted() -> None:
    def add(number: int) -> int:
        """Add one."""
        return number + 1

    program = "n = 0\nwhile True:\n    n = add(n)"
    then = "final_answer(n > 100)"
    agent = CodeAgent(
        [add],
        ScriptedModel([f"```python\n{program}\n```", f"```python\n{then}\n```"]),
        executor=SandboxExecutor(timeout=1),
    )

    result = agent.run("Count.", return_full_result=True)

    assert result.output is True  # its variables are there
    assert "interrupted after 1 s" in (result.steps[0].error or "")
