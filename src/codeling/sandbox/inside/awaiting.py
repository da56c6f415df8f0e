"""Tool calls in awaited positions become awaitables, so that `asyncio.gather` runs them at once.

A tool called plainly gives its value. A tool called where Python wants an awaitable (under
`await`, as an argument of `asyncio.gather` and its kin, or in a list that is later handed to
them) gives a coroutine instead. Only calls by a tool's own name are touched; all else is as written.
"""

import ast

__all__ = ("TopLevelAwait", "awaited")

TopLevelAwait = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_TAKERS = frozenset("gather as_completed shield create_task ensure_future wait_for run_coroutine_threadsafe".split())
_ASYNCIO_TAKERS = frozenset(("wait", "run"))


def awaited(tree, tools):
    """Rewrite the tree in place and give it."""
    if tools and any(isinstance(node, ast.Await) or _takes(node) for node in ast.walk(tree)):
        later = {name for node in ast.walk(tree) for name in _handed_on(node)}
        for node in ast.walk(tree):
            for expression in _positions(node, later):
                _mark(expression, tools)
    return ast.fix_missing_locations(tree)


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


def _mark(node, tools):
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in tools:
        helper = ast.copy_location(ast.Name("__awaitable__", ast.Load()), node.func)
        node.func = ast.copy_location(ast.Call(helper, [node.func], []), node.func)
    elif isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        for item in node.elts:
            _mark(item, tools)
    elif isinstance(node, (ast.ListComp, ast.GeneratorExp, ast.SetComp)):
        _mark(node.elt, tools)
    elif isinstance(node, ast.Dict):
        for item in node.values:
            _mark(item, tools)
    elif isinstance(node, ast.DictComp):
        _mark(node.value, tools)
    elif isinstance(node, ast.IfExp):
        _mark(node.body, tools)
        _mark(node.orelse, tools)
