"""Other arguments for a call, as a person types them: JSON by name, held against the signature that the model saw."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from typing import Any

from ..events import RunStarted
from ..messages import ToolCall
from ..protocols import running

__all__ = ("arguments_from", "arguments_text", "stub_of")


def stub_of(call: ToolCall) -> str:
    """Give the signature of a call's tool, as the model saw it. For approvers: the run that asks knows it."""
    run = running()
    started = run.events[0] if run and run.events else None
    return started.tools.get(call.name, "") if isinstance(started, RunStarted) else ""


def arguments_from(text: str, stub: str) -> dict[str, Any]:
    """Give the arguments that are typed. Raises ValueError, with what is wrong, where they cannot be the tool's."""
    try:
        given = json.loads(text)
    except ValueError as error:
        raise ValueError(f"this is no JSON ({error})") from error
    if not isinstance(given, dict):
        raise ValueError("arguments are an object by their names")  # noqa: TRY004  # it is the person's text
    signature = _signature(stub)
    if signature is None or signature.kwarg:
        return given
    names, needed = _names(signature)
    if unknown := [name for name in given if name not in names]:
        raise ValueError(f"there is no argument {unknown[0]!r}; there are: {', '.join(names) or 'none'}")
    if missing := [name for name in needed if name not in given]:
        raise ValueError(f"the argument {missing[0]!r} is missing")
    return given


def arguments_text(call: ToolCall, stub: str) -> str:
    """Give a call's own arguments as they would be typed."""
    signature = _signature(stub)
    names = _names(signature)[0] if signature else [f"argument {n}" for n in range(1, len(call.args) + 1)]
    given: Mapping[str, Any] = {**dict(zip(names, call.args, strict=False)), **call.kwargs}
    return json.dumps(given, ensure_ascii=False, default=str)


def _signature(stub: str) -> ast.arguments | None:
    try:
        tree = ast.parse(stub)
    except (SyntaxError, ValueError):
        return None
    return next((node.args for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)), None)


def _names(signature: ast.arguments) -> tuple[list[str], list[str]]:
    """Give the names of all arguments, and of those without a default."""
    plain = [arg.arg for arg in (*signature.posonlyargs, *signature.args)]
    own = [arg.arg for arg in signature.kwonlyargs]
    needed = plain[: len(plain) - len(signature.defaults)]
    needed += [name for name, default in zip(own, signature.kw_defaults, strict=True) if default is None]
    return [*plain, *own], needed
