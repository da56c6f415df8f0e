"""Tools that ask the user, run Python for JSON agents, and listen."""

from __future__ import annotations

import io
import subprocess
import sys
import wave
from typing import Any

import pytest

from codeling import Audio, FinalAnswerTool, PythonInterpreterTool, SpeechToTextTool, ToolCallingAgent, UserInputTool
from codeling.messages import ToolCall
from codeling.testing import ScriptedModel


def test_the_user_is_asked_at_the_terminal() -> None:
    """The question is shown and what is typed comes back; without a terminal the program is told."""
    code = "from codeling import UserInputTool\nprint('got', UserInputTool()('Which?'))"
    typed = subprocess.run(
        [sys.executable, "-c", code], input="the red\n", capture_output=True, text=True, check=False, timeout=60
    )
    alone = subprocess.run(
        [sys.executable, "-c", code], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60
    )

    assert typed.stdout == "Which? => Type your answer here: got the red\n"
    assert "EOFError: nobody is at the terminal" in alone.stderr
    assert UserInputTool(lambda question: f"{question}!")("Now") == "Now!"


def call(name: str, **arguments: Any) -> list[ToolCall]:
    return [ToolCall(id="a", name=name, kwargs=arguments)]


def test_a_json_agent_runs_python() -> None:
    """What is printed and the last value come back; each call is fresh; errors are told; the answer ends the run."""
    model = ScriptedModel([
        call("python_interpreter", code="x = 6\nprint('hi')\nx * 7"), call("python_interpreter", code="x"),
        call("python_interpreter", code="open('/etc/shadow')"), call("python_interpreter", code="import pandas"),
        call("final_answer", answer="done"),
    ])  # fmt: skip
    agent = ToolCallingAgent([PythonInterpreterTool(authorized_imports=["numpy"]), FinalAnswerTool()], model)
    result = agent.run("Compute.", return_full_result=True)
    said = [str(event) for event in result.events if type(event).__name__ == "ToolCallFinished"]

    assert "Stdout:\\nhi\\nOutput: 42" in said[0]
    assert "NameError" in said[1]
    assert "Error" in said[2]
    assert "pandas" in said[3]
    assert result.output == "done"


def test_a_program_that_does_not_end_is_stopped() -> None:
    """The time-out is the tool's own, and the run goes on."""
    model = ScriptedModel([call("python_interpreter", code="while True: pass"), "It hangs."])
    result = ToolCallingAgent([PythonInterpreterTool(timeout_seconds=0.5)], model).run("Go.", return_full_result=True)

    assert "0.5 s" in str(result.events)
    assert result.output == "It hangs."


def sound(seconds: float = 0.1, width: int = 2) -> bytes:
    """A WAV file of silence, in stereo."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(width)
        file.setframerate(16_000)
        file.writeframes(b"\0" * int(seconds * 16_000) * 2 * width)
    return buffer.getvalue()


def test_sound_is_given_to_a_pipeline_as_it_takes_it() -> None:
    """A WAV becomes one channel of samples with their rate; paths and other things are refused; no weights are fetched."""
    heard: list[Any] = []

    def hear(given: Any) -> dict[str, str]:
        heard.append(given)
        return {"text": " hello "}

    tool = SpeechToTextTool(pipeline=hear)

    assert tool(Audio(sound())) == tool(sound()) == "hello"
    assert (heard[0]["raw"].shape, heard[0]["sampling_rate"]) == ((1600,), 16_000)
    with pytest.raises(TypeError, match="bytes of a file"):
        tool("/etc/passwd")
    with pytest.raises(ValueError, match="16 bits"):
        tool(sound(width=1))
    with pytest.raises(ValueError, match="cannot be read"):
        tool(b"RIFFxxxx")
