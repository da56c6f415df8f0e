"""Values as data: what goes over the wire comes back as it was, and nothing hostile gets further than an error."""

from __future__ import annotations

import copy
import dataclasses
import datetime
import decimal
import enum
import fractions
import json
import math
import pathlib
import random
import subprocess
import sys
import uuid
import zoneinfo
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from codeling import WireBroken
from codeling.sandbox.inside.values import BadData, Codec, Unencodable
from codeling.sandbox.values import Handle, HostCodec, Record


@dataclasses.dataclass(frozen=True)
class Point:
    """A point."""

    x: int
    labels: list[str]


class Colour(enum.Enum):
    """A colour."""

    RED = "r"
    BLUE = (1, 2)


class Level(enum.IntEnum):
    """A level."""

    LOW = 1


ZONES = st.sampled_from(
    [None, datetime.UTC, datetime.timezone(datetime.timedelta(hours=-3)), zoneinfo.ZoneInfo("Asia/Tokyo")]
)
HASHABLE = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(st.characters()), st.binary(max_size=20),
    st.complex_numbers(allow_nan=False), st.dates(), st.times(), st.datetimes(timezones=ZONES), st.timedeltas(),
    st.decimals(allow_nan=False), st.fractions(), st.uuids(), st.sampled_from([*Colour, *Level, datetime.UTC, ...]),
    st.builds(pathlib.PurePosixPath, st.sampled_from(["a", "/b/c", "d e"])), st.builds(range, st.integers(-9, 9), st.integers(-99, 99)),
)  # fmt: skip
VALUES = st.recursive(
    HASHABLE,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(HASHABLE, inner, max_size=4),
        st.dictionaries(st.text(max_size=4) | st.just("$"), inner, max_size=4),
        st.sets(HASHABLE, max_size=4),
        st.frozensets(HASHABLE, max_size=4),
        st.builds(Point, st.integers(), st.lists(st.text(max_size=3), max_size=2)),
    ),
    max_leaves=12,
)


CYCLE: list[Any] = []
CYCLE.append(CYCLE)


def crossed(value: Any, *, back: bool = True) -> Any:
    """Send a value from the host to a program's side, and back."""
    host, program = HostCodec(), Codec(side="program", trusting=True)
    there = program.decode(json.loads(json.dumps(host.encode(value))))
    return host.decode(json.loads(json.dumps(program.encode(there)))) if back else there


@given(VALUES)
@settings(max_examples=300, deadline=None)
def test_values_come_back_as_they_were(value: Any) -> None:
    """Every kind of the contract crosses both ways with its type and its value."""
    back = crossed(value)

    assert back == value
    assert type(back) is type(value)


@given(st.floats())
def test_floats_come_back_with_their_sign_and_nan(value: float) -> None:
    """Also nan, infinities and minus zero."""
    back = crossed(value)

    assert (
        math.isnan(back) if math.isnan(value) else (back == value and math.copysign(1, back) == math.copysign(1, value))
    )


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6).reshape(2, 3), np.zeros((0, 3)), np.array(5.5), np.array(["ab", "c"]), np.array([b"x"]),
        np.array([1, "x", None, [2]], dtype=object), np.array(["2020-01-01"], dtype="M8[D]"), np.array([True, False]),
        np.arange(8)[::2], np.asfortranarray(np.arange(6).reshape(2, 3)), np.array([1 + 2j], dtype="c8"),
    ],
)  # fmt: skip
def test_arrays_come_back(array: Any) -> None:
    """An array keeps its dtype, its shape and its items."""
    back = crossed(array)

    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert back.tolist() == array.tolist()


@pytest.mark.parametrize(
    "scalar", [np.float32(1.5), np.int64(-3), np.bool_(True), np.datetime64("2020-01-01T01", "h"), np.str_("x")]
)
def test_numpy_scalars_come_back(scalar: Any) -> None:
    """A numpy scalar stays one."""
    assert type(crossed(scalar)) is type(scalar)
    assert crossed(scalar) == scalar


