"""The page that the tests of `GradioUI` visit: an agent whose model answers by what it is asked. Run as a process."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from codeling import CodeAgent, GradioUI, Message
from codeling.testing import ScriptedModel
from tests.observers.helpers import HOSTILE, TOOLS, reply

PROGRAMS = {
    "slow": "import time\nfor i in range(600):\n    print('tick', i)\n    time.sleep(0.1)",
    "launch": "print(launch('the Moon'))",
    "both": "print(launch('the Moon'), launch('Mars'))",
    "pass": "print(deputy('launch for me'))",
    "evil": f"print({HOSTILE!r})\ndouble({HOSTILE!r})",
    "file": "print(type(files['notes.txt']).__name__, files['notes.txt'])",
    "draw": "from PIL import Image\ndisplay(Image.new('RGB', (40, 20), 'red'))\nprint('drawn')",
    "keep": "kept = 41",
    "ask": "kept = kept + 1",
}


def answer(messages: Sequence[Message]) -> object:
    """Give the program of a task's first word, and then an answer that shows which tasks this conversation had."""
    tasks = [
        message.content.rpartition("Task: ")[2].split("\n")[0]
        for message in messages[1:]
        if "Task: " in message.content
    ]
    told, word = tasks[3:], tasks[-1].split()[0]  # the first three are the prompt's examples
    if "Task: " in messages[-1].content and word in PROGRAMS:
        return reply(PROGRAMS[word], thought=HOSTILE if word == "evil" else "I see.")
    extra = f" + {HOSTILE!r}" if word == "evil" else " + f' kept={kept}'" if word == "ask" else ""
    return reply(f"final_answer('tasks: ' + {' | '.join(told)!r}{extra})")


if __name__ == "__main__":
    deputy = CodeAgent(TOOLS, ScriptedModel(answer), name="deputy", description="Launches.")
    agent = CodeAgent(TOOLS, ScriptedModel(answer), managed_agents=[deputy], name="guide", description="Answers.")
    GradioUI(agent).launch(server_port=int(sys.argv[1]), quiet=True)
