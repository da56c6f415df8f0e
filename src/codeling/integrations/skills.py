"""Agent Skills and AGENTS.md: instructions that stand in folders.

A skill is a folder with a `SKILL.md`: a front matter with `name` and `description`, then what to do
(agentskills.io/specification). The model is told the names and descriptions; it reads the rest when it needs it.
These folders are the user's own choice, and what stands in them is obeyed like instructions. Files are read below
a skill's folder only, and no link is followed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..lookup import load
from ..tools import Effect, Tool

__all__ = ("ReadSkillTool", "Skill", "Skills", "instructions_from")

FILE = "SKILL.md"
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_MOST_TEXT = 1 << 20
_LISTED = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Skill:
    """What the front matter of a skill says, and where it is."""

    name: str
    description: str
    folder: Path
    fields: Mapping[str, str] = field(default_factory=dict)
    """Everything else in it, such as `license`, `compatibility` and `allowed-tools`."""
    body: str = field(default="", repr=False)


class Skills:
    """The skills of some folders: give `tools` and `instructions` to an agent.

    Each folder is a skill, or holds skills. Its scripts can be imported in the sandbox where the executor may read
    them: `SandboxExecutor(read=skills.folders)`. Elsewhere a program writes what `read_skill` gives to a file of
    its own. Raises `UsageError` for a folder without a skill, and for a skill that the specification does not allow.
    """

    def __init__(self, *folders: str | os.PathLike[str]) -> None:
        self.skills: dict[str, Skill] = {}
        for folder in folders:
            for skill in _skills_in(Path(folder)):
                if skill.name in self.skills:
                    raise UsageError(f"two skills are called {skill.name!r}; rename one of them")
                self.skills[skill.name] = skill

    @property
    def folders(self) -> tuple[str, ...]:
        """The folder of each skill."""
        return tuple(str(skill.folder) for skill in self.skills.values())

    @property
    def instructions(self) -> str:
        """What an agent is told of them: each name and description, and how to read more."""
        lines = [f"- {skill.name}: {skill.description}" for skill in self.skills.values()]
        head = "Skills that you have. Where one fits the task, read it first with read_skill(name) and follow it:"
        return "\n".join([head, *lines])

    @property
    def tools(self) -> list[Tool]:
        """The function that reads them."""
        return [ReadSkillTool(*self.folders)]


class ReadSkillTool(Tool):
    """Gives the text of a skill, or of one of its files."""

    name = "read_skill"
    description = (
        "Read a skill: what it says, and which files it has; with `file`, such as 'a.md', the text of that file. "
        "Raises LookupError for an unknown skill."
    )
    inputs: Mapping[str, Mapping[str, Any]] = {
        "name": {"type": "string", "description": "the skill's name"},
        "file": {"type": "string", "description": "one of its files", "nullable": True},
    }
    output_type = "string"
    effect: Effect = "read"

    def __init__(self, *folders: str) -> None:
        self._skills = Skills(*folders).skills

    def forward(self, name: str, file: str | None = None) -> str:
        """Give it."""
        if name not in self._skills:
            raise LookupError(f"there is no skill {name!r}; there are: {', '.join(self._skills)}")
        skill = self._skills[name]
        if file is not None:
            return str(load("codeling.toolbox.files:ReadFileTool")(skill.folder)(file))
        return _told(skill)


def instructions_from(folder: str | os.PathLike[str] = ".", *, name: str = "AGENTS.md", most: int = 32_768) -> str:
    """Give the instructions that hold in a folder: its AGENTS.md and those above, up to the top of its repository.

    The nearest comes last, since it holds where two disagree; together they have at most `most` characters, and the
    farthest are cut first. Gives "" where there are none. Raises `UsageError` for a file that cannot be read.
    """
    start = Path(folder).resolve()
    repository = next((place for place in (start, *start.parents) if (place / ".git").exists()), start)
    places = [place for place in (start, *start.parents) if place.is_relative_to(repository)]
    left, told = most, list[str]()
    for place in places:
        path = place / name
        if not path.is_file() or not path.resolve().is_relative_to(repository) or left <= 0:
            continue
        text = _read(path).strip()
        shown = text if len(text) <= left else f"{text[:left]}\n[{len(text) - left} more characters are left out]"
        left -= len(text)
        where = path.relative_to(repository).as_posix()
        told.append(f"Instructions of {where}:\n{shown}")
    return "\n\n".join(reversed(told))


def _skills_in(folder: Path) -> Iterator[Skill]:
    if (folder / FILE).is_file():
        yield _skill(folder.resolve())
        return
    found = sorted(path.parent for path in folder.glob(f"*/{FILE}")) if folder.is_dir() else []
    if not found:
        raise UsageError(f"there is no skill in {str(folder)!r}: no {FILE} in it or in a folder of it")
    for place in found:
        yield _skill(place.resolve())


def _skill(folder: Path) -> Skill:
    path = folder / FILE
    fields, body = _split(_read(path), path)
    name, description = fields.pop("name", ""), fields.pop("description", "")
    if not _NAME.fullmatch(name) or len(name) > 64:
        raise UsageError(f"{path}: a skill's name is 1 to 64 of a-z, 0-9 and single hyphens, not {name[:80]!r}")
    if name != folder.name:
        raise UsageError(f"{path}: the skill {name!r} must stand in a folder of that name, not in {folder.name!r}")
    if not 1 <= len(description) <= 1024:
        raise UsageError(f"{path}: a skill's description has 1 to 1024 characters, not {len(description)}")
    return Skill(name=name, description=description, folder=folder, fields=fields, body=body)


def _told(skill: Skill) -> str:
    """A skill's text, with what its program needs to know of its files."""
    parts = [skill.body.strip()]
    notes = [f"{key}: {skill.fields[key]}" for key in ("compatibility", "allowed-tools") if skill.fields.get(key)]
    listed = load("codeling.toolbox.files:ListFilesTool")(skill.folder)()
    files = [str(entry["path"]) for entry in listed if entry["path"] != FILE]
    if files:
        more = f" and {len(files) - _LISTED} more" if len(files) > _LISTED else ""
        notes.append(f"Files of this skill, for read_skill({skill.name!r}, file): {', '.join(files[:_LISTED])}{more}")
    scripts = sorted({os.path.dirname(path) for path in files if path.endswith(".py")})  # noqa: PTH120  # text
    if scripts:
        where = str(skill.folder / scripts[0])
        notes.append(
            f"To import its Python files: sys.path.insert(0, {where!r}); where that cannot be read, write "
            "the text that read_skill gives into files of your own and import them after sys.path.insert(0, '.')."
        )
    return "\n\n".join([*parts, "\n".join(notes)]).strip()


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > _MOST_TEXT:
            raise UsageError(f"{path} is larger than {_MOST_TEXT >> 20} MiB; instructions are shorter")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None


