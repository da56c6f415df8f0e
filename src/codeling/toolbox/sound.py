"""Speech made into text by a model in this process."""

from __future__ import annotations

import io
import wave
from collections.abc import Mapping
from typing import Any

from ..errors import UsageError
from ..forms.libraries import needed
from ..messages import Audio
from ..tools import Effect, Tool

__all__ = ("SpeechToTextTool",)


class SpeechToTextTool(Tool):
    """Transcribes sound with a model of the Hub by `transformers`, or with `pipeline`, a function of one's own.

    The weights are loaded at the first call. A WAV file is read here; other formats need `ffmpeg`. `options` go
    to `transformers.pipeline`, such as `device`; sound of any length is taken in pieces of half a minute.
    """

    name = "transcriber"
    description = "Transcribe speech. Gives the text that is spoken."
    inputs: Mapping[str, Mapping[str, Any]] = {
        "audio": {"type": "audio", "description": "the sound: the bytes of an audio file, such as a WAV"}
    }
    output_type = "string"
    effect: Effect = "read"

    def __init__(
        self, model: str = "openai/whisper-large-v3-turbo", *, pipeline: Any = None, **options: Any
    ) -> None:  # fmt: skip
        self._model, self._pipeline, self._options = model, pipeline, options

    def setup(self) -> None:
        """Load the model."""
        if self._pipeline is None:
            transformers = needed("transformers", extra="transformers", by="SpeechToTextTool")
            task, whole = "automatic-speech-recognition", {"chunk_length_s": 30, "ignore_warning": True}
            self._pipeline = transformers.pipeline(task, model=self._model, **{**whole, **self._options})

    def forward(self, audio: Any) -> str:
        """Give the text. Raises ValueError or TypeError for what is no sound."""
        reader = getattr(self._pipeline, "feature_extractor", None)
        result = self._pipeline(_sound(audio, rate=getattr(reader, "sampling_rate", None)))
        return str(result["text"] if isinstance(result, Mapping) else result).strip()


def _sound(audio: Any, *, rate: int | None) -> Any:
    """Sound as a pipeline takes it, at its rate. A path is refused: a program's paths are not those of this machine."""
    data = audio.data if isinstance(audio, Audio) else audio
    if not isinstance(data, (bytes, bytearray)):
        raise TypeError(f"audio is the bytes of a file, open(path, 'rb').read(), not {type(audio).__name__!r}")
    if data[:4] != b"RIFF":
        return bytes(data)
    try:
        with wave.open(io.BytesIO(data)) as file:
            width, channels, given = file.getsampwidth(), file.getnchannels(), file.getframerate()
            frames = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise ValueError(f"the WAV file cannot be read: {error}") from None
    if width != 2:
        raise ValueError(f"a WAV file with samples of 16 bits is read, not of {8 * width}")
    try:
        import numpy as np
    except ImportError as error:
        raise UsageError("SpeechToTextTool needs numpy: pip install numpy") from error
    samples = np.frombuffer(frames, dtype="<i2").reshape(-1, channels).mean(axis=1) / 32768
    if rate and rate != given and len(samples):
        samples, given = _resampled(samples, round(len(samples) * rate / given)), rate
    return {"raw": samples.astype("float32"), "sampling_rate": given}


def _resampled(samples: Any, count: int) -> Any:
    """The same sound in so many samples, by torch's filter: `transformers` would want torchaudio for it."""
    torch = needed("torch", extra="transformers", by="SpeechToTextTool")
    line = torch.from_numpy(samples).reshape(1, 1, 1, -1)
    size, smooth = (1, max(1, count)), {"mode": "bicubic", "antialias": True, "align_corners": False}
    return torch.nn.functional.interpolate(line, size, **smooth).reshape(-1).numpy()
