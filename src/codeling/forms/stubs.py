"""Docstrings of stubs. What a description says must stay a description: it comes from servers and repositories too."""

from __future__ import annotations

import inspect

from ..lookup import load
from ..tools import Tool
from .inputs import described

__all__ = ("docstring", "first_line", "stub_of")


def stub_of(tool: Tool) -> str:
    """Give a tool as a model sees it: a Python signature and a docstring."""
    text = inspect.cleandoc(tool.description)
    signature = str(tool.signature).replace("typing.", "")
    stub = f"def {tool.name}{signature}:\n{docstring(described(tool, text) if tool.inputs else text)}"
    return str(load("codeling.secrets.masking:masked")(stub))


def docstring(text: str) -> str:
    """Give the text as the indented docstring of a function, which nothing in the text can end early."""
    lines = text.replace('"""', "'''").splitlines()
    inner = "\n".join(f"    {line}" if line.strip() else "" for line in lines).strip()
    inner += " " if inner.endswith(('"', "\\")) else ""
    return f'    """{inner}"""'


def first_line(text: str) -> str:
    """Give the first sentence or line of a description."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    sentence = line.partition(". ")[0]
    return sentence if sentence == line else f"{sentence}."
