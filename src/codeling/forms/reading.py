"""Reads the program in a model's reply, however the model wrote it. It never runs or repairs one.

Models write code in any fence, tag or none, think aloud before it, and go on after it with results
that they made up. Where two readings are possible, these rules choose; `tests/reading/programs.toml`
has a line for each.

1. Thoughts (`<think>`, `<thinking>`, `<thought>`, `<reasoning>`, `[THINK]`) go first, whatever they
   hold. An opening tag counts where it begins a line, and without an end all after it is thought. A
   closing tag alone means that all before it was; one right before a quote or a backtick is talk.
2. A block is a fence of backticks or tildes labelled python (py, python3, tool_code, …), or a tag such
   as `<code>`, `<python>` or `<execute>` that begins or ends a line. What may be output or talk counts
   only where there is no such block and it is clearly code: a fence without a label, a tag amid a line,
   text after `Code:`, the reply itself. Fences with other labels are no programs, nor is what they hold.
3. Clearly code is what parses and calls, assigns, imports, branches, loops or defines. A word, a number,
   a sentence or JSON is not.
4. A block ends at the first end that leaves it valid Python: those that begin a line first, then the
   others (partial and foreign ones too), then a made-up result, then the end of the reply. So backticks
   in a string do not end a program, and a lost or halved end does not spoil it.
5. Indentation of the whole, a fence within a tag or a tag within a fence, and `>>>` on every line are
   taken off, but only where the text does not parse as it stands.
6. Several blocks that parse are one program, joined by blank lines, up to the first result, task or turn
   that the model made up. A block repeated word for word counts once; one that does not parse is left out.
7. A JSON object with the key `code`, or a call with it among its arguments, gives that code: before all
   else where the reply begins with it, and otherwise, in a fence, only where no block parses.
8. If nothing parses, the last closed block is the program: its syntax error is for the model to see.
9. A reply that was cut off gives only what was closed and parses: half a program is never run.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import dedent

from ..errors import ParseError

__all__ = ("MADE_UP", "Program", "read_program", "said", "tidy")

MADE_UP = (
    r"^[ \t>*#`~<\[|-]*+(?:expected |execution |tool[ _])?(?:observation|output|result|response|log|stdout|console"
    r"|error|traceback|te?xt|plaintext|task|question|user|human|value of the last line|functions you can call)s?"
    r"[ \t*`_\])]*+(?:$|[:>])|<\|im_start\|>|<start_of_turn>"
)
"""Where a reply goes on with what only the other side can say: a result, a task, a turn."""
_BUDGET = 300_000
"""How many characters are parsed in all, so that no reply keeps the reader busy."""
_FLAGS = re.MULTILINE | re.IGNORECASE
_TAG = r"(?:code|python|py|ipython|tool_code|execute(?:_i?python)?|\|python_tag)"
_THINKS = re.compile(r"^[ \t]*+(?:<(?:think(?:ing)?|thought|reasoning)>|\[THINK\])", _FLAGS)
_THOUGHT = re.compile(r"(?:</(?:think(?:ing)?|thought|reasoning)>|\[/THINK\])(?!['\"\\]|`(?!``))", _FLAGS)
_MARK = re.compile(
    r"(?P<line>^[ \t>]*+)?(?:(?P<fence>`{3,}|~{3,})[ \t]*+"
    r"(?:(?P<python>(?:i?python|py|pycon|tool_code|code)[\d.]*(?::\S*)?(?![\w.(=]))|(?P<other>[\w+#./-]++)(?=[ \t]*$))?"
    rf"|(?<![`'\"])<(?P<tag>{_TAG})\b[^<>\n]{{0,80}}>"
    rf"|(?P<close></{_TAG}\b>?|</\w*\Z|</s>|<end_of_turn>|<\|(?!im_start)\w+\|>))"
    rf"|(?P<text>\A|^[ \t*#]*+(?:python )?code[ \t*]*+:[ \t*]*+)|(?P<made_up>{MADE_UP})|(?P<end>\Z)",
    _FLAGS,
)
_OPENERS = {"python", "tag", "fence", "text"}
_MADE_UP = re.compile(MADE_UP, _FLAGS)
_TALK = (ast.Expr, ast.AnnAssign, ast.Assert, ast.Delete, ast.Global, ast.Pass, ast.Raise, ast.Return)
_JSON = re.compile(r"(?:\A|```[ \t]*+json\s|<tool_call>)\s*(?=\{)", _FLAGS)
_CUT_OFF = "Your reply was cut off at its length limit before its program was complete. Write a shorter one"
_EMPTY = "Your reply was empty, or only thought. Write a program"
_BROKEN = "The block in your reply holds no whole Python program: it is empty, not closed or not Python. Write it again"
_PROSE = "Your reply was text without a program. To act, or to answer, write a program"
_FORM = """\
in one block; nothing was run. Such as:
```python
answer = ...  # compute what the task asks for
final_answer(answer)
```"""


@dataclass(frozen=True, slots=True)
class Program:
    """What a reply asks to be run."""

    code: str
    said: str
    """The reply up to the end of the program, without thoughts: what is kept in the conversation."""


def tidy(text: str) -> str:
    """Give the reply without thoughts, byte-order mark and blank ends."""
    text = text.replace("\r\n", "\n").lstrip("\ufeff\u200b\u200c\u200d\u2060")
    head, *thoughts = _THINKS.split(text)
    ended = (ends[-1] for thought in thoughts if len(ends := _THOUGHT.split(thought)) > 1)
    return "".join([_THOUGHT.split(head)[-1], *ended]).strip("\n").rstrip()


def read_program(text: str, *, cut_off: bool = False) -> Program:
    """Give the program in a model's reply by the rules above; `cut_off` says that it hit the length limit.

    Raises `ParseError`, saying what to write instead.
    """
    said = tidy(text)
    marks = [mark for mark in _MARK.finditer(said) if not (cut_off and mark.lastgroup == "end")]
    blocks = list(_blocks(said, marks))
    best = max((rank for rank, _ in blocks), default=0)
    if (program := _in_json(said)) and (said.startswith("{") or not best):
        return program
    if best or (blocks and not cut_off):
        chosen = [block for rank, block in blocks if rank == best][0 if best else -1 :]
        return Program("\n\n".join(dict.fromkeys(block.code for block in chosen)), chosen[-1].said)
    why = _BROKEN if any(mark["fence"] or mark["tag"] for mark in marks) else _PROSE if said else _EMPTY
    raise ParseError(f"{_CUT_OFF if cut_off else why} {_FORM}")


def said(text: str) -> str:
    """Give what is kept of a reply: up to the end of its program, or without thoughts where it has none."""
    try:
        return read_program(text).said
    except ParseError:
        return tidy(text)


def _blocks(text: str, marks: Sequence[re.Match[str]]) -> Iterator[tuple[int, Program]]:
    """Give each possible program with its rank: 2 is sure, 1 counts if there is no better, 0 does not parse."""
    openers = {"python", "tag", "fence"} if any(mark.lastgroup in ("python", "tag") for mark in marks) else _OPENERS
    budget, done, found = _BUDGET, 0, False
    for at, mark in enumerate(marks, 1):
        if mark.start() < done:
            continue
        if budget < 0 or (found and _MADE_UP.match(text, mark.start())):
            return
        ends = sorted(marks[at : at + 12], key=lambda end: (end["line"] is None, end.lastgroup in ("made_up", "end")))
        if mark.lastgroup == "other":
            done = next((end.end() for end in ends if end.lastgroup == "fence"), 0)
        if mark.lastgroup not in openers or not ends:
            continue
        own_line = mark["line"] is not None or text.startswith("\n", mark.end())
        sure = mark.lastgroup == "python" or (mark.lastgroup == "tag" and own_line)
        for end in ends:
            budget -= end.start() - mark.end() + 300
            if budget > 0 and (code := _python(text[mark.end() : end.start()], sure=sure)):
                done, found = end.end() if end.lastgroup in ("fence", "close") else end.start(), True
                yield 1 + sure, Program(code, _said(text, mark, end))
                break
        else:
            code = text[mark.end() : ends[0].start()]
            if sure and ends[0].lastgroup not in ("made_up", "end") and code.strip():
                yield 0, Program(dedent(code).strip(), _said(text, mark, ends[0]))


def _said(text: str, mark: re.Match[str], end: re.Match[str]) -> str:
    close = mark["fence"] or (f"</{mark['tag']}>" if mark["tag"] else "")
    return f"{text[: end.start()].rstrip()}\n{close}".rstrip()


def _python(text: str, *, sure: bool) -> str | None:
    """Give the text in the first form that parses and, if it is not surely a program, is clearly code."""
    plain = dedent(text).strip()
    inner = _MARK.sub("", text.strip(), count=1)
    closed = re.sub(r"(?:[`~]{3,9}|</\w{0,20}>?)\Z", "", inner)
    session = "\n".join(line[4:] for line in plain.splitlines() if line.startswith((">>>", "...")))
    for form in dict.fromkeys(
        (text.strip("\n"), plain, inner.strip("\n"), dedent(inner), dedent(closed).strip(), session)
    ):
        try:
            # Newer grammars would print a SyntaxWarning about "\\d" on the user's terminal.
            body = ast.parse(form, feature_version=(3, 11)).body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        if body and (sure or re.search(r"[\w\])]\(", form) or not all(isinstance(node, _TALK) for node in body)):
            return form
    return None


def _in_json(text: str) -> Program | None:
    start = _JSON.search(text)
    try:
        found, end = json.JSONDecoder(strict=False).raw_decode(text + "}}", start.end() if start else len(text))
    except (ValueError, RecursionError):
        return None
    for level in (found, found.get("arguments"), found.get("parameters")):
        if isinstance(level, dict) and isinstance(code := level.get("code"), str) and code.strip():
            return Program(_python(code, sure=True) or code, text[:end])
    return None
