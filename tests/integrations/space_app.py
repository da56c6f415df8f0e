"""A Gradio app such as a Space runs, started by the tests as a process of its own: `space_app.py PORT APP`.

Beside it runs the file APP as it is, on the port of its environment: Gradio takes long to import.
"""

from __future__ import annotations

import runpy
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio


def greet(name: str, times: float, loud: bool, style: str) -> str:
    """Greet somebody so many times."""
    text = f"{style} {name}! " * int(times)
    return text.upper().strip() if loud else text.strip()


def turn(picture: Any) -> Any:
    """Turn a picture by a quarter."""
    return picture.rotate(90, expand=True)


def look(picture: Any, note: str) -> tuple[str, float, Any]:
    """Say what a picture is."""
    return f"{note}: {picture.mode}", float(picture.width), {"size": list(picture.size)}


def shout_file(path: str) -> str:
    """Give a text file in capitals."""
    made = Path(path).with_suffix(".loud.txt")
    made.write_text(Path(path).read_text().upper())
    return str(made)


def fail(text: str) -> str:
    """Fail, with a word to the user or without."""
    if text:
        raise gradio.Error(text)
    return str(1 // 0)


def slow(seconds: float) -> str:
    """Take a while."""
    time.sleep(seconds)
    return "done"


def steps(number: float) -> Iterator[str]:
    """Tell of each step."""
    for step in range(int(number)):
        yield f"step {step + 1}"


def hello(text: str) -> dict[str, Any]:
    """Give back any JSON."""
    return {"given": text}


def app() -> Any:
    """All of it on one page."""
    with gradio.Blocks(analytics_enabled=False) as page:
        name, times, loud = (
            gradio.Textbox(label="Who"),
            gradio.Number(2, label="How often"),
            gradio.Checkbox(False, label="Loud"),
        )
        style = gradio.Dropdown(["Hello", "Bye"], value="Hello", label="How")
        said, number, json_ = gradio.Textbox(), gradio.Number(), gradio.JSON()
        picture, turned = gradio.Image(type="pil", label="Picture"), gradio.Image(type="pil", format="png")
        given, made = gradio.File(type="filepath"), gradio.File()
        gradio.Button().click(greet, [name, times, loud, style], said, api_name="greet")
        gradio.Button().click(turn, picture, turned, api_name="turn")
        gradio.Button().click(look, [picture, name], [said, number, json_], api_name="look")
        gradio.Button().click(shout_file, given, made, api_name="shout_file")
        gradio.Button().click(fail, name, said, api_name="fail")
        gradio.Button().click(slow, times, said, api_name="slow")
        gradio.Button().click(steps, times, said, api_name="steps")
        gradio.Button().click(hello, name, json_, api_name="hello")
    return page


if __name__ == "__main__":
    app().queue().launch(server_name="127.0.0.1", server_port=int(sys.argv[1]), quiet=True, prevent_thread_lock=True)
    runpy.run_path(sys.argv[2], run_name="__main__")
