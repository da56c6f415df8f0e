"""Values of the standard library as data, and what stands in for objects that are no data."""

import base64
import binascii
import datetime
import decimal
import fractions
import functools
import itertools
import math
import pathlib
import re
import uuid

__all__ = (
    "PLAIN",
    "READERS",
    "BadData",
    "Gone",
    "Handle",
    "Record",
    "Unencodable",
    "labels",
    "spread",
    "text",
    "zone_of",
)

MOST_DIGITS = 1 << 20
MOST_BITS = 1 << 17
"""Of the parts of a fraction or a range: what it takes to cancel or divide them grows with the square."""
_LONG = 1 << 8
"""Digits in hexadecimal beyond which a whole number is long to compare with a decimal."""
_FEW_KEYS, MOST_KEYS = 1 << 8, 1 << 15
"""Keys that are no texts in a table that counts, and in the largest: they can be chosen so that each is looked for
where all the others are, so a value may have one table of so many, or more of fewer with no more pairs of keys in all."""
_OF_PANDAS = 8
"""How many times as long pandas takes to look up a key, and it has a hash of its own."""
MOST_ALIKE = 64
"""Keys of one hash: what it takes to look one up grows with them, and a hash without a secret can be aimed at."""

_LONGEST_PATH = 1 << 16
"""Characters of a path: each part of it becomes an item of a list, and more than once."""

_POINTER = re.compile(r"__\w*array\w*__")


class Unencodable(ValueError):
    """A value that cannot cross."""

    __module__ = "builtins"  # so that a traceback names it as a program does


class BadData(ValueError):
    """A tree that no codec wrote."""


class Handle:
    """An object that lives on the other side. It can be passed on, returned and compared, nothing more."""

    __slots__ = ("_number", "_owner", "_shown")

    def __init__(self, owner, number, shown):
        self._owner, self._number, self._shown = owner, number, shown

    def __repr__(self):
        return self._shown

    def __getattr__(self, name):
        raise AttributeError(
            "{} lives on the other side: it can be given to tools and returned, but has no {!r} here".format(
                self._shown, name
            )
        )

    def __eq__(self, other):
        return type(other) is Handle and other._owner is self._owner and other._number == self._number

    def __hash__(self):
        return hash(self._number)


class Gone:
    """Stands for an object of a process that has ended, in what is read of its run. It can be passed on and compared."""

    __slots__ = ("_shown",)
    is_gone = True

    def __init__(self, shown):
        self._shown = shown

    def __repr__(self):
        return self._shown

    def __getattr__(self, name):
        raise AttributeError(
            "{} was an object of a process that has ended, and has no {!r} any more".format(self, name)
        )


class Record:
    """The fields of an object whose class is not known on this side."""

    __slots__ = ("__dict__", "_type")  # whatever the fields are called, they cover neither

    def __init__(self, type_name, fields):
        self._type = type_name
        self.__dict__.update(fields)

    def __repr__(self):
        shown = ", ".join("{}={!r}".format(name, value) for name, value in self.__dict__.items())
        return "{}({})".format(self._type.rpartition(".")[2], shown)

    def __eq__(self, other):
        return type(other) is Record and (self._type, self.__dict__) == (other._type, other.__dict__)

    __hash__ = None


def spread(keys):
    """Give the keys, if the hashes of different ones are as different as honest ones. Raises BadData."""
    if len(keys) > MOST_ALIKE:
        seen = {}
        for key in keys:
            if type(key) is not str and type(key) is not bytes:  # these have a secret in their hash
                try:  # under a hash of that hash, which has a secret: nobody can aim at what is looked up here
                    alike = seen.setdefault(hash(("keys", hash(key))), [key, 0])
                except TypeError:  # a column may hold what cannot be looked up
                    continue
                if key is not alike[0] and key != alike[0]:
                    alike[1] += 1
                    if alike[1] > MOST_ALIKE:
                        raise BadData("too many keys of one hash")
    return keys


def crowd(keys):
    """How many pairs of a large table's keys are no texts, whose hash has a secret."""
    return sum(type(key) is not str and type(key) is not bytes for key in keys) ** 2 if len(keys) > _FEW_KEYS else 0


