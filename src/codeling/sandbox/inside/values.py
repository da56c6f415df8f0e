"""Values as data, never pickle. The same file works on both sides of the wire, on CPython 3.8 or newer.

A value becomes a JSON tree. None, bool, str, finite float, int of at most 64 bits and list are
themselves; a dict whose keys are plain texts is an object; everything else is an object with the
key `$` that names its kind. What is not data crosses as a handle: a number that only the side that
owns the object can turn back into it.

Encoding calls no method that a value's own class may have defined. Decoding is total: any tree gives
a value or raises BadData, imports nothing but numpy, pandas and Pillow by those names, and on the
host makes no class of what it reads.
"""

import contextlib
import dataclasses
import enum
import math
import sys
import threading

if "." in __name__:
    from codeling.sandbox.inside import kinds, plain
else:
    import kinds
    import plain

__all__ = ("BadData", "Codec", "Handle", "Record", "Unencodable")

PLAIN, BadData, Handle, Record, Unencodable = plain.PLAIN, plain.BadData, plain.Handle, plain.Record, plain.Unencodable
text = plain.text
MOST_MEMBERS = 256
MOST_HANDLES = 100000
MOST_TABLES = 6000
"""Columns, indexes and pictures in one value: each takes its library a while."""
_SHORT, _WIDE = 1 << 20, 1 << 63


class _TextEnum(str, enum.Enum):
    """The base of enums whose members are texts."""


