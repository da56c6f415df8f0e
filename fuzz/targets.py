"""What is fuzzed: `python -m fuzz.targets TARGET`, then options of libFuzzer and a folder for its corpus."""

from __future__ import annotations

import importlib
import json
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["codeling.sandbox"]):
    from codeling.errors import WireBroken
    from codeling.sandbox import frames
    from codeling.sandbox.inside import kinds, plain, values  # noqa: F401  # instrumented with the rest
    from codeling.sandbox.values import HostCodec

KINDS = (*values._READERS, "nothing", "")
KEYS = (
    "$",
    "v",
    "id",
    "side",
    "shown",
    "type",
    "name",
    "dtype",
    "shape",
    "size",
    "mode",
    "columns",
    "index",
    "tz",
    "text",
)
WORDS = (
    "host", "program", "posix", "path", "object", "int64", "<i8", "<U999999", "|S1", "M8[ns]", "category", "string",
    "datetime64[ns]", "datetime64[ns, UTC]", "RGB", "1", "P", "NaT", "NA", "Timedelta", "Timestamp", "Asia/Tokyo",
    "../../etc/passwd", "nan", "inf", "ff", "AAAA", "%", "1e9999", "a.B", "_fields", "__class__", "",
)  # fmt: skip
NUMBERS = (0, 1, -1, 2, 3, 2**31, 2**61 - 1, 2**63, -(2**63), 10**30, 0.5, -0.0, float("inf"), float("nan"), 1e308)


def frames_case(data: bytes) -> None:
    """Bytes, cut where the first one says, are frames of checked fields or WireBroken."""
    buffer, cut = frames.Buffer(), data[0] if data else 0
    codec = HostCodec()
    try:
        for chunk in (data[1 : 1 + cut], data[1 + cut :]):
            for frame in buffer.feed(chunk):
                _read_frame(codec, frame)
    except WireBroken:
        return


def _read_frame(codec: HostCodec, frame: Any) -> None:
    if frame["t"] == "call":
        assert type(frame["id"]) is int
        assert type(frame["name"]) is str
        for item in (*frame["args"], *frame["kw"].values()):
            _both_ways(codec, item)
    elif frame["t"] == "final":
        _both_ways(codec, frame["val"])
    elif frame["t"] == "out":
        frames.clean(frame["text"]).encode()


def values_case(data: bytes) -> None:
    """A tree of the codec's own kinds with whatever parts is a value or WireBroken."""
    tree = _tree(atheris.FuzzedDataProvider(data), 5)
    try:
        _both_ways(HostCodec(), tree)
    except WireBroken:
        return


def _both_ways(codec: HostCodec, tree: Any) -> None:
    value = codec.decode(tree)
    try:
        json.dumps(codec.encode(value))
    except ValueError:
        return


def _tree(dice: Any, depth: int) -> Any:
    kind = dice.ConsumeIntInRange(0, 9 if depth else 4)
    if kind == 0:
        return dice.PickValueInList([None, True, False])
    if kind == 1:
        return dice.PickValueInList(list(NUMBERS))
    if kind == 2:
        return dice.PickValueInList(list(WORDS))
    if kind == 3:
        return dice.ConsumeUnicode(8)
    if kind == 4:
        return dice.ConsumeInt(8)
    if kind <= 6:
        return [_tree(dice, depth - 1) for _ in range(dice.ConsumeIntInRange(0, 4))]
    made = {dice.PickValueInList(list(KEYS)): _tree(dice, depth - 1) for _ in range(dice.ConsumeIntInRange(0, 5))}
    if kind <= 8:
        made = {"v": _tree(dice, depth - 1), **made, "$": dice.PickValueInList(list(KINDS))}
    return made


TARGETS: dict[str, Callable[[bytes], None]] = {"frames": frames_case, "values": values_case}


def _seeds(folder: Path) -> None:
    """Write honest inputs to begin with."""
    import datetime as dt
    import decimal
    import fractions
    import uuid

    import numpy as np
    import pandas as pd
    from PIL import Image

    codec = HostCodec()
    honest = [
        1, "é", [1, (2, {3})], {"a": {1: 2}}, 10**40, float("nan"), b"x", 1j, dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
        dt.date(2020, 1, 1), dt.timedelta(1), decimal.Decimal("1.5"), fractions.Fraction(1, 3), uuid.UUID(int=1),
        Path("a"), range(3), slice(1), ..., np.arange(3), np.float32(1), np.array([1, "x"], dtype=object), Image.new("RGB", (1, 1)),
        pd.DataFrame({"a": [1], "b": ["x"]}), pd.Series([1.5], name="n"), pd.Timestamp("2020-01-01", tz="UTC"), pd.NaT, object(),
    ]  # fmt: skip
    for number, value in enumerate(honest):
        made = [
            {"t": "call", "id": 1, "name": "f", "args": [codec.encode(value)], "kw": {}},
            {"t": "final", "val": codec.encode(value)}, {"t": "out", "text": "x"}, {"t": "done", "id": 1, "err": None},
        ]  # fmt: skip
        raw = b"".join(struct.pack("<I", len(body)) + body for body in (json.dumps(frame).encode() for frame in made))
        (folder / f"seed-{number}").write_bytes(b"\x10" + raw)


def main() -> None:
    """Fuzz one target until libFuzzer's options say that it is enough."""
    target = TARGETS[sys.argv.pop(1)]
    for library in ("numpy", "pandas", "PIL.Image"):  # loading them is no case's time
        importlib.import_module(library)
    if target is frames_case:
        _seeds(Path(sys.argv[-1]))
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
