"""The rules of the house, held by tests: what a rule without one would be is a wish."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "codeling"
FILES = sorted(PACKAGE.rglob("*.py"))
CORE = sorted(PACKAGE.glob("*.py"))
MODULES = [path for path in FILES if "inside" not in path.parts and path.name != "__main__.py"]

FLOORS = {
    "errors": 1, "messages": 1, "lookup": 1,
    "events": 2, "tools": 2, "policy": 2, "limits": 2,
    "prompt": 3, "protocols": 3, "result": 3,
    "run": 4, "memory": 4,
    "broker": 5,
    "agent": 6,
    "__init__": 7, "__main__": 7,
}  # fmt: skip
"""The core's floors: imports run down, or along within a floor where there is no circle."""

FOLDERS = {
    "sandbox": {"sandbox"}, "executors": {"executors", "sandbox"}, "models": {"models"}, "journals": {"journals"},
    "toolbox": {"toolbox", "forms"}, "browser": {"browser", "forms"}, "integrations": {"integrations", "sandbox", "journals"}, "observers": {"observers"},
    "approvals": {"approvals"}, "effects": {"effects"}, "compaction": {"compaction"}, "secrets": {"secrets"}, "forms": {"forms", "journals"}, "sync": {"sync"}, "teams": {"teams", "journals", "run"}, "testing": {"testing"},
}  # fmt: skip
"""Folders that may import floors 1 to 3 and these; those that are not listed may import anything."""


def code_lines(path: Path) -> set[int]:
    """Lines that are neither blank, nor a comment, nor part of a docstring."""
    text = path.read_text(encoding="utf-8")
    docs: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            docs |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines = enumerate(text.splitlines(), 1)
    return {
        number for number, line in lines if line.strip() and not line.strip().startswith("#") and number not in docs
    }


def imports(path: Path) -> Iterator[str]:
    """Modules of ours that a file imports, as `folder.file` below the package, wherever in the file it does."""
    package = path.relative_to(PACKAGE).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [*package[: len(package) - node.level + 1], *(node.module or "").split(".")]
            inner = ".".join(part for part in base if part)
            named = [f"{inner}.{alias.name}" for alias in node.names] if not node.module or is_folder(inner) else []
            yield from named or [inner]
        elif isinstance(node, ast.Import):
            yield from (
                alias.name.removeprefix("codeling.") for alias in node.names if alias.name.startswith("codeling.")
            )


def is_folder(name: str) -> bool:
    """Whether a dotted name is a folder of the package."""
    return (PACKAGE / name.replace(".", "/")).is_dir()


def relative(path: Path) -> str:
    """The file's name as the project calls it."""
    return str(path.relative_to(ROOT))


def test_the_core_can_be_read_in_an_afternoon() -> None:
    """The files at the root hold at most 1,000 lines of code."""
    sizes = {path.name: len(code_lines(path)) for path in CORE}

    assert sum(sizes.values()) <= 1000, sizes


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_files_are_short(path: Path) -> None:
    """A file has at most 400 lines."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_functions_are_short(path: Path) -> None:
    """A function has at most 40 lines of code."""
    lines = code_lines(path)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            inner = [child for child in ast.walk(node) if isinstance(child, ast.FunctionDef) and child is not node]
            nested = {number for child in inner for number in range(child.lineno, (child.end_lineno or 0) + 1)}
            own = set(range(node.lineno, (node.end_lineno or 0) + 1)) & lines - nested
            assert len(own) <= 40, f"{node.name}: {len(own)}"


@pytest.mark.parametrize("path", CORE, ids=relative)
def test_the_cores_imports_run_down_the_floors(path: Path) -> None:
    """A core file imports files of its own floor or of those below, and no folder."""
    for name in imports(path):
        top = name.partition(".")[0]
        assert top in FLOORS, f"{path.name} imports {name}"
        assert FLOORS[top] <= FLOORS[path.stem], f"{path.name} imports {name}"


@pytest.mark.parametrize("path", [path for path in FILES if path not in CORE], ids=relative)
def test_folders_import_what_they_may(path: Path) -> None:
    """An adapter imports floors 1 to 3 and its own folder; it never imports agent, broker or run."""
    folder = path.relative_to(PACKAGE).parts[0]
    if folder not in FOLDERS:
        return
    for name in imports(path):
        top = name.partition(".")[0]
        assert top in FOLDERS[folder] or FLOORS.get(top, 9) <= 3, f"{relative(path)} imports {name}"


def test_there_are_no_circles() -> None:
    """No module imports itself by way of others, type hints included."""
    edges: dict[str, set[str]] = {}
    for path in FILES:
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        edges[".".join(parts)] = set(imports(path))

    def reach(name: str, seen: set[str]) -> set[str]:
        for other in edges.get(name, ()):
            if other not in seen:
                seen.add(other)
                reach(other, seen)
        return seen

    assert [name for name in edges if name in reach(name, set())] == []


@pytest.mark.parametrize("path", sorted((PACKAGE / "sandbox" / "inside").glob("*.py")), ids=relative)
def test_what_runs_inside_imports_the_standard_library_only(path: Path) -> None:
    """The worker's files import nothing but the standard library, each other, and three libraries by name."""
    allowed = {*sys.stdlib_module_names, *(p.stem for p in path.parent.glob("*.py")), "numpy", "pandas", "PIL"}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            assert name.partition(".")[0] in allowed or name == "codeling.sandbox.inside", name