class Codec:
    """Turns values into trees and back. Holds the handles of one conversation."""

    def __init__(
        self,
        *,
        side,
        trusting,
        lookup=None,
        max_depth=64,
        max_bytes=12 << 20,
        lasting=False,
    ):
        """Set how much is taken.

        A `lasting` one reads what others of its side have written, also in processes that have ended. It looks up
        keys however long that takes, as a `trusting` one does.
        """
        self._side, self._trusting, self._lookup, self._lasting = side, trusting, lookup, lasting
        self._patient = lasting or trusting
        self._depth, self._bytes = max_depth, max_bytes
        self._handles, self._numbers, self._known = {}, {}, {}
        self._encoding = threading.RLock()

    def register(self, cls):
        """Let a class be known, so that its objects come back as such."""
        self._known[_name_of(cls)] = cls

    def encode(self, value):
        """Give the value as a tree. Raises Unencodable."""
        kind = type(value)
        if (
            value is None
            or kind is bool
            or (kind is str and len(value) < _SHORT)
            or (kind is int and -_WIDE <= value < _WIDE)
        ):
            return value
        with self._encoding:  # threads that call at once share the budget, the path and the handles
            self._left, self._keys, self._open = self._bytes, plain.MOST_KEYS**2, set()
            return self._encode(value, self._depth)

    def decode(self, tree):
        """Give the value of a tree. Raises BadData."""
        kind = type(tree)
        if tree is None or kind is str or kind is int or kind is bool or kind is float:
            return tree
        self._tables, self._room, self._long, self._decimals = MOST_TABLES, plain.MOST_KEYS**2, 0, 0
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
            if -_WIDE <= value < _WIDE:
                return value
            self._spend(value.bit_length() // 4)
            return {"$": "int", "v": hex(value)}
        if kind is float:
            return value if math.isfinite(value) else {"$": "float", "v": repr(value)}
        if kind in _CONTAINERS:
            return self._container(value, kind, depth)
        plain = PLAIN.get(kind)
        if plain is not None:
            name, give = plain
            data = give(value)
            self._spend(len(data) if type(data) is str else 16)
            return {"$": name, "v": data}
        return self._other(value, kind, depth)

    def _toll(self):
        """Note that a table's part is about to be made."""
        self._tables -= 1
        if self._tables < 0:
            raise BadData("more than {} columns, indexes and pictures".format(MOST_TABLES))

    def _spend(self, size):
        self._left -= size + 8
        if self._left < 0:
            raise Unencodable(
                "the value is larger than {} MiB and cannot cross: give a part of it, or a summary".format(
                    self._bytes >> 20
                )
            )

    def _container(self, value, kind, depth):
        if depth <= 0:
            raise Unencodable("the value is nested deeper than {} levels".format(self._depth))
        key = id(value)
        if key in self._open:
            raise Unencodable("the value refers to itself")
        self._open.add(key)
        self._spend(8 * kind.__len__(value))
        if kind is not list and kind is not tuple:
            self._admit(plain.crowd(value))
        if kind is dict:
            tree = self._dict(value, depth - 1)
        else:
            items = [self._encode(item, depth - 1) for item in kind.__iter__(value)]
            tree = items if kind is list else {"$": _CONTAINERS[kind], "v": items}
        self._open.discard(key)
        return tree

    def _admit(self, crowd):
        """Refuse what the host would not look up, where that is the other side. Raises Unencodable."""
        self._keys -= crowd if self._side == "program" else 0
        if self._keys < 0:
            raise Unencodable(
                "more than {} keys that are no texts cannot cross: give lists or pairs".format(plain.MOST_KEYS)
            )

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
            return self._fields(value._type, value.__dict__, depth)
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
        for module, encode in kinds.LIBRARIES:
            if sys.modules.get(module) is not None:
                tree = encode(self, value, kind, mro, depth)
                if tree is not None:
                    return tree
        for base in (bool, int, float, str, bytes, tuple, list, dict, set, frozenset):
            if base in mro:
                return self._subclass(value, base, depth)
        for base in mro:
            if base in PLAIN and base not in (type,):
                return {"$": PLAIN[base][0], "v": PLAIN[base][1](value)}
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
            if len(self._handles) >= MOST_HANDLES:
                raise Unencodable("more than {} objects that are no data have crossed".format(MOST_HANDLES))
            number = len(self._handles) + 1
            while number in self._handles:  # of an object that is gone
                number += 1
            self._hold(value, number)
        shown = value._shown if kind is plain.Gone else "<{} #{}>".format(_name_of(kind)[:120], number)
        return {"$": "handle", "side": self._side, "id": number, "shown": shown}

    def _hold(self, value, number):
        self._handles[number], self._numbers[id(value)] = value, number

    # ------------------------------------------------------------------ decoding

    def _decode(self, tree, depth):
        kind = type(tree)
        if tree is None or kind is bool or kind is str or kind is float:
            return tree
        if kind is int:
            if -_WIDE <= tree < _WIDE:
                return tree
            raise BadData("a whole number that is not written as one")
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
        keys = self._distinct([key for key, _ in tree["v"]], depth)
        return dict(zip(keys, [self._decode(item, depth) for _, item in tree["v"]]))

    def _distinct(self, trees, depth):
        """Give the keys that these are, if they can be looked up in time. Raises BadData."""
        with self._comparing():
            keys = [self._decode(tree, depth) for tree in trees]
        self._pay(plain.crowd(keys))
        return plain.spread(keys)

    @contextlib.contextmanager
    def _comparing(self):
        """What is decoded here may be looked up. Raises BadData where that could take for ever.

        Python writes a long whole number out anew each time that it compares it with a decimal.
        """
        long, decimals = self._long, self._decimals
        yield
        if self._long > long and self._decimals > decimals and not self._patient:
            raise BadData("decimals and long numbers as keys of one table")

    def _levels(self, levels):
        """Let pandas look up the parts of these, if it can in time. Raises BadData."""
        for level in levels:
            self._pay(plain.crowd_of_pandas(plain.spread(level)))

    def _pay(self, crowd):
        self._room -= crowd
        if self._room < 0 and not self._patient:
            raise BadData("more than {} keys that are no texts".format(plain.MOST_KEYS))

    def _read_handle(self, tree, depth):
        number, shown = tree["id"], tree["shown"]
        if type(number) is not int or type(shown) is not str or tree["side"] not in ("host", "program"):
            raise BadData("a wrong handle")
        if tree["side"] != self._side:
            return Handle(self, number, shown[:200])
        if number not in self._handles:
            if not self._lasting:
                raise BadData("a handle that was never given out")
            self._hold(plain.Gone(shown[:200]), number)
        return self._handles[number]

    def _read_enum(self, tree, depth):
        name = text(tree["type"])
        cls = self._class(name)
        if cls is None and self._trusting:
            members = [(key, self._decode(item, depth)) for key, item in tree["members"]]
            base = {"int": enum.IntEnum, "str": _TextEnum}.get(tree.get("base"), enum.Enum)
            cls = self._adopt(name, base(name.rpartition(".")[2], members))
        if cls is not None and enum.Enum in cls.__mro__:
            return cls[text(tree["name"])]
        return Record(name, {"name": text(tree["name"]), "value": self._decode(tree["v"], depth)})

    def _read_record(self, tree, depth):
        name = text(tree["type"])
        fields = {key: self._decode(item, depth) for key, item in plain.labels(tree["v"]).items()}
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


_CONTAINERS = {list: "list", tuple: "tuple", set: "set", frozenset: "frozenset", dict: "dict"}
_READERS = dict(
    {**plain.READERS, **kinds.READERS},
    dict=Codec._read_dict,
    handle=Codec._read_handle,
    enum=Codec._read_enum,
    record=Codec._read_record,
)
