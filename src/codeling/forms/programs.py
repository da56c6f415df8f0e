"""The program of a reply: at once where it can be read in one way only, and else by the tolerant reader."""

from __future__ import annotations

import re
from typing import Any

from ..messages import Reply
from . import reading

__all__ = ("GRAMMAR", "grammar_for", "read", "said")

GRAMMAR = r"""
root ::= thought "```python\n" line+ "```"
thought ::= (word "\n"){0,4}
word ::= [^`\n]{1,240}
line ::= [^`\n] [^\n]* "\n" "\n"?
"""
"""A short thought and one program, in GBNF."""
_BLOCK = re.compile(r"```python[ \t]*\n(.*?)```", re.DOTALL)


def grammar_for(form: Any, /) -> str | None:
    """Give the grammar of replies that are programs, if the form's model is one that takes it."""
    return GRAMMAR if form.file == "code" and getattr(form._model, "takes_grammar", False) else None


def read(reply: Reply) -> str:
    """Give the program of a reply: its one ```python block, or what the tolerant reader makes of it.

    Raises `ParseError`, which tells the model what to write.
    """
    if block := _only_block(reply.content):
        return block[1]
    return reading.read_program(reply.content, cut_off=reply.finish == "length").code


def said(content: str) -> str:
    """Give what is kept of a reply: up to the end of its program."""
    block = _only_block(content)
    return content[: block.end()] if block else reading.said(content)


def _only_block(content: str) -> re.Match[str] | None:
    """The block of a reply that can only be read in one way."""
    block = _BLOCK.search(content)
    return block if block and content.count("```") == 2 and "<" not in content[: block.start()] else None