def test_importing_loads_the_standard_library_only() -> None:
    """`import codeling`, and `import codeling.agent` with all of the core, load nothing else."""
    code = "import sys; before = set(sys.modules); import codeling, codeling.agent; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-I", "-c", code], check=True, capture_output=True, text=True)
    foreign = {name.partition(".")[0] for name in done.stdout.split()} - set(sys.stdlib_module_names)

    assert foreign == {"codeling"}


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_modules_say_what_they_offer(path: Path) -> None:
    """Every module has a docstring, and `__all__` is a tuple of names that are there."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), "no docstring"
    if path.name == "__init__.py":
        return
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    module = importlib.import_module(".".join(("codeling", *parts)))
    assert isinstance(module.__all__, tuple)
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_public_things_are_described(path: Path) -> None:
    """Every public class, function and method has a docstring."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tops = [node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))]
    public = [node for node in tops if not node.name.startswith("_")]
    methods = [
        child
        for node in public
        if isinstance(node, ast.ClassDef)
        for child in node.body
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)) and not child.name.startswith("_")
    ]
    missing = [node.name for node in (*public, *methods) if not ast.get_docstring(node) and not is_overload(node)]

    assert missing == []


def is_overload(node: ast.AST) -> bool:
    """Whether a function only states one of several types."""
    return "overload" in "".join(ast.dump(item) for item in getattr(node, "decorator_list", []))


def test_the_stub_names_what_the_package_gives() -> None:
    """Every public name loads, and type checkers see the same names."""
    import codeling

    stub = (PACKAGE / "__init__.pyi").read_text(encoding="utf-8")
    names = re.findall(r"^from \.\w+\.\w+ import (\w+) as \1$", stub, re.MULTILINE)
    assert len(names) >= 12
    assert stub.count(" as ") == len(names) + 3  # and the three agents
    for name in names:
        assert getattr(codeling, name).__name__ == name
    for home in codeling._CORE:  # type: ignore[attr-defined]  # what the lazy loader knows
        assert f"from .{home} import" in stub


def tracked() -> list[Path]:
    """Text files that git knows or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=False, capture_output=True, text=True,
    ).stdout.split("\n")  # fmt: skip
    return [ROOT / name for name in listed if name and (ROOT / name).is_file() and not name.endswith((".png", ".gguf"))]


def test_no_machine_is_named() -> None:
    """No absolute path of a home or a workplace, and no package registry, stands in a file of the project."""
    words = re.compile(
        "/" + r"(?:root|work)/|/home/(?!\.)\w+/|files\." + "pythonhosted|registry" + r"\.npmjs|/opt/" + "pypi"
    )
    found = [relative(path) for path in tracked() if words.search(path.read_text(encoding="utf-8", errors="replace"))]

    assert found == []


def test_changes_are_told_to_users() -> None:
    """Every fragment in changelog.d is one sentence for users, named by its kind."""
    for path in (ROOT / "changelog.d").glob("*.md"):
        if path.name != "README.md":
            assert re.fullmatch(r"[\w-]+\.(added|changed|fixed|removed|security)\.md", path.name), path.name
            assert path.read_text(encoding="utf-8").strip().endswith((".", ")"))


def test_the_guide_for_agents_is_short() -> None:
    """AGENTS.md has at most 100 lines."""
    assert len((ROOT / "AGENTS.md").read_text(encoding="utf-8").splitlines()) <= 100


def test_a_star_gives_the_public_names() -> None:
    """`from codeling import *`, as in a notebook, gives what `dir` shows, and nothing that we import ourselves."""
    code = (
        "from codeling import *\nimport sys, codeling\nassert CodeAgent and tool and UsageError and MemoryJournal\n"
        "assert 'import_module' not in globals() and 'Path' not in globals()\n"
        "assert set(dir(codeling)) <= set(globals())\n"
        "print(*{name.partition('.')[0] for name in sys.modules} - {*sys.stdlib_module_names, 'codeling', '__main__'})"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r})\n{code}"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stderr, done.stdout) == ("", "\n")
