"""Values as data, never pickle. The same file works on both sides of the wire, on CPython 3.8 or newer.

A value becomes a JSON tree. None, bool, str, finite float, int of at most 64 bits and list are
themselves; a dict whose keys are plain texts is an object; everything else is an object with the
key `$` that names its kind. What is not data crosses as a handle: a number that only the side that
owns the object can turn back into it.

Encoding calls no method that a value's own class may have defined. Decoding is total: any tree gives
a value or raises BadData, imports nothing but numpy, pandas and Pillow by those names, and on the
host makes no class of what it reads.
"""

import base64
import binascii
import dataclasses
import datetime
import decimal
import enum
import fractions
import math
import pathlib
import sys
import uuid

__all__ = ("BadData", "Codec", "Handle", "Record", "Unencodable")

MOST_MEMBERS = 256
MOST_DIGITS = 1 << 20


class Unencodable(ValueError):
    """A value that cannot cross."""


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


class Record:
    """The fields of an object whose class is not known on this side."""

    def __init__(self, type_name, fields):
        self.__dict__.update(fields)
        self.__dict__["_type"] = type_name

    def __repr__(self):
        shown = ", ".join("{}={!r}".format(name, value) for name, value in self._fields().items())
        return "{}({})".format(self._type.rpartition(".")[2], shown)

    def __eq__(self, other):
        return type(other) is Record and self.__dict__ == other.__dict__

    __hash__ = None

    def _fields(self):
        return {name: value for name, value in self.__dict__.items() if name != "_type"}


class _TextEnum(str, enum.Enum):
    """The base of enums whose members are texts."""