def test_frames_come_back() -> None:
    """A frame keeps its columns' dtypes, its index and what is missing."""
    moments = pd.to_datetime(["2020-01-01", "2021-01-01"])
    frame = pd.DataFrame(
        {
            "whole": [1, 2], "text": ["x", None], "time": moments, "zone": moments.tz_localize("Europe/Berlin"),
            "kind": pd.Categorical(["u", "v"]), "maybe": pd.array([1, None], dtype="Int64"), 3: [1.5, float("nan")],
            "string": pd.array(["p", None], dtype="string"), "span": pd.to_timedelta(["1s", "2D"]), "list": [[1], {"a": 2}],
        },
        index=["r", "s"],
    )  # fmt: skip

    pd.testing.assert_frame_equal(crossed(frame), frame)
    pd.testing.assert_series_equal(crossed(frame["kind"]), frame["kind"])
    pd.testing.assert_index_equal(crossed(frame.index), frame.index)
    pd.testing.assert_frame_equal(crossed(pd.DataFrame({"a": []})), pd.DataFrame({"a": []}))
    for moment in (pd.Timestamp("2020-01-01", tz="Europe/Berlin"), pd.Timedelta("1s"), pd.NaT, pd.NA):
        assert crossed(moment) is moment or crossed(moment) == moment


@pytest.mark.parametrize(
    "zone", ["+01:00", datetime.timezone(datetime.timedelta(minutes=-90)), "UTC", "EST", "Asia/Tokyo"]
)
def test_moments_keep_zones_that_have_no_name(zone: Any) -> None:
    """A moment as ISO 8601 writes it has an offset and no name; alone, in a column and as an index."""
    moment = pd.Timestamp("2020-05-05 10:00", tz=zone)
    frame = pd.DataFrame({"at": [moment, pd.NaT]}, index=[moment, moment])

    assert str(crossed(moment)) == str(moment)
    pd.testing.assert_frame_equal(crossed(frame), frame)


def test_a_zone_is_read_once() -> None:
    """However often its name comes: reading a zone's file takes a thousand times as long as reading its name."""
    code = """
import sys, zoneinfo
import pandas
from codeling.sandbox.values import HostCodec
zones = sorted(name for name in zoneinfo.available_timezones() if name.startswith("Europe/") and name.count("/") == 1)[:40]
nothing = [{"$": "moment", "v": "Timestamp", "text": str(-1 << 63), "tz": name} for name in zones]
moments = [dict(item, text="5") for item in nothing]
opened = []
sys.addaudithook(lambda event, args: opened.append(args[0]) if event == "open" and "zoneinfo/Europe" in str(args[0]) else None)
HostCodec().decode((nothing + moments) * 20)
print(len(zones), max(map(opened.count, opened)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    zones, reads = map(int, done.stdout.split())

    assert zones == 40
    assert reads <= 2  # once for each of the two classes of zones that pandas uses


def test_pictures_come_back() -> None:
    """A picture keeps its mode, its size and its bytes."""
    for mode in ("1", "L", "RGB", "RGBA", "F"):
        image = Image.new(mode, (5, 3), 1)
        back = crossed(image)
        assert (back.mode, back.size, back.tobytes()) == (image.mode, image.size, image.tobytes())


def test_an_object_that_is_no_data_comes_back_as_itself() -> None:
    """On the other side it is opaque; sent back, it is the very same object."""
    host, program = HostCodec(), Codec(side="program", trusting=True)
    thing, function = object(), lambda: None
    there = program.decode(json.loads(json.dumps(host.encode({"a": thing, "b": [thing, function]}))))
    back = host.decode(json.loads(json.dumps(program.encode(there))))

    assert back["a"] is back["b"][0] is thing
    assert back["b"][1] is function
    assert isinstance(there["a"], Handle)
    with pytest.raises(AttributeError, match="lives on the other side"):
        there["a"].close()


def test_what_a_program_defines_is_inert_on_the_host() -> None:
    """Instances of unknown classes are records there, and instances again when they come back."""

    @dataclasses.dataclass
    class Mine:
        a: int

    host, program = HostCodec(), Codec(side="program", trusting=True)
    seen = host.decode(program.encode([Mine(1), Colour.RED]))

    assert isinstance(seen[0], Record)
    assert seen[0].a == 1
    assert "Mine(a=1)" in repr(seen[0])
    assert isinstance(seen[1], Record)
    assert program.decode(host.encode(seen[0])) == Mine(1)


def test_a_class_that_is_made_anew_is_one_class() -> None:
    """Two members of a host's enum are equal and identical in the program; an IntEnum is an int there."""
    host, program = HostCodec(), Codec(side="program", trusting=True)
    first, second = (program.decode(host.encode(Colour.RED)) for _ in range(2))

    assert first is second
    assert program.decode(host.encode(Level.LOW)) + 1 == 2


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (CYCLE, "refers to itself"),
        ({"inner": CYCLE}, "refers to itself"),
        (eval("[" * 80 + "]" * 80), "nested deeper"),  # a deep list, written short
        ("x" * (20 << 20), "larger than"),
        (b"x" * (20 << 20), "larger than"),
        ([0] * 3_000_000, "larger than"),
        (np.zeros(4_000_000), "larger than"),
        (1 << (1 << 28), "larger than"),
    ],
    ids=["list", "dict", "deep", "text", "bytes", "items", "array", "int"],
)
def test_what_cannot_cross_is_refused_with_the_reason(value: Any, why: str) -> None:
    """Cycles, depth and size have clear errors, before anything large is built."""
    with pytest.raises(Unencodable, match=why):
        HostCodec().encode(value)


