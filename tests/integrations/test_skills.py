"""Agent Skills and AGENTS.md: told in brief, read on demand, their scripts imported behind the wall."""

from __future__ import annotations

from pathlib import Path

import pytest

from codeling import CodeAgent, SandboxExecutor, Skills, UsageError, instructions_from
from codeling.testing import ScriptedModel

SKILL = """---
name: {name}
description: {description}
license: Apache-2.0
allowed-tools: Read Bash(git:*)
metadata:
  author: somebody
  version: "1.0"
---

# How to
Call `areas.area(width)`.
"""


def skill(folder: Path, name: str = "measure-things", description: str = "Measures things. Use it for areas.") -> Path:
    """Write a skill with a script and a further page."""
    made = folder / name
    (made / "scripts").mkdir(parents=True)
    (made / "SKILL.md").write_text(SKILL.format(name=name, description=description))
    (made / "scripts" / "areas.py").write_text("def area(width):\n    return width * width\n")
    (made / "more.md").write_text("Only squares.")
    return made


def test_the_body_is_read_on_demand_and_scripts_run_behind_the_wall(tmp_path: Path) -> None:
    """The model is told the name and description only; a program reads the rest and imports the script."""
    made = skill(tmp_path)
    skills = Skills(tmp_path)
    seen: list[str] = []

    def first(messages: object) -> str:
        seen.append(str(messages))
        return "```python\nprint(read_skill('measure-things'))\nprint(read_skill('measure-things', 'more.md'))\n```"

    code = f"import sys\nsys.path.insert(0, {str(made / 'scripts')!r})\nimport areas\nfinal_answer(areas.area(12))"
    agent = CodeAgent(skills.tools, ScriptedModel([first, f"```python\n{code}\n```"]), instructions=skills.instructions,
                      executor=SandboxExecutor(read=skills.folders))  # fmt: skip
    result = agent.run("Measure.", return_full_result=True)

    assert "- measure-things: Measures things. Use it for areas." in seen[0]
    assert "Only squares" not in seen[0]
    assert "Call `areas.area(width)`" not in seen[0]
    told = result.steps[0].output
    assert "# How to" in told
    assert "Only squares." in told
    assert "allowed-tools: Read Bash(git:*)" in told
    assert f"sys.path.insert(0, {str(made / 'scripts')!r})" in told
    assert result.output == 144


def test_scripts_are_reached_from_any_executor(tmp_path: Path) -> None:
    """Where the folder cannot be read, a program writes what read_skill gives and imports that."""
    skill(tmp_path)
    code = "import sys\nsys.path.insert(0, '.')\nopen('areas.py', 'w').write(read_skill('measure-things', 'scripts/areas.py'))\nimport areas\nfinal_answer(areas.area(3))"
    agent = CodeAgent(Skills(tmp_path).tools, ScriptedModel([f"```python\n{code}\n```"]))

    assert agent.run("Measure.") == 9


def test_a_skill_gives_only_its_own_files(tmp_path: Path) -> None:
    """No path and no link leads out of its folder, and an unknown skill is told."""
    made = skill(tmp_path)
    (tmp_path / "secret").write_text("hidden")
    (made / "link.md").symlink_to(tmp_path / "secret")
    read = Skills(made).tools[0]

    for file in ("../secret", "/etc/passwd", "link.md"):
        with pytest.raises(PermissionError):
            read("measure-things", file)
    with pytest.raises(LookupError, match="no skill 'x'; there are: measure-things"):
        read("x")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("no front matter", "does not begin with a front matter"),
        (SKILL.format(name="Other", description="d"), "a-z, 0-9"),
        (SKILL.format(name="other", description="d"), "a folder of that name"),
        (SKILL.format(name="x" * 65, description="d"), "1 to 64"),
        (SKILL.format(name="s", description=""), "not 0"),
        (SKILL.format(name="s", description="d" * 1025), "not 1025"),
        ("---\nname: s\n", "front matter"),
    ],
)
def test_what_the_specification_does_not_allow_is_refused(tmp_path: Path, text: str, why: str) -> None:
    """The error names the file and the rule."""
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "SKILL.md").write_text(text)

    with pytest.raises(UsageError, match=why):
        Skills(tmp_path / "s")
    with pytest.raises(UsageError, match="no skill in"):
        Skills(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("plain: with a colon  # and a comment", "plain: with a colon"),
        ('"quoted: \\"text\\""', 'quoted: "text"'),
        ("'it''s'", "it's"),
        (">\n  folded\n  over lines", "folded over lines"),
        ("|\n  as a\n  block", "as a\nblock"),
        ("first\n  and more", "first and more"),
    ],
)
def test_descriptions_are_read_however_they_are_written(tmp_path: Path, written: str, read: str) -> None:
    """The ways in which front matters write texts."""
    skill(tmp_path, description=written)

    assert Skills(tmp_path).skills["measure-things"].description == read


def test_agents_md_of_a_folder_and_above(tmp_path: Path) -> None:
    """From the top of the repository to the folder, the nearest last; not from above it; within the limit."""
    inner = tmp_path / "repo" / "src" / "deep"
    inner.mkdir(parents=True)
    (tmp_path / "repo" / ".git").mkdir()
    (tmp_path / "AGENTS.md").write_text("Not of this repository.")
    (tmp_path / "repo" / "AGENTS.md").write_text("Use tabs. " * 50)
    (inner / "AGENTS.md").write_text("Use spaces.")

    told = instructions_from(inner)
    assert told.startswith("Instructions of AGENTS.md:\nUse tabs.")
    assert told.endswith("Instructions of src/deep/AGENTS.md:\nUse spaces.")
    assert "Not of this" not in told
    short = instructions_from(inner, most=30)
    assert "Use spaces." in short
    assert "more characters are left out" in short
    (tmp_path / "empty").mkdir()
    assert instructions_from(tmp_path / "empty") == ""
    with CodeAgent([], ScriptedModel([lambda messages: f"```python\nfinal_answer({'Use spaces.' in str(messages)})\n```"]),
                   instructions=told) as agent:  # fmt: skip
        assert agent.run("Go.") is True