class Codec:
    """Turns values into trees and back. Holds the handles of one conversation."""

    def __init__(self, *, side, trusting, lookup=None, max_depth=64, max_bytes=12 << 20):
        self._side, self._trusting, self._lookup = side, trusting, lookup
        self._depth, self._bytes = max_depth, max_bytes
        self._handles, self._numbers, self._known = {}, {}, {}

    def register(self, cls):
        """Let a class be known, so that its objects come back as such."""
        self._known[_name_of(cls)] = cls

    def encode(self, value):
        """Give the value as a tree. Raises Unencodable."""
        kind = type(value)
        if value is None or kind is bool or kind is str:
            return value
        self._left, self._open = self._bytes, set()
        return self._encode(value, self._depth)

    def decode(self, tree):
        """Give the value of a tree. Raises BadData."""
        try:
            return self._decode(tree, self._depth)
        except BadData:
            raise
        except Exception as error:  # whatever numpy, pandas or a constructor says to nonsense
            raise BadData("not the data of any value ({})".format(type(error).__name__))

    # ------------------------------------------------------------------ encoding

    def _encode(self, value, depth):
        kind = type(value)
        if value is None or kind is bool:
            return value
        if kind is str:
            self._spend(str.__len__(value))
            return value
        if kind is int:
            if -(1 << 63) <= value < 1 << 63:
                return value
            self._spend(value.bit_length() // 4)
            return {"$": "int", "v": hex(value)}
        if kind is float:
            return value if math.isfinite(value) else {"$": "float", "v": repr(value)}
        if kind in _CONTAINERS:
            return self._container(value, kind, depth)
        plain = _PLAIN.get(kind)
        if plain is not None:
            name, give = plain
            data = give(value)
            self._spend(len(data) if type(data) is str else 16)
            return {"$": name, "v": data}
        return self._other(value, kind, depth)

    def _spend(self, size):
        self._left -= size + 8
        if self._left < 0:
            raise Unencodable("the value is larger than {} MiB and cannot cross".format(self._bytes >> 20))

    def _container(self, value, kind, depth):
        if depth <= 0:
            raise Unencodable("the value is nested deeper than {} levels".format(self._depth))
        key = id(value)
        if key in self._open:
            raise Unencodable("the value refers to itself")
        self._open.add(key)
        self._spend(8 * kind.__len__(value))
        if kind is dict:
            tree = self._dict(value, depth - 1)
        else:
            items = [self._encode(item, depth - 1) for item in kind.__iter__(value)]
            tree = items if kind is list else {"$": _CONTAINERS[kind], "v": items}
        self._open.discard(key)
        return tree

    def _dict(self, value, depth):
        pairs = list(dict.items(value))
        if all(type(key) is str for key, _ in pairs) and "$" not in value:
            return {key: self._encode(item, depth) for key, item in pairs if self._spend(len(key)) is None}
        return {"$": "dict", "v": [[self._encode(key, depth), self._encode(item, depth)] for key, item in pairs]}

    def _other(self, value, kind, depth):
        """Everything that is looked up by what its class is made of."""
        if kind is Handle and value._owner is self:
            return {"$": "handle", "side": _other_side(self._side), "id": value._number, "shown": value._shown}
        if kind is Record:
            return self._fields(value._type, value._fields(), depth)
        mro = type.__getattribute__(kind, "__mro__")
        if enum.Enum in mro:
            return self._enum(value, kind, depth)
        if (
            kind.__module__ not in ("builtins",)
            and "__dataclass_fields__" in _all_names(mro)
            and not isinstance(value, type)
        ):
            names = [name for name, field in _find(mro, "__dataclass_fields__").items() if _is_field(field)]
            held = _instance_fields(value, names)
            if held is not None:
                self.register(kind)
                return self._fields(_name_of(kind), held, depth)
        for module, encode in _LIBRARIES:
            if sys.modules.get(module) is not None:
                tree = encode(self, value, kind, mro, depth)
                if tree is not None:
                    return tree
        for base in (bool, int, float, str, bytes, tuple, list, dict, set, frozenset):
            if base in mro:
                return self._subclass(value, base, depth)
        for base in mro:
            if base in _PLAIN and base not in (type,):
                return {"$": _PLAIN[base][0], "v": _PLAIN[base][1](value)}
        return self._handle(value, kind)

    def _subclass(self, value, base, depth):
        """A value of a class made of a builtin one: what it is as the builtin one."""
        if base in (tuple, list, set, frozenset):
            return self._encode(base(base.__iter__(value)), depth)
        if base is dict:
            return self._encode(dict(dict.items(value)), depth)
        if base is str:
            return self._encode(
                str.__str__(value) if type(str.__str__(value)) is str else str.__add__(value, ""), depth
            )
        if base is bytes:
            return self._encode(bytes.__add__(value, b""), depth)
        return self._encode(base.__pos__(value) if base is not bool else bool(value), depth)

    def _enum(self, value, kind, depth):
        self.register(kind)
        members = [[name, self._encode(member._value_, depth - 1)] for name, member in kind._member_map_.items()]
        tree = {"$": "enum", "type": _name_of(kind), "name": value._name_, "v": self._encode(value._value_, depth - 1)}
        if value._name_ is None or len(members) > MOST_MEMBERS:
            return tree["v"]
        tree["members"], tree["base"] = members, "int" if int in kind.__mro__ else "str" if str in kind.__mro__ else ""
        return tree

    def _fields(self, name, fields, depth):
        if depth <= 0:
            raise Unencodable("the value is nested deeper than {} levels".format(self._depth))
        return {"$": "record", "type": name, "v": {key: self._encode(item, depth - 1) for key, item in fields.items()}}

    def _handle(self, value, kind):
        number = self._numbers.get(id(value))
        if number is None:
            number = len(self._handles) + 1
            self._handles[number], self._numbers[id(value)] = value, number
        return {
            "$": "handle",
            "side": self._side,
            "id": number,
            "shown": "<{} #{}>".format(_name_of(kind)[:120], number),
        }

    # ------------------------------------------------------------------ decoding

    def _decode(self, tree, depth):
        kind = type(tree)
        if tree is None or kind is bool or kind is str or kind is int or kind is float:
            return tree
        if depth < -8:
            raise BadData("nested too deep")
        if kind is list:
            return [self._decode(item, depth - 1) for item in tree]
        if kind is not dict:
            raise BadData("not JSON")
        name = tree.get("$")
        if name is None:
            return {key: self._decode(item, depth - 1) for key, item in tree.items()}
        read = _READERS.get(name) if type(name) is str else None
        if read is None:
            raise BadData("a value of unknown kind")
        return read(self, tree, depth - 1)

    def _items(self, tree, depth):
        if type(tree["v"]) is not list:
            raise BadData("not a list")
        return [self._decode(item, depth) for item in tree["v"]]

    def _read_dict(self, tree, depth):
        return {self._decode(key, depth): self._decode(item, depth) for key, item in tree["v"]}

    def _read_handle(self, tree, depth):
        number, shown = tree["id"], tree["shown"]
        if type(number) is not int or type(shown) is not str or tree["side"] not in ("host", "program"):
            raise BadData("a wrong handle")
        if tree["side"] != self._side:
            return Handle(self, number, shown[:200])
        if number not in self._handles:
            raise BadData("a handle that was never given out")
        return self._handles[number]

    def _read_enum(self, tree, depth):
        name = _text(tree["type"])
        cls = self._class(name)
        if cls is None and self._trusting:
            members = [(key, self._decode(item, depth)) for key, item in tree["members"]]
            base = {"int": enum.IntEnum, "str": _TextEnum}.get(tree.get("base"), enum.Enum)
            cls = self._adopt(name, base(name.rpartition(".")[2], members))
        if cls is not None and enum.Enum in cls.__mro__:
            return cls[_text(tree["name"])]
        return Record(name, {"name": _text(tree["name"]), "value": self._decode(tree["v"], depth)})

    def _read_record(self, tree, depth):
        name = _text(tree["type"])
        fields = {key: self._decode(item, depth) for key, item in tree["v"].items()}
        cls = self._class(name)
        if cls is None and self._trusting and all(key.isidentifier() for key in fields):
            cls = self._adopt(name, dataclasses.make_dataclass(name.rpartition(".")[2], list(fields)))
        if cls is None or not dataclasses.is_dataclass(cls):
            return Record(name, fields)
        wanted = {field.name: field for field in dataclasses.fields(cls)}
        if set(wanted) != set(fields):
            raise BadData("not the fields of {}".format(name))
        made = object.__new__(cls)
        for key, item in fields.items():
            object.__setattr__(made, key, item)
        return made

    def _adopt(self, name, cls):
        """Know a class that was made here under the name that it has on the other side."""
        cls.__module__, _, cls.__qualname__ = name.rpartition(".")
        self._known[name] = cls
        return cls

    def _class(self, name):
        cls = self._known.get(name)
        if cls is None and self._lookup is not None:
            cls = self._lookup(name)
        return cls


def _other_side(side):
    return "program" if side == "host" else "host"


def _text(value):
    if type(value) is not str or len(value) > 500:
        raise BadData("not a name")
    return value


def _name_of(cls):
    return "{}.{}".format(type.__getattribute__(cls, "__module__"), type.__getattribute__(cls, "__qualname__"))


def _all_names(mro):
    return {name for base in mro for name in type.__getattribute__(base, "__dict__") if name == "__dataclass_fields__"}


def _find(mro, name):
    for base in mro:
        held = type.__getattribute__(base, "__dict__")
        if name in held:
            return held[name]
    return {}


def _is_field(field):
    return getattr(field, "_field_type", None) is getattr(dataclasses, "_FIELD", None)


def _instance_fields(value, names):
    """Read fields where they are stored, past whatever the class says about reading."""
    try:
        return {name: object.__getattribute__(value, name) for name in names}
    except AttributeError:
        return None


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


def _zone(data):
    if data is None:
        return None
    if type(data) in (int, float):
        return datetime.timezone(datetime.timedelta(seconds=data))
    import zoneinfo

    parts = _text(data).split("/")
    if not all(part.replace("_", "").replace("-", "").replace("+", "").isalnum() for part in parts):
        raise BadData("not a time zone")
    return zoneinfo.ZoneInfo(data)


def _give_datetime(value):
    fields = [value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond]
    return [fields, value.fold, _aware(value)]


def _read_datetime(codec, tree, depth):
    fields, fold, zone = tree["v"]
    return datetime.datetime(*fields, tzinfo=_zone(zone), fold=fold)


def _read_time(codec, tree, depth):
    fields, fold, zone = tree["v"]
    return datetime.time(*fields, tzinfo=_zone(zone), fold=fold)


def _read_int(codec, tree, depth):
    digits = tree["v"]
    if type(digits) is not str or len(digits) > MOST_DIGITS * 8:
        raise BadData("not an int")
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
    return decimal.Decimal(tree["v"])


def _read_fraction(codec, tree, depth):
    above, below = (codec._decode(part, depth) for part in tree["v"])
    if type(above) is not int or type(below) is not int or below == 0:
        raise BadData("not a fraction")
    return fractions.Fraction(above, below)


def _read_path(codec, tree, depth):
    kind, text = tree["v"]
    made = {"posix": pathlib.PurePosixPath, "windows": pathlib.PureWindowsPath, "path": pathlib.Path}[kind]
    if type(text) is not str or "\0" in text:
        raise BadData("not a path")
    return made(text)


def _big(value):
    return value if -(1 << 63) <= value < 1 << 63 else {"$": "int", "v": hex(value)}


def _give_path(value):
    if isinstance(value, pathlib.Path):
        return ["path", str(value)]
    return ["windows" if isinstance(value, pathlib.PureWindowsPath) else "posix", str(value)]


def _give_delta(value):
    return [value.days, value.seconds, value.microseconds]


_CONTAINERS = {list: "list", tuple: "tuple", set: "set", frozenset: "frozenset", dict: "dict"}
_PLAIN = {
    bytes: ("bytes", lambda v: base64.b64encode(v).decode("ascii")),
    bytearray: ("bytearray", lambda v: base64.b64encode(bytes(v)).decode("ascii")),
    complex: ("complex", lambda v: [repr(v.real), repr(v.imag)]),
    datetime.datetime: ("datetime", _give_datetime),
    datetime.date: ("date", lambda v: [v.year, v.month, v.day]),
    datetime.time: ("time", lambda v: [[v.hour, v.minute, v.second, v.microsecond], v.fold, _aware(v)]),
    datetime.timedelta: ("timedelta", _give_delta),
    datetime.timezone: ("timezone", lambda v: v.utcoffset(None).total_seconds()),
    decimal.Decimal: ("decimal", str),
    fractions.Fraction: ("fraction", lambda v: [_big(v.numerator), _big(v.denominator)]),
    uuid.UUID: ("uuid", lambda v: v.hex),
    pathlib.PurePosixPath: ("path", _give_path),
    pathlib.PureWindowsPath: ("path", _give_path),
    pathlib.PosixPath: ("path", _give_path),
    pathlib.WindowsPath: ("path", _give_path),
    range: ("range", lambda v: [_big(v.start), _big(v.stop), _big(v.step)]),
    slice: (
        "slice",
        lambda v: [part if part is None or type(part) is int else str(part) for part in (v.start, v.stop, v.step)],
    ),
    type(Ellipsis): ("ellipsis", lambda v: None),
}
_READERS = {
    "int": _read_int,
    "float": _read_float,
    "bytes": _read_bytes,
    "bytearray": lambda codec, tree, depth: bytearray(_read_bytes(codec, tree, depth)),
    "complex": lambda codec, tree, depth: complex(float(tree["v"][0]), float(tree["v"][1])),
    "tuple": lambda codec, tree, depth: tuple(codec._items(tree, depth)),
    "set": lambda codec, tree, depth: set(codec._items(tree, depth)),
    "frozenset": lambda codec, tree, depth: frozenset(codec._items(tree, depth)),
    "dict": Codec._read_dict,
    "datetime": _read_datetime,
    "date": lambda codec, tree, depth: datetime.date(*tree["v"]),
    "time": _read_time,
    "timedelta": lambda codec, tree, depth: datetime.timedelta(*tree["v"]),
    "timezone": lambda codec, tree, depth: datetime.timezone(datetime.timedelta(seconds=tree["v"])),
    "decimal": _read_decimal,
    "fraction": _read_fraction,
    "uuid": lambda codec, tree, depth: uuid.UUID(hex=tree["v"]),
    "path": _read_path,
    "range": lambda codec, tree, depth: range(*codec._items(tree, depth)),
    "slice": lambda codec, tree, depth: slice(*codec._items(tree, depth)),
    "ellipsis": lambda codec, tree, depth: Ellipsis,
    "handle": Codec._read_handle,
    "enum": Codec._read_enum,
    "record": Codec._read_record,
}
_LIBRARIES = []

if "." in __name__:
    from codeling.sandbox.inside import kinds
else:
    import kinds

kinds.install(sys.modules[__name__], _LIBRARIES, _READERS)
