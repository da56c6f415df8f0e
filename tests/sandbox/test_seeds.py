"""What is left to chance: each session draws numbers of its own, and the same run draws the same ones again."""

from __future__ import annotations

import ast
import asyncio
from typing import Any

import pytest

from codeling import SandboxExecutor, UsageError
from codeling.protocols import SessionSpec
from codeling.sandbox.wall import Isolation

from ..walls import need

PROGRAM = """
import random, uuid
import numpy as np
drawn = [random.random(), random.Random(random.getrandbits(64)).random(), str(uuid.uuid4()), float(np.random.rand()),
    float(np.random.default_rng().random()), int(np.random.default_rng().integers(1 << 40))]
drawn
"""
ORDER = "[list({'a', 'b', 'c', 'd', 'e', 'f', 'g'}), hash('text')]"


def drawn(executor: SandboxExecutor, seed: int, program: str = PROGRAM) -> list[Any]:
    """What a program draws in a session with this seed."""

    async def no_calls(call: object) -> None:
        raise AssertionError

    async def work() -> Any:
        session = await executor.open(SessionSpec(seed=seed))
        try:
            return (await session.run(program, step=1, on_call=no_calls, on_output=print)).value
        finally:
            session.close()

    found: list[Any] = ast.literal_eval(asyncio.run(work()))
    return found


@pytest.mark.parametrize("isolation", ["full", "strong"])
@pytest.mark.parametrize("preload", [[], ["numpy", "uuid"]])
def test_each_session_draws_numbers_of_its_own(isolation: Isolation, preload: list[str]) -> None:
    """Sessions of one warm parent share no random number, whether it has loaded the library that draws it or not."""
    need(isolation)
    executor = SandboxExecutor(isolation=isolation, preload=preload)
    first, second = drawn(executor, 1), drawn(executor, 2)

    assert [one == other for one, other in zip(first, second, strict=True)] == [False] * len(first)


def test_the_same_run_draws_the_same_numbers_again() -> None:
    """A run's seed decides what its programs draw, in another warm parent and behind another wall too."""
    need("full")
    executors = [
        SandboxExecutor(isolation="full"), SandboxExecutor(isolation="strong"), SandboxExecutor(env={"OTHER": "parent"}),
        SandboxExecutor(preload=["numpy", "uuid"]),
    ]  # fmt: skip
    seed = 0x1234_5678_9ABC_DEF0_1234_5678_9ABC_DEF0
    first, *others = (drawn(executor, seed) for executor in executors)

    assert others == [first] * len(others)


def test_the_order_of_sets_is_the_executors() -> None:
    """It is the same in every session and every warm parent; another `hash_seed` gives another one, and that stays too."""
    need("strong")
    options: list[dict[str, Any]] = [{}, {"env": {"A": "b"}}, {"hash_seed": 7}, {"hash_seed": 7, "env": {"A": "b"}}]
    orders = [drawn(SandboxExecutor(isolation="strong", **more), seed, ORDER) for seed, more in enumerate(options)]

    assert orders[0] == orders[1] != orders[2] == orders[3]
    with pytest.raises(UsageError, match="hash_seed= is a number"):
        SandboxExecutor(hash_seed=-1)