def crowd_of_pandas(keys):
    """The same for what pandas looks up, which may hold a key more than once."""
    if len(keys) <= _FEW_KEYS:
        return 0
    different = {hash(("keys", hash(key))) for key in keys if type(key) is not str and type(key) is not bytes}
    return _OF_PANDAS * len(different) ** 2 if len(different) > _FEW_KEYS else 0


def levels_of(items):
    """The parts of labels that have several, level by level."""
    return list(itertools.zip_longest(*(item for item in items if type(item) is tuple)))


def labels(names):
    """Give the names, if an object may have attributes of all of them. Raises BadData.

    Numpy takes what an object calls `__array_interface__` for an address of this process's memory, and reads there.
    """
    for name in names:
        for part in name if type(name) is tuple else (name,):  # a text of numpy's is one too, and a path may become one
            if isinstance(part, (str, pathlib.PurePath)) and _POINTER.match(str(part)):
                raise BadData("a name by which libraries ask for an address")
    return names


def text(value):
    if type(value) is not str or len(value) > 500:
        raise BadData("not a name")
    return value


def _aware(value):
    """A zone as its name or as its offset in seconds."""
    zone = value.tzinfo
    if zone is None:
        return None
    key = getattr(zone, "key", None)
    if type(key) is str:
        return key
    offset = value.utcoffset() if isinstance(value, datetime.datetime) else zone.utcoffset(None)
    return offset.total_seconds() if offset is not None else None


def zone_of(data):
    if data is None:
        return None
    if type(data) in (int, float):
        return datetime.timezone(datetime.timedelta(seconds=data))
    return _zone(text(data))


@functools.lru_cache(1024)
def _zone(name):
    """The zone of this name. Kept: there are some 600, and who asks for one that nobody holds has its file read again."""
    import zoneinfo

    if not all(part.replace("_", "").replace("-", "").replace("+", "").isalnum() for part in name.split("/")):
        raise BadData("not a time zone")
    return zoneinfo.ZoneInfo(name)


def _give_datetime(value):
    fields = [value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond]
    return [fields, value.fold, _aware(value)]


def _fields(given):
    """Numbers of a date or time, which takes a text for all that it is made of, unchecked."""
    if any(type(part) is not int for part in given):
        raise BadData("not a date or time")
    return given


def _read_datetime(codec, tree, depth):
    fields, fold, zone = tree["v"]
    return datetime.datetime(*_fields(fields), tzinfo=zone_of(zone), fold=fold)


def _read_time(codec, tree, depth):
    fields, fold, zone = tree["v"]
    return datetime.time(*_fields(fields), tzinfo=zone_of(zone), fold=fold)


def _read_int(codec, tree, depth):
    digits = tree["v"]
    if type(digits) is not str or len(digits) > MOST_DIGITS * 8:
        raise BadData("not an int")
    codec._long += len(digits) > _LONG
    return int(digits, 16)


def _read_float(codec, tree, depth):
    return {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}[tree["v"]]


def _read_bytes(codec, tree, depth):
    try:
        return base64.b64decode(tree["v"], validate=True)
    except binascii.Error:
        raise BadData("not base64")


def _read_decimal(codec, tree, depth):
    if type(tree["v"]) is not str or len(tree["v"]) > MOST_DIGITS:
        raise BadData("not a decimal")
    codec._decimals += 1
    return decimal.Decimal(tree["v"])


def _read_fraction(codec, tree, depth):
    above, below = (codec._decode(part, depth) for part in tree["v"])
    if type(above) is not int or type(below) is not int or below == 0:
        raise BadData("not a fraction")
    if max(above.bit_length(), below.bit_length()) > MOST_BITS:
        raise BadData("a fraction of more than {} bits".format(MOST_BITS))
    return fractions.Fraction(above, below)


def _read_range(codec, tree, depth):
    parts = codec._items(tree, depth)
    if any(type(part) is not int or part.bit_length() > MOST_BITS for part in parts):
        raise BadData("not a range, or one of more than {} bits".format(MOST_BITS))
    return range(*parts)


