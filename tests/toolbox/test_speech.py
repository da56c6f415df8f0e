"""Speech made into text by real weights: Whisper's smallest, of a voice that espeak-ng reads at 22,050 Hz."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from codeling import CodeAgent, SpeechToTextTool
from codeling.testing import ScriptedModel
from scripts import whisper

pytest.importorskip("transformers", reason="pip install 'codeling[transformers]'")
pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # of transformers, at its first import
    pytest.mark.timeout(300),
    pytest.mark.skipif(not (whisper.home() / "model.safetensors").is_file(), reason="no weights: make services"),
    pytest.mark.skipif(not shutil.which("espeak-ng"), reason="nobody speaks: apt-get install espeak-ng"),
]
PARIS = "Paris is the capital of France."


def spoken(text: str, folder: Path) -> bytes:
    """Give a WAV file of a voice that reads the text."""
    path = folder / "spoken.wav"
    subprocess.run(["espeak-ng", "-v", "en-us", "-s", "140", "-w", str(path), text], check=True, timeout=60)
    return path.read_bytes()


def test_a_program_has_speech_transcribed(tmp_path: Path) -> None:
    """At a rate that is not the model's, and for longer than the half minute that it hears at once."""
    tool = SpeechToTextTool(str(whisper.home()))
    replies = ["```python\nprint(transcriber(short))\n```", "```python\nfinal_answer(transcriber(audio=long))\n```"]
    apples = " ".join(f"{number} apples are on the table." for number in range(2, 18))
    sounds = {"short": spoken(PARIS, tmp_path), "long": spoken(f"{PARIS} {apples} Nobody knows.", tmp_path)}
    result = CodeAgent([tool], ScriptedModel(replies)).run(
        "Transcribe.", additional_args=sounds, return_full_result=True
    )

    assert len(sounds["long"]) > 2 * 22_050 * 32
    assert result.steps[0].output.strip() == PARIS
    assert "the capital" in result.output
    assert "apples are on the table. " in result.output
    assert "nobody knows" in result.output.lower()
