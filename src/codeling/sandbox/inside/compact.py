"""JSON as short as it can be, made and read as fast as the standard library can, and what it takes to read it.

Both sides know what one frame may be: so an honest program is told where it has too much for one, and does not
lose its interpreter.
"""

import json
import json.encoder

__all__ = ("MOST_BYTES", "MOST_WEIGHT", "decode", "encode", "weight")

MOST_BYTES, MOST_WEIGHT = 16 << 20, 64 << 20
"""Of one frame, and of what it becomes when it is read, in bytes of memory."""
_MARKS = (b"{", 88), (b":", 48), (b"[", 64), (b",", 32), (b'"', 16)
"""What an object, a key, a list, an item and half of a text take, near enough."""
_NO_MARKS = bytes(set(range(256)) - set(b'"[{,:'))
_PIECE = 1 << 16

_slow = json.JSONEncoder(separators=(",", ":"), check_circular=False)  # the codec lets no cycle through
_read = json.JSONDecoder().scan_once


def _encoder():
    """The compiled encoder that `JSONEncoder` would make anew for each text, where this Python has it."""
    try:
        chunks = json.encoder.c_make_encoder(
            None, _slow.default, json.encoder.encode_basestring_ascii, None, ":", ",", False, False, True
        )
        if "".join(chunks({"a": [1, None, "\xe9"]}, 0)) == '{"a":[1,null,"\\u00e9"]}':
            return lambda tree: "".join(chunks(tree, 0))
    except Exception:  # another Python has another one: the public way is slower and as good
        pass
    return _slow.encode


encode = _encoder()
"""Give the tree as text of ASCII."""


def decode(text):
    """Give the tree of a text that is JSON from its first character to its last. Raises ValueError."""
    try:
        tree, end = _read(text, 0)
    except StopIteration:
        raise ValueError("no value")
    if end != len(text):
        raise ValueError("more than one value")
    return tree


def weight(body):
    """What these bytes of JSON become, by their marks; texts are looked at only where they matter."""
    seen = _weigh(body)
    return seen if seen <= len(body) else _weight_outside(body)


def _weight_outside(body):
    """The same without what stands in texts. In pieces, and in time that grows with the length, whatever is written."""
    plain = body.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, _NO_MARKS)
    seen = inside = 0
    for start in range(0, len(plain), _PIECE):
        parts = plain[start : start + _PIECE].split(b'"')
        seen += _weigh(b"".join(parts[inside::2])) + 16 * (len(parts) - 1)
        inside ^= (len(parts) - 1) & 1
    return seen


def _weigh(body):
    return sum(each * body.count(mark) for mark, each in _MARKS)
