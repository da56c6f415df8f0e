"""Programs are read in replies by the rules of `reading.py`: the cases of `programs.toml`, and properties of all replies."""

from __future__ import annotations

import ast
import time
import tomllib
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeling.errors import ParseError
from codeling.forms.reading import read_program, tidy

CASES = tomllib.loads((Path(__file__).parent / "programs.toml").read_text(encoding="utf-8"))["case"]

PROGRAMS = (
    "print(1)",
    "x = 1\n\ny = x + 1\nprint(y)",
    "for i in range(3):\n    if i:\n        print(i)",
    'text = """\n   \n```\nnot the end\n```\n"""\nprint(text)',
    'print("<code>", "</code>", "<think>")',
    "result = {\n    'output': 1,\n}\nfinal_answer(result)",
    "# Output: none\nx = f(1)  # see ``` there",
    "await search('a')",
    "import re\nprint(re.sub('\\d', '', 'a1'))",
    "class A:\n    '''Doc.\n\n    >>> A()\n    '''\n\n    def f(self):\n        return 1",
)
WRAPPERS = (
    "```python\n{}\n```",
    "```py\n{}\n```",
    "I think so.\n\n```python3\n{}\n```\nThat prints it.",
    "``` Python\n{}\n```",
    "```tool_code\n{}\n```",
    "````python\n{}\n````",
    "~~~python\n{}\n~~~",
    "<code>\n{}\n</code>",
    '<CODE lang="python">\n{}\n</CODE>',
    "<execute>\n{}\n</execute>",
    "<python>\n{}\n</python>",
    "<think>no: ```python\nbad()\n```</think>\n```python\n{}\n```",
    "<code>\n```python\n{}\n```\n</code>",
    "<code>\n{}\n</code",
    "<code>\n{}\n</code>\nObservation: 3\n<code>\nbad()\n</code>",
)


@pytest.mark.parametrize("case", CASES, ids=[case["why"] for case in CASES])
def test_case(case: dict[str, Any]) -> None:
    """Every reply of the table is read as the table says."""
    if "error" in case:
        with pytest.raises(ParseError, match=case["error"]) as caught:
            read_program(case["text"], cut_off=case.get("cut_off", False))
        assert "```python\n" in str(caught.value)
        return
    program = read_program(case["text"], cut_off=case.get("cut_off", False))
    assert program.code.rstrip() == case["code"].strip("\n")
    if "said" in case:
        assert program.said == case["said"].strip("\n")


@pytest.mark.filterwarnings("ignore:invalid escape sequence")  # one program holds one
@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_wrapped(wrapper: str, program: str) -> None:
    """A program in any supported form comes back as it was."""
    read = read_program(wrapper.replace("{}", program))
    assert read.code.strip() == program
    assert read_program(read.said).code.strip() == program


def _parses(code: str) -> bool:
    try:
        return bool(ast.parse(code).body)
    except (SyntaxError, ValueError):
        return False


STATEMENTS = st.lists(
    st.one_of(
        st.builds("x{} = {!r}".format, st.integers(0, 9), st.one_of(st.text(max_size=20), st.integers(), st.none())),
        st.builds("print({!r})".format, st.text(alphabet="`<>/codetinkpy\n ~'\"\\", max_size=20)),
        st.builds("for i in range({}):\n    print(i)".format, st.integers(0, 9)),
        st.builds("# {}\nf()".format, st.text(alphabet="abc `", max_size=10)),
    ),
    min_size=1,
    max_size=6,
).map("\n".join)


@settings(database=None, deadline=None, max_examples=150)
@given(code=STATEMENTS.filter(_parses), wrapper=st.sampled_from(WRAPPERS), margin=st.sampled_from(["", "  ", "\t"]))
def test_any_program(code: str, wrapper: str, margin: str) -> None:
    """Any program in any supported form comes back as it was, up to indentation of the whole."""
    assert read_program(wrapper.replace("{}", indent(code, margin))).code.strip() == dedent(code).strip()


PIECES = st.sampled_from(
    ["```", "```python\n", "```json\n", "~~~", "<code>", "</code>", "</code", "<think>", "</think>", "\n", " ", "x = 1", "print(",
     ")", '"', "'''", "{", '{"code": "', '"}', "Observation: ", "Code:", ">>> ", "\\", "\x00", "\ud800", "\ufeff", "a b", "<|im_end|>"]
)  # fmt: skip


@settings(database=None, deadline=None, max_examples=300)
@given(text=st.one_of(st.lists(PIECES, max_size=30).map("".join), st.text()), cut_off=st.booleans())
def test_never_raises_else(text: str, cut_off: bool) -> None:
    """Whatever the text, reading gives a program or a `ParseError`, and what is kept reads the same again."""
    try:
        program = read_program(text, cut_off=cut_off)
    except ParseError:
        return
    assert program.code.strip()
    assert len(program.said) <= len(text) + 20


@pytest.mark.parametrize(
    "piece", ["`", "<think>", "{", "```\n", "<code>", "</think>", "\n", " ", "x = 1\n", '{"a":', "Output:\n", "("]
)
def test_is_quick(piece: str) -> None:
    """A megabyte of anything is read, or refused, in about a second."""
    text = piece * (1_000_000 // len(piece))
    began = time.process_time()
    for reply in (text, f"{text}x y", f"```python\n{text}"):
        with pytest.raises(ParseError):
            read_program(reply, cut_off=True)
    assert time.process_time() - began < 6, "three replies, on a machine shared by many"


def test_tidy() -> None:
    """Without its thoughts, a reply is what the model said."""
    assert tidy("<think>hm</think>\n\nHello.\n") == "Hello."
    assert tidy("hm\n</think>Hello.") == "Hello."
    assert tidy("Hello.") == "Hello."
    assert tidy("I use no <think> here.") == "I use no <think> here."
