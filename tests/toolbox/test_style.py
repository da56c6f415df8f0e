"""Tools in the style of `inputs`, `output_type`, `forward` and `setup`, as other frameworks have them."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

import pytest

from codeling import CodeAgent, Tool, UsageError
from codeling.testing import ScriptedModel


class Slow(Tool):
    """Prepares itself slowly, and counts."""

    name = "slow"
    description = "Give how often it was prepared."
    inputs: Mapping[str, Mapping[str, Any]] = {"add": {"type": "integer", "description": "to add", "nullable": True}}
    output_type = "integer"
    prepared = 0

    def setup(self) -> None:
        """Take a while."""
        time.sleep(0.1)
        self.prepared += 1

    def forward(self, add: int | None = None) -> int:
        """Give it."""
        return self.prepared + (add or 0)


def test_setup_runs_once_before_the_first_call_from_many_threads() -> None:
    """Making and describing a tool prepares nothing; the first of many calls at once does, and only it."""
    tool, seen = Slow(), list[int]()
    assert tool.stub.startswith("def slow(add: int | None = None) -> int:")
    assert tool.prepared == 0
    threads = [threading.Thread(target=lambda: seen.append(tool())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert seen == [1] * 8
    code = "import asyncio\nfinal_answer(await asyncio.gather(slow(1), slow(add='2'), slow(None), slow()))"
    assert list(CodeAgent([Slow()], ScriptedModel([f"```python\n{code}\n```"])).run("Go.")) == [2, 3, 1, 1]


class Broken(Slow):
    """Cannot prepare itself at first."""

    def setup(self) -> None:
        """Fail once."""
        self.prepared += 1
        if self.prepared == 1:
            raise OSError("no connection")


def test_a_setup_that_fails_is_tried_again() -> None:
    """The error is the call's, and the next call prepares anew."""
    replies = ["```python\nslow()\n```", "```python\nfinal_answer(slow())\n```"]
    result = CodeAgent([Broken()], ScriptedModel(replies)).run("Go.", return_full_result=True)

    assert "OSError: no connection" in str(result.steps[0].error)
    assert result.output == 2


class Picture(Tool):
    """Takes and gives pictures, as an `image`."""

    name = "flip"
    description = "Flip a picture."
    inputs: Mapping[str, Mapping[str, Any]] = {"picture": {"type": "image", "description": "a picture"}}
    output_type = "image"

    def forward(self, picture: Any) -> Any:
        """Flip it."""
        return picture.rotate(90, expand=True)


def test_pictures_go_to_a_tool_and_come_back() -> None:
    """An `image` is a picture of Pillow on both sides."""
    code = "from PIL import Image\nfinal_answer(flip(Image.new('RGB', (3, 5))).size)"

    assert CodeAgent([Picture()], ScriptedModel([f"```python\n{code}\n```"])).run("Go.") == (5, 3)


@pytest.mark.parametrize(
    ("inputs", "why"),
    [
        (
            {"text": {"type": "string", "description": "d"}},
            r"inputs\['text'\] is no argument of its `forward`, which takes add",
        ),
        ({"add": {"type": "interger", "description": "d"}}, r"the type 'interger', .*; write 'integer'"),
        ({"add": {"type": "int", "description": "d"}}, r"the type 'int', which JSON does not have; write 'integer'"),
        ({"add": "integer"}, "must be a dict with a 'type' and a 'description'"),
        ({"add": {"description": "d"}}, "must be a dict with a 'type'"),
    ],
)
def test_wrong_inputs_are_refused_with_what_to_write(inputs: Any, why: str) -> None:
    """When an agent is made, not when the tool is called."""
    tool = Slow()
    tool.inputs = inputs

    with pytest.raises(UsageError, match=why):
        CodeAgent([tool], ScriptedModel([]))


def test_a_nullable_input_needs_a_default() -> None:
    """Otherwise a call that leaves it out would fail."""

    class Needs(Slow):
        def forward(self, add: int) -> int:  # type: ignore[override]  # what is refused
            return add

    with pytest.raises(UsageError, match=r"give it a default: `add=None`"):
        CodeAgent([Needs()], ScriptedModel([]))
