"""numpy, pandas and Pillow as data. They are looked for when encoding, and imported by name only to decode.

Where the library is not installed on the decoding side, an array comes as nested lists, a frame as a
dict of lists, and a picture as its size, mode and bytes.
"""

import base64
import contextlib
import functools
import math
import re

if "." in __name__:
    from codeling.sandbox.inside import plain
else:
    import plain

__all__ = ("LIBRARIES", "READERS")

_DTYPE = re.compile(r"[<>|=]?[?bBiufcmMSUV][0-9]{0,6}(\[[0-9]{0,4}(ns|us|ms|s|m|h|D|W|M|Y)\])?")
_PANDAS_DTYPE = re.compile(
    r"(object|bool|boolean|string(\[\w+\])?|str|category|u?int\d{1,2}|U?Int\d{1,2}|[Ff]loat\d{1,2}|complex\d{2,3}"
    r"|datetime64\[(ns|us|ms|s)(, (?!dateutil)\w[\w+:-]{0,30}(/\w[\w+:-]{0,30}){0,2})?\]|timedelta64\[(ns|us|ms|s)\])"
)
_MODES = {"1": 0.125, "L": 1, "P": 1, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4, "YCbCr": 3, "I": 4, "F": 4, "HSV": 3}
_NUMBERS = re.compile(r"[<>|=]?[?bBiufcmM]")
"""Columns that are written as one array."""
_TEXTS, _OTHERS = ("float", "missing"), ("float", "missing", "moment", "complex")
"""What items may be in columns of texts, and in those of numbers and moments: pandas makes them of anything else too,
and takes for ever to read dates in words or a decimal of a billion digits as a whole number."""
_MOST_SIDE, _MOST_EMPTY = 20000, 2000
"""Of a picture. One of no width has a pointer for each row all the same."""
_NO_ITEMS = 1 << 16
"""Lists that an array without items may turn into."""
_LEAST = 8
"""Bytes of a scalar that came as none: an empty text."""
_TABLE = 2048
"""What a column, an index or a picture counts beside its items: no value has more of them than the other side would read."""


