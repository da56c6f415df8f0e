"""The source of a tool, as its author wrote it: the class or function, and what of its file it needs.

Statements are taken whole and unchanged, in their order; nothing is generated and no text is replaced. What
cannot be taken along (a closure, a relative import, a module of one's own) is refused, and says what to do.
"""

from __future__ import annotations

import ast
import dis
import importlib.metadata
import importlib.util
import inspect
import linecache
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from typing import Any

from ..errors import UsageError

__all__ = ("distribution_names", "source_of")

_OURS = ("codeling", "smolagents")
_BUILTIN = frozenset(dir(__import__("builtins"))) | {"__file__", "__name__", "__doc__"}


def source_of(thing: Any, *, name: str, requirements: Iterable[str]) -> str:
    """Give the source of a class or function `thing` of a module's top level, with all of its file that it needs.

    `requirements` are what the tool says it needs installed; an import of a library that none of them gives is
    refused. Raises `UsageError` with what stands in the way and what to do.
    """
    text = _file_of(thing, name)
    tree = ast.parse(text)
    wanted = _needed(tree, thing, name)
    taken = [node for node in tree.body if node in wanted or _is_future(node)]
    _check_imports(taken, name, requirements)
    lines = text.split("\n")  # as the parser counts them: a page break ends none
    spans = [(_first_line(node), node.end_lineno or node.lineno) for node in taken]
    numbers = sorted({number for first, last in spans for number in range(first, last + 1)})
    blocks: list[str] = []
    for before, number in zip([0, *numbers], numbers, strict=False):
        blocks.extend(["", ""] if before and number - before > 1 else [])
        blocks.append(lines[number - 1])
    return "\n".join(blocks) + "\n"


def _file_of(thing: Any, name: str) -> str:
    """The text of the file, or of the notebook's cell, that the thing stands in."""
    thing = inspect.unwrap(thing)
    try:
        codes = [getattr(item, "__code__", None) for item in (thing, *vars(thing).values())]
        file = next((code.co_filename for code in codes if code), None) or inspect.getsourcefile(thing) or ""
    except TypeError:
        file = ""
    text = "".join(linecache.getlines(file)).replace("\r\n", "\n")
    if not text:
        raise UsageError(
            f"tool {name!r} cannot be saved: the source of {getattr(thing, '__qualname__', thing)!r} is not there; "
            "write it in a file"
        )
    return text


def _needed(tree: ast.Module, thing: Any, name: str) -> set[ast.stmt]:
    """The statements that the thing needs, itself included."""
    entry = thing.__qualname__
    binding: dict[str, list[ast.stmt]] = {}
    for node in tree.body:
        if not _is_main_guard(node):
            for bound in _bound(node):
                binding.setdefault(bound, []).append(node)
    if entry not in binding:
        raise UsageError(
            f"tool {name!r} cannot be saved: {entry!r} stands inside a function or a class, and may need what is "
            "around it; define it at the top level of a file"
        )
    wanted: set[ast.stmt] = set()
    waiting, seen = [entry], {entry}
    while waiting:
        for node in binding.get(waiting.pop(), ()):
            wanted.add(node)
            for used in _used(node) - seen:
                seen.add(used)
                if used in binding:
                    waiting.append(used)
                elif used not in _BUILTIN and _is_global(thing, used):
                    raise UsageError(
                        f"tool {name!r} cannot be saved: {used!r} is not defined at its file's top level; do that"
                    )
    return wanted


