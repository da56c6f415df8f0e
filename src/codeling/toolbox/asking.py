"""Tools that turn to the user, and the one that ends a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..tools import Effect, Tool

__all__ = ("FinalAnswerTool", "UserInputTool")


class UserInputTool(Tool):
    """Asks the person at the terminal, or by `ask`, a function of the question that gives the answer."""

    name = "user_input"
    description = "Ask the user a question and give the answer as text. Raises EOFError if nobody is there to answer."
    inputs: Mapping[str, Mapping[str, Any]] = {"question": {"type": "string", "description": "what to ask"}}
    output_type = "string"
    effect: Effect = "idempotent"

    def __init__(self, ask: Callable[[str], str] | None = None) -> None:
        self._ask = ask

    def forward(self, question: str) -> str:
        """Ask."""
        if self._ask is not None:
            return str(self._ask(question))
        try:
            return input(f"{question} => Type your answer here: ")
        except EOFError:
            raise EOFError("nobody is at the terminal to answer; go on without asking") from None


class FinalAnswerTool(Tool):
    """Gives its argument back. Every agent has `final_answer` already: this is for code that names the tool."""

    name = "final_answer"
    description = "End the task with this answer."
    inputs: Mapping[str, Mapping[str, Any]] = {"answer": {"type": "any", "description": "the answer"}}
    output_type = "any"
    effect: Effect = "read"

    def forward(self, answer: Any) -> Any:
        """Give it back."""
        return answer
