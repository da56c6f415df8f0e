"""smolagents at many runs at once: an agent and a thread each, its own local interpreter, replies of so many seconds.

Runs in the peer's own virtual environment. It has no async door, and an agent holds its run's conversation, so each
run needs an agent of its own. Nothing here is a sandbox: programs are interpreted in this very process.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import Any

import smolagents  # type: ignore[import-not-found]  # installed in the peer's environment only
from smolagents.monitoring import LogLevel  # type: ignore[import-not-found]

_FIRST = "seen = [look_up('pears')]\nprint(len(seen), sum(seen))"
_WORK = "seen = [*seen, look_up('pears')]\nprint(len(seen), sum(seen))"
_END = "final_answer(sum(seen) + look_up('pears'))"


@smolagents.tool  # type: ignore[untyped-decorator]
def look_up(key: str) -> int:
    """Give how many are in stock.

    Args:
        key: What to count.

    """
    return {"pears": 12}[key]


class _Scripted(smolagents.Model):  # type: ignore[misc]
    """Answers from a script after a while."""

    def __init__(self, steps: int, delay: float) -> None:
        super().__init__(model_id="scripted")
        self._left, self._delay = [_FIRST, *[_WORK] * (steps - 2), _END], delay

    def generate(self, *args: Any, **kwargs: Any) -> Any:
        time.sleep(self._delay)
        text = f"Thought: on.\n<code>\n{self._left.pop(0)}\n</code>"
        return smolagents.ChatMessage(role="assistant", content=text)


def main(runs: int, steps: int, delay: float) -> None:
    """Do so many runs at once and print what they took."""
    answers: list[Any] = []

    def work() -> None:
        agent = smolagents.CodeAgent(
            tools=[look_up], model=_Scripted(steps, delay), max_steps=steps, verbosity_level=LogLevel.OFF
        )
        answers.append(agent.run("How many pears are there in all?"))

    threads = [threading.Thread(target=work) for _ in range(runs)]
    since, cpu = time.perf_counter(), sum(os.times()[:2])
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = {"seconds": time.perf_counter() - since, "cpu": sum(os.times()[:2]) - cpu}
    print(json.dumps({**taken, "right": answers.count(steps * 12)}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