def _split(text: str, path: Path) -> tuple[dict[str, str], str]:
    """The front matter's fields, and what follows it."""
    match = re.match(r"\ufeff?---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)(.*)", text, re.DOTALL | re.MULTILINE)
    if not match:
        raise UsageError(f"{path} does not begin with a front matter: a line `---`, name and description, a line `---`")
    return _fields(match[1].splitlines()), match[2]


def _fields(lines: list[str]) -> dict[str, str]:
    """Read the YAML that front matters are written in: texts, plain, quoted, folded or as blocks, one a key.

    What stands below a key without a text, such as `metadata`, is kept as its lines.
    """
    fields: dict[str, str] = {}
    key, block = "", list[str]()
    for line in [*lines, "end:"]:
        if re.match(r"[\w-]+:(\s|$)", line):
            if key:
                fields[key] = _scalar(block)
            key, _, first = line.partition(":")
            block = [first.strip()]
        elif key and not line.startswith("#"):
            block.append(line)
    return fields


def _scalar(block: list[str]) -> str:
    first, *rest = block
    lines = [line.strip() for line in rest]
    if first[:1] in ("|", ">"):
        joined = "\n".join(lines) if first[0] == "|" else re.sub(r"(?<!\n)\n(?!\n)", " ", "\n".join(lines))
        return joined.strip()
    text = " ".join([first, *(line for line in lines if line)]).strip()
    if len(text) >= 2 and text[0] == text[-1] == "'":
        return text[1:-1].replace("''", "'")
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return re.sub(r"\\(.)", lambda match: {"n": "\n", "t": "\t"}.get(match[1], match[1]), text[1:-1])
    return re.sub(r"\s+#.*$", "", text)
