"""Tool calls in awaited positions become awaitables, so that `asyncio.gather` runs them at once.

A tool called plainly gives its value. A tool called where Python wants an awaitable (under
`await`, as an argument of `asyncio.gather` and its kin, or in a list that is later handed to
them) gives a coroutine instead. What is called there is looked at when it is called: `f(x)` becomes
`__awaitable__(f)(x)`, which is `f(x)` for everything but a tool, whatever name the tool goes by.
"""

import ast
import functools
import re

__all__ = ("TopLevelAwait", "awaitable_of", "awaited", "awaits")

TopLevelAwait = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_TAKERS = frozenset("gather as_completed shield create_task ensure_future wait_for run_coroutine_threadsafe".split())
_ASYNCIO_TAKERS = frozenset(("wait", "run"))
_SIGNS = re.compile("|".join(("await", "asyncio", *sorted(_TAKERS))))


def awaits(source):
    """Whether anything in the source may be awaited; most programs need not be looked at node by node."""
    return not source.isascii() or _SIGNS.search(source) is not None  # other letters may stand for the same name


def awaited(tree):
    """Rewrite the tree in place and give it."""
    nodes = list(ast.walk(tree))
    if any(isinstance(node, ast.Await) or _takes(node) for node in nodes):
        later = {name for node in nodes for name in _handed_on(node)}
        calls = {id(call): call for node in nodes for place in _positions(node, later) for call in _calls(place)}
        for call in calls.values():
            helper = ast.copy_location(ast.Name("__awaitable__", ast.Load()), call.func)
            call.func = ast.copy_location(ast.Call(helper, [call.func], []), call.func)
    return ast.fix_missing_locations(tree)


def awaitable_of(tool_class):
    """Give the function `__awaitable__`: of a tool, what gives a coroutine; of all else, itself."""

    def awaitable(function):
        if type(function) is tool_class:
            return function.aio
        if function is map:
            return lambda first, *rest: map(awaitable(first), *rest)
        if type(function) is functools.partial and type(function.func) is tool_class:
            return functools.partial(function.func.aio, *function.args, **function.keywords)
        return function

    return awaitable


def _takes(node):
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Name):
        return node.func.id in _TAKERS
    if not isinstance(node.func, ast.Attribute):
        return False
    owner = node.func.value
    of_asyncio = isinstance(owner, ast.Name) and owner.id == "asyncio"
    return node.func.attr in _TAKERS or (of_asyncio and node.func.attr in _ASYNCIO_TAKERS)


def _handed_on(node):
    """Names of variables whose contents are awaited here."""
    if isinstance(node, ast.Await):
        found = [node.value]
    elif _takes(node):
        found = [arg.value if isinstance(arg, ast.Starred) else arg for arg in node.args]
    else:
        found = []
    for name in found:
        if isinstance(name, ast.Call) and isinstance(name.func, ast.Attribute) and name.func.attr == "values":
            name = name.func.value
        if isinstance(name, ast.Name):
            yield name.id


def _positions(node, later):
    """Expressions of this node that have to be awaitable."""
    if isinstance(node, ast.Await):
        yield node.value
    elif _takes(node):
        for arg in node.args:
            yield arg.value if isinstance(arg, ast.Starred) else arg
    elif isinstance(node, ast.Assign):
        if any(isinstance(target, ast.Name) and target.id in later for target in node.targets):
            yield node.value
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "append":
        if isinstance(node.func.value, ast.Name) and node.func.value.id in later:
            for arg in node.args:
                yield arg


def _calls(node):
    """The calls that give what stands at such a position."""
    if isinstance(node, ast.Call):
        if not _takes(node):
            yield node
        return
    inner = ()
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        inner = node.elts
    elif isinstance(node, (ast.ListComp, ast.GeneratorExp, ast.SetComp)):
        inner = (node.elt,)
    elif isinstance(node, ast.Dict):
        inner = node.values
    elif isinstance(node, ast.DictComp):
        inner = (node.value,)
    elif isinstance(node, ast.IfExp):
        inner = (node.body, node.orelse)
    elif isinstance(node, ast.Starred):
        inner = (node.value,)
    for part in inner:
        for call in _calls(part):
            yield call