def _read_path(codec, tree, depth):
    kind, text = tree["v"]
    made = {"posix": pathlib.PurePosixPath, "windows": pathlib.PureWindowsPath, "path": pathlib.Path}[kind]
    if type(text) is not str or "\0" in text or len(text) > _LONGEST_PATH:
        raise BadData("not a path")
    return made(text)


def _big(value):
    return value if -(1 << 63) <= value < 1 << 63 else {"$": "int", "v": hex(value)}


def _give_range(value):
    parts = value.start, value.stop, value.step
    if max(part.bit_length() for part in parts) > MOST_BITS:
        raise Unencodable("a range of more than {} bits cannot cross".format(MOST_BITS))
    return [_big(part) for part in parts]


def _give_fraction(value):
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > MOST_BITS:
        raise Unencodable("a fraction of more than {} bits cannot cross".format(MOST_BITS))
    return [_big(value.numerator), _big(value.denominator)]


def _give_path(value):
    text = str(value)
    if len(text) > _LONGEST_PATH:
        raise Unencodable("a path of more than {} characters cannot cross".format(_LONGEST_PATH))
    if isinstance(value, pathlib.Path):
        return ["path", text]
    return ["windows" if isinstance(value, pathlib.PureWindowsPath) else "posix", text]


def _give_delta(value):
    return [value.days, value.seconds, value.microseconds]


PLAIN = {
    bytes: ("bytes", lambda v: base64.b64encode(v).decode("ascii")),
    bytearray: ("bytearray", lambda v: base64.b64encode(bytes(v)).decode("ascii")),
    complex: ("complex", lambda v: [repr(v.real), repr(v.imag)]),
    datetime.datetime: ("datetime", _give_datetime),
    datetime.date: ("date", lambda v: [v.year, v.month, v.day]),
    datetime.time: ("time", lambda v: [[v.hour, v.minute, v.second, v.microsecond], v.fold, _aware(v)]),
    datetime.timedelta: ("timedelta", _give_delta),
    datetime.timezone: ("timezone", lambda v: v.utcoffset(None).total_seconds()),
    decimal.Decimal: ("decimal", str),
    fractions.Fraction: ("fraction", _give_fraction),
    uuid.UUID: ("uuid", lambda v: v.hex),
    pathlib.PurePosixPath: ("path", _give_path),
    pathlib.PureWindowsPath: ("path", _give_path),
    pathlib.PosixPath: ("path", _give_path),
    pathlib.WindowsPath: ("path", _give_path),
    range: ("range", _give_range),
    slice: (
        "slice",
        lambda v: [part if part is None or type(part) is int else str(part) for part in (v.start, v.stop, v.step)],
    ),
    type(Ellipsis): ("ellipsis", lambda v: None),
}
READERS = {
    "int": _read_int,
    "float": _read_float,
    "bytes": _read_bytes,
    "bytearray": lambda codec, tree, depth: bytearray(_read_bytes(codec, tree, depth)),
    "complex": lambda codec, tree, depth: complex(float(tree["v"][0]), float(tree["v"][1])),
    "tuple": lambda codec, tree, depth: tuple(codec._items(tree, depth)),
    "set": lambda codec, tree, depth: set(codec._distinct(tree["v"], depth)),
    "frozenset": lambda codec, tree, depth: frozenset(codec._distinct(tree["v"], depth)),
    "datetime": _read_datetime,
    "date": lambda codec, tree, depth: datetime.date(*_fields(tree["v"])),
    "time": _read_time,
    "timedelta": lambda codec, tree, depth: datetime.timedelta(*tree["v"]),
    "timezone": lambda codec, tree, depth: datetime.timezone(datetime.timedelta(seconds=tree["v"])),
    "decimal": _read_decimal,
    "fraction": _read_fraction,
    "uuid": lambda codec, tree, depth: uuid.UUID(hex=tree["v"]),
    "path": _read_path,
    "range": _read_range,
    "slice": lambda codec, tree, depth: slice(*codec._items(tree, depth)),
    "ellipsis": lambda codec, tree, depth: Ellipsis,
}