def give_numpy(codec, value, kind, mro, depth):
    import numpy

    if isinstance(value, numpy.generic) and kind.__module__ == "numpy":
        held = numpy.asarray(value)
        return {"$": "scalar", "dtype": held.dtype.str, "v": base64.b64encode(held.tobytes()).decode("ascii")}
    if numpy.ndarray not in mro:
        return None
    array = numpy.ndarray.view(value, numpy.ndarray)
    if array.dtype.hasobject or array.dtype.names:
        items = [codec._encode(item, depth - 1) for item in array.ravel().tolist()]
        return {"$": "array", "dtype": "object", "shape": list(array.shape), "v": items}
    codec._spend(array.nbytes * 4 // 3)
    data = base64.b64encode(numpy.ascontiguousarray(array).tobytes()).decode("ascii")
    return {"$": "array", "dtype": array.dtype.str, "shape": list(array.shape), "v": data}


def give_pandas(codec, value, kind, mro, depth):
    import pandas

    if value is pandas.NaT or value is pandas.NA:
        return {"$": "missing", "v": "NaT" if value is pandas.NaT else "NA"}
    if isinstance(value, (pandas.Timestamp, pandas.Timedelta)):
        return {
            "$": "moment",
            "v": kind.__name__,
            "text": str(value.value),
            "tz": _zone_of(value),
        }
    if pandas.DataFrame in mro:
        columns = [_column(codec, value.iloc[:, i], depth) for i in range(value.shape[1])]
        names = [codec._encode(name, depth - 1) for name in value.columns.tolist()]
        return {"$": "frame", "v": columns, "columns": names, "index": _column(codec, value.index, depth)}
    if pandas.Series in mro:
        name = codec._encode(value.name, depth - 1)
        return {
            "$": "series",
            "v": _column(codec, value, depth),
            "name": name,
            "index": _column(codec, value.index, depth),
        }
    if isinstance(value, pandas.Index):
        return {"$": "index", "v": _column(codec, value, depth)}
    return None


def give_pillow(codec, value, kind, mro, depth):
    import PIL.Image

    if PIL.Image.Image not in mro:
        return None
    image = value if value.mode in _MODES and value.mode != "P" else value.convert("RGBA")
    data = image.tobytes()
    codec._spend(len(data) * 4 // 3 + _TABLE + 8 * image.size[1])
    return {
        "$": "image",
        "mode": image.mode,
        "size": list(image.size),
        "v": base64.b64encode(data).decode("ascii"),
    }


def _column(codec, held, depth):
    codec._spend(_TABLE)
    dtype = str(held.dtype)
    if held.dtype.kind in "biufcmM" and not hasattr(held.dtype, "na_value") and _DTYPE.fullmatch(held.dtype.str):
        return {
            "dtype": dtype,
            "v": give_numpy(codec, held.to_numpy(), None, type(held.to_numpy()).__mro__, depth),
        }
    items = held.tolist()
    for level in [items] if dtype == "category" else plain.levels_of(items) if hasattr(held, "nlevels") else []:
        codec._admit(plain.crowd_of_pandas(level))  # they are looked up where they are read
    items = [codec._encode(item, depth - 1) for item in items]
    return {"dtype": dtype if _PANDAS_DTYPE.fullmatch(dtype) else "object", "v": items}


def _bytes(tree):
    return plain.READERS["bytes"](None, tree, 0)


def _dtype(text):
    if type(text) is not str or not _DTYPE.fullmatch(text):
        raise plain.BadData("not a dtype")
    return text


def read_array(codec, tree, depth):
    shape = tree["shape"]
    if type(shape) is not list or len(shape) > 32 or any(type(n) is not int or n < 0 for n in shape):
        raise plain.BadData("not a shape")
    if 0 in shape and math.prod(n or 1 for n in shape) > _NO_ITEMS:
        raise plain.BadData("an array of nothing but shape")
    numpy = _module("numpy")
    if tree["dtype"] == "object":
        items = codec._items(tree, depth)
        if numpy is None:
            return _nested(items, shape)
        array = numpy.empty(len(items), dtype=object)
        array[:] = items if items else []
        for i, item in enumerate(items):
            array[i] = item
        return array.reshape(shape)
    data, dtype = _bytes(tree), _dtype(tree["dtype"])
    if numpy is None:
        return plain.Record("numpy.ndarray", {"dtype": dtype, "shape": shape, "data": data})
    held = numpy.frombuffer(data, dtype=dtype)
    return (held.view("u1") != 0 if held.dtype.kind == "b" else held.copy()).reshape(shape)


def read_scalar(codec, tree, depth):
    numpy, data = _module("numpy"), _bytes(tree)
    dtype = _dtype(tree["dtype"])
    if numpy is None:
        return plain.Record("numpy.generic", {"dtype": dtype, "data": data})
    if not data:
        if numpy.dtype(dtype).itemsize > _LEAST:
            raise plain.BadData("not a scalar")
        return numpy.zeros((), dtype=dtype)[()]
    held = numpy.frombuffer(data, dtype=dtype)
    if held.shape != (1,):
        raise plain.BadData("not a scalar")
    return held[0]


def read_column(codec, tree, depth):
    """Give a pandas Index or array-like and its dtype."""
    codec._toll()
    held, dtype = tree["v"], tree["dtype"]
    if type(dtype) is not str or not _PANDAS_DTYPE.fullmatch(dtype):
        raise plain.BadData("not a dtype")
    if type(held) is dict:
        if held.get("$") != "array" or not _NUMBERS.match(held["dtype"]) or dtype == "category":
            raise plain.BadData("not a column")
        return read_array(codec, held, depth), dtype
    if type(held) is not list:
        raise plain.BadData("not a column")
    if dtype not in ("object", "category"):
        _of_one_kind(held, texts=dtype.startswith("str"))
    with codec._comparing() if dtype == "category" else contextlib.nullcontext():
        items = plain.spread([codec._decode(item, depth) for item in held])
    codec._levels([items] if dtype == "category" else [])
    return items, dtype


def _of_one_kind(trees, texts):
    kinds = _TEXTS if texts else _OTHERS
    for tree in trees:
        if tree.get("$") not in kinds if type(tree) is dict else type(tree) is list or (type(tree) is str) != texts:
            if tree is not None:
                raise plain.BadData("not an item of such a column")


def read_labels(codec, tree, depth):
    """Give what names rows: a series has attributes of these names."""
    with codec._comparing():
        held, dtype = read_column(codec, tree, depth)
    if type(held) is list:
        codec._levels(plain.levels_of(plain.labels(held)))
    return held, dtype


def _series(pandas, column, index=None, name=None):
    held, dtype = column
    return pandas.Series(held, dtype=dtype, index=index, name=name)


def _index(pandas, column):
    held, dtype = column
    return pandas.Index(held, dtype=dtype)


def read_frame(codec, tree, depth):
    pandas = _module("pandas")
    columns = [read_column(codec, column, depth) for column in tree["v"]]
    with codec._comparing():
        names = plain.labels([codec._decode(name, depth) for name in tree["columns"]])
    codec._levels(plain.levels_of(names))
    index = read_labels(codec, tree["index"], depth)
    if len(names) != len(columns):
        raise plain.BadData("not a frame")
    if pandas is None:
        return {name: list(held) for name, (held, _) in zip(names, columns)}
    index = _index(pandas, index)
    if any(len(held) != len(index) for held, _ in columns):
        raise plain.BadData("columns of different lengths")
    frame = pandas.DataFrame({i: _series(pandas, column, index) for i, column in enumerate(columns)}, index=index)
    frame.columns = pandas.Index(names) if names else pandas.Index([], dtype="object")
    return frame


def read_series(codec, tree, depth):
    pandas = _module("pandas")
    column, index = read_column(codec, tree["v"], depth), read_labels(codec, tree["index"], depth)
    if pandas is None:
        return list(column[0])
    if len(column[0]) != len(index[0]):
        raise plain.BadData("not a series")
    return _series(pandas, column, _index(pandas, index), codec._decode(tree["name"], depth))


def read_index(codec, tree, depth):
    pandas, column = _module("pandas"), read_labels(codec, tree["v"], depth)
    return list(column[0]) if pandas is None else _index(pandas, column)


def read_moment(codec, tree, depth):
    pandas, number = _module("pandas"), int(plain.text(tree["text"]))
    if pandas is None:
        return number
    if tree["v"] == "Timedelta":
        return pandas.Timedelta(number)
    zone = plain.zone_of(None if tree["tz"] == "" else tree["tz"])
    if type(tree["tz"]) is str and zone is not None:
        _hold_zone(tree["tz"])
    return pandas.Timestamp(number, tz=zone)


def read_missing(codec, tree, depth):
    pandas = _module("pandas")
    return None if pandas is None else {"NaT": pandas.NaT, "NA": pandas.NA}[tree["v"]]


def read_image(codec, tree, depth):
    codec._toll()
    width, height = tree["size"]
    data, mode = _bytes(tree), tree["mode"]
    if (
        type(mode) is not str
        or mode not in _MODES
        or not all(type(n) is int and 0 <= n <= _MOST_SIDE for n in (width, height))
    ):
        raise plain.BadData("not a picture")
    size = (width + 7) // 8 * height if mode == "1" else int(_MODES[mode] * width * height)
    if len(data) != size or (not size and height > _MOST_EMPTY):
        raise plain.BadData("not the bytes of a picture of this size")
    if _module("PIL.Image") is None:
        return plain.Record("PIL.Image.Image", {"mode": mode, "size": (width, height), "data": data})
    import PIL.Image

    return (
        PIL.Image.frombytes(mode, (width, height), data) if width and height else PIL.Image.new(mode, (width, height))
    )


def _zone_of(moment):
    """A zone's name, or its offset in seconds where it has none; nothing where there is no zone."""
    zone = getattr(moment, "tz", None)
    if zone is None:
        return ""
    name = "UTC" if str(zone) == "UTC" else getattr(zone, "key", None) or getattr(zone, "zone", None)
    return name if type(name) is str else moment.utcoffset().total_seconds()


@functools.lru_cache(1024)
def _hold_zone(name):
    """Have a zone's file read once: pandas wants it as Python's own class, and reads it anew where nobody holds one."""
    import zoneinfo._zoneinfo

    return zoneinfo._zoneinfo.ZoneInfo(name)


def _module(name):
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _nested(items, shape):
    for size in reversed(shape[1:]):
        items = [items[i : i + size] for i in range(0, len(items), size)] if size else []
    return items


LIBRARIES = [("numpy", give_numpy), ("pandas", give_pandas), ("PIL.Image", give_pillow)]
"""What gives the values of each library, where a program or the host has loaded it."""
READERS = {
    "array": read_array,
    "scalar": read_scalar,
    "frame": read_frame,
    "series": read_series,
    "index": read_index,
    "moment": read_moment,
    "missing": read_missing,
    "image": read_image,
}