def _bound(node: ast.stmt) -> Iterator[str]:
    """Names that a statement of the top level gives or changes."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
        yield from _starred(node) if node.names[0].name == "*" else ()
    elif isinstance(node, ast.Expr):
        yield from _root(node.value.func) if isinstance(node.value, ast.Call) else ()
    elif isinstance(node, ast.Assign):
        yield from (name for target in node.targets for name in _root(target))
    elif isinstance(node, (ast.AugAssign, ast.AnnAssign)):
        yield from _root(node.target)
    else:
        for child in ast.iter_child_nodes(node):
            inner = child.body if isinstance(child, ast.ExceptHandler) else [child]
            yield from (bound for item in inner if isinstance(item, ast.stmt) for bound in _bound(item))


def _starred(node: ast.Import | ast.ImportFrom) -> Iterable[str]:
    """Names that `from … import *` gives: its file has run, so the module is there."""
    module = sys.modules.get(str(getattr(node, "module", None)))
    public = getattr(module, "__all__", None)
    return [name for name in dir(module) if not name.startswith("_")] if public is None else public


def _root(node: ast.expr) -> Iterator[str]:
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    if isinstance(node, ast.Name):
        yield node.id
    for part in node.elts if isinstance(node, (ast.Tuple, ast.List)) else ():
        yield from _root(part)


def _used(node: ast.stmt) -> set[str]:
    """Every name that stands in a statement, also in annotations that are written as text."""
    names = {child.id for child in ast.walk(node) if isinstance(child, ast.Name)}
    hints = [
        hint
        for child in ast.walk(node)
        for hint in (getattr(child, "annotation", None), getattr(child, "returns", None))
        if isinstance(hint, ast.expr)
    ]
    texts = [
        part.value
        for hint in hints
        for part in ast.walk(hint)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    ]
    return names | {word for text in texts for word in re.findall(r"[A-Za-z_]\w*", text)}


def _is_global(thing: Any, name: str) -> bool:
    """Whether a name that the file's top level does not give is looked up there all the same."""
    codes = [getattr(item, "__code__", None) for item in (thing, *vars(thing).values())]
    waiting = [code for code in codes if code is not None]
    while waiting:
        code = waiting.pop()
        loads = {item.argval for item in _instructions(code)}
        if name in loads:
            return True
        waiting.extend(const for const in code.co_consts if inspect.iscode(const))
    return False


def _instructions(code: Any) -> Iterator[Any]:
    return (item for item in dis.get_instructions(code) if item.opname in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF"))


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def _is_main_guard(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and any(
        isinstance(part, ast.Name) and part.id == "__name__" for part in ast.walk(node.test)
    )


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(item.lineno for item in decorators)])


def _check_imports(nodes: Iterable[ast.stmt], name: str, requirements: Iterable[str]) -> None:
    given = {distribution_names(text) for text in requirements}
    for node in (child for top in nodes for child in ast.walk(top)):
        if isinstance(node, ast.ImportFrom) and node.level:
            raise UsageError(
                f"tool {name!r} cannot be saved: `from {'.' * node.level}{node.module or ''} import …` reaches beside "
                "its file; put what it needs into the file itself"
            )
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for top in {module.partition(".")[0] for module in modules} - set(_OURS):
            _check_import(top, name, given)


def _check_import(top: str, name: str, given: set[str]) -> None:
    if top in sys.stdlib_module_names:
        return
    owners = importlib.metadata.packages_distributions().get(top, [])
    if not owners:
        spec = importlib.util.find_spec(top)
        where = "" if spec is None else str(spec.origin or "")
        if not where.startswith(tuple({sysconfig.get_path(key) for key in ("purelib", "platlib")})):
            raise UsageError(
                f"tool {name!r} cannot be saved: it imports {top!r}, which is no installed package; put what it needs "
                "of it into its own file"
            )
        owners = [top]
    if not given & {distribution_names(owner) for owner in owners}:
        raise UsageError(
            f"tool {name!r} cannot be saved: it imports {top!r}, which {' or '.join(sorted(set(owners)))} installs "
            f"here; say so: `requirements = ({owners[0]!r},)`"
        )


def distribution_names(requirement: str) -> str:
    """Give the normal form of the name that a requirement begins with."""
    found = re.match(r"\s*([A-Za-z0-9._-]+)", requirement)
    return re.sub(r"[-_.]+", "-", found[1]).lower() if found else ""
