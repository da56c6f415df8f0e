"""JSON as short as it can be, made and read as fast as the standard library can."""

import json
import json.encoder

__all__ = ("decode", "encode")

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