def test_no_method_of_a_strange_class_is_called() -> None:
    """Encoding looks past what a class says of itself."""

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise SystemExit("called")

    names = (
        "__repr__ __str__ __eq__ __hash__ __iter__ __len__ __reduce__ __getattr__ __bool__ __format__ __index__".split()
    )
    hooks = dict.fromkeys(names, refuse) | {"__class__": property(lambda self: str)}
    codec = Codec(side="program", trusting=True)
    for base in (object, str, int, float, list, dict, tuple, set, Exception):
        strange = type("Strange", (base,), hooks)
        assert codec.encode([object.__new__(strange) if base is object else base.__new__(strange)]) is not None


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["$", "v", "id", "side", "shape", "dtype", "type", "name", "size", "mode", "a"]),
            inner,
            max_size=6,
        )
    ),
    max_leaves=10,
)


@given(TREES)
@settings(max_examples=400, deadline=None)
def test_any_tree_is_a_value_or_an_error(tree: Any) -> None:
    """Decoding on the host raises nothing but WireBroken, whatever comes."""
    try:
        HostCodec().decode(tree)
    except WireBroken:
        pass


@given(VALUES, st.integers(0, 2**32))
@settings(max_examples=300, deadline=None)
def test_a_spoilt_tree_is_a_value_or_an_error(value: Any, seed: int) -> None:
    """Nor does the data of a real value with one part exchanged for another."""
    tree, dice = HostCodec().encode(value), random.Random(seed)
    spots: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        for key, item in (
            list(node.items()) if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        ):
            spots.append((node, key))
            walk(item)

    tree = copy.deepcopy(tree)
    walk(tree)
    if spots:
        node, key = dice.choice(spots)
        node[key] = dice.choice(
            [None, -1, 10**30, "x", [], {}, {"$": "handle", "side": "host", "id": 1, "shown": ""}, "9" * 5000, 1e308]
        )
    try:
        HostCodec().decode(tree)
    except WireBroken:
        pass


def test_hostile_trees() -> None:
    """Sizes that lie, numbers that explode and names that are none are refused."""
    data = "AAAA"
    for tree in (
        {"$": "array", "dtype": "<f8", "shape": [10**9, 10**9], "v": data}, {"$": "array", "dtype": "O", "shape": [1], "v": data},
        {"$": "array", "dtype": "<f8", "shape": [-1], "v": data}, {"$": "image", "mode": "RGB", "size": [10**9, 10**9], "v": data},
        {"$": "fraction", "v": [1, 0]}, {"$": "set", "v": [[]]}, {"$": "handle", "side": "host", "id": 1, "shown": "x"},
        {"$": "datetime", "v": [[1, 1, 1], 0, "../../etc/passwd"]}, {"$": "int", "v": "zz"}, {"$": "bytes", "v": "%"},
        {"$": "range", "v": [0, 1, 0]}, {"$": "path", "v": ["posix", "a\0b"]}, {"$": "nope"}, {"$": ["list"]}, {"$": "tuple"},
        {"$": "frame", "v": [{"dtype": "object", "v": [1]}], "columns": [], "index": {"dtype": "object", "v": []}},
    ):  # fmt: skip
        with pytest.raises(WireBroken):
            HostCodec().decode(tree)  # type: ignore[arg-type]  # hostile on purpose
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(WireBroken):
        HostCodec().decode(deep)
    assert issubclass(BadData, ValueError)


@given(VALUES)
@settings(max_examples=100, deadline=None)
def test_equal_arguments_have_one_fingerprint(value: Any) -> None:
    """The key of equality does not depend on the codec, the order of sets, or the time."""
    assert HostCodec().fingerprint(value) == HostCodec().fingerprint(crossed(value))


def test_dates_of_fixed_offsets_and_decimals_are_exact() -> None:
    """Nothing is rounded on the way."""
    value = [
        datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(minutes=-210))), decimal.Decimal("1.10"),
        fractions.Fraction(10**40, 3), uuid.UUID(int=5), -0.0, 10**400,
    ]  # fmt: skip

    assert repr(crossed(value)) == repr(value)
