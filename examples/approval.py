"""A call that a person must allow: the run pauses, is stored, and goes on later, in the middle of its program.

python examples/approval.py [MODEL]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from codeling import CodeAgent, Model, RunPaused, tool

SENT: list[str] = []


@tool(effect="read")
def find_address(person: str) -> str:
    """Give a person's e-mail address."""
    return f"{person.lower()}@example.org"


@tool(needs_approval=True, effect="irreversible")
def send_mail(address: str, text: str) -> str:
    """Send an e-mail and say where it went."""
    SENT.append(f"{address}: {text}")
    return f"sent to {address}"


def main(model: Model | str = "local") -> Any:
    """Have a mail written, and allow it afterwards."""
    journal = Path(tempfile.mkdtemp()) / "runs.db"
    agent = CodeAgent([find_address, send_mail], model, journal=str(journal))
    try:
        return agent.run("Send Ann an e-mail that says hello. Answer with what send_mail gives.")
    except RunPaused as paused:
        print(f"Nothing was sent yet ({len(SENT)} mails): {paused}")
        run_id = paused.result.run_id
    # Days may pass here, and it may be another process that goes on.
    return agent.resume(run_id, approve=True)


if __name__ == "__main__":
    print(main(*sys.argv[1:]), SENT)
