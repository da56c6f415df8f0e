"""Agent Skills: the model is told what each is for, reads the one that fits, and imports its script behind the wall.

python examples/skills.py [MODEL]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from codeling import CodeAgent, Model, SandboxExecutor, Skills, TerminalObserver, instructions_from

HERE = Path(__file__).parent


def main(model: Model | str = "local") -> Any:
    """Answer as the skill says; an `AGENTS.md` beside this file would hold too."""
    skills = Skills(HERE / "data" / "skills")
    agent = CodeAgent(
        tools=skills.tools,
        model=model,
        instructions=f"{skills.instructions}\n\n{instructions_from(HERE, most=4_000)}",
        executor=SandboxExecutor(read=skills.folders),
        observers=[TerminalObserver()],
    )
    return agent.run("Which planet is the largest? Answer with its name as reports write it.")


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
