"""How errors are told: the program's own lines, short, and read without trusting the exception."""

import builtins
import os
import sys
import traceback

__all__ = ("ToolError", "cut", "note", "tool_error", "traceback_text")

MOST_NAMES = 30
MOST_VALUE = 60
MOST_TEXT = 40000


class ToolError(RuntimeError):
    """A tool call failed; the message says why."""

    __module__ = "builtins"  # so that a traceback names it as a program does


def tool_error(text):
    """An error that `except ToolError` catches, and `except KeyError` where the tool raised one."""
    kind = getattr(builtins, text.partition(":")[0], None)
    if isinstance(kind, type) and issubclass(kind, Exception) and kind is not Exception:
        try:
            return type("ToolError", (ToolError, kind), {"__module__": "builtins", "__str__": _first_argument})(text)
        except TypeError:
            pass  # two layouts that cannot be joined, such as with OSError or UnicodeError
    return ToolError(text[len("ToolError: ") :] if text.startswith("ToolError: ") else text)


def _first_argument(error):
    return str(error.args[0])


def traceback_text(error):
    """The traceback with the program's own lines, and the last one of a library."""
    texts, seen = [], traceback.TracebackException.from_exception(error, limit=-60)
    outer = [
        frame for frame in traceback.extract_tb(error.__traceback__, limit=9) if frame.filename.startswith("<step ")
    ]
    while seen is not None and len(texts) < 3:
        own = [frame for frame in seen.stack if frame.filename.startswith("<step ")]
        foreign = [frame for frame in list(seen.stack)[-1:] if frame not in own and __file__ != frame.filename]
        if own and foreign and os.path.dirname(__file__) == os.path.dirname(foreign[0].filename):
            foreign = []
        lines = ["Traceback (most recent call last):\n"] if own else []
        if len(own) > 7 and outer and not texts:  # where it all began, too
            lines += [_told(outer[0]), "  ...\n"]
        lines += map(_told, own[-6:] if len(own) > 7 else own)
        for frame in foreign if own else ():
            name = "/".join(frame.filename.split("/")[-2:])  # where a library is installed is nobody's business
            lines.append("  {}, line {}, in {}\n".format(name, frame.lineno, frame.name))
        said = "".join(seen.format_exception_only())
        if not texts or said not in texts[-1]:  # a library may raise an error once more, in the same words
            texts.append("".join(lines) + said)
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return "\nwhile handling this:\n".join(text.rstrip() for text in texts)


def _told(frame):
    return "  {}, line {}, in {}\n    {}\n".format(frame.filename, frame.lineno, frame.name, frame.line)


def note(error):
    """Say what there is, where a program asked a data frame or a series for what it does not have."""
    if isinstance(error, TypeError) and "'Tool' object" in str(error):
        return "\nNote: a function that comes with the task has to be called, with ()."
    if not isinstance(error, (AttributeError, IndexError, KeyError, TypeError, ValueError)):
        return ""
    try:
        return "".join(map("\nNote: {}.".format, _notes(error, _asked(error))))
    except Exception:  # the values of a frame are the program's own objects
        return ""


def _asked(error):
    """The innermost data frame or series that an error came out of."""
    pandas, asked, trace = sys.modules.get("pandas"), None, error.__traceback__
    while pandas and trace is not None:
        found = trace.tb_frame.f_locals.get("self")
        if type(found).__name__ in ("_iLocIndexer", "_LocIndexer"):
            found = found.obj
        if isinstance(found, (pandas.DataFrame, pandas.Series)):
            asked = found
        trace = trace.tb_next
    return asked


def _notes(error, asked):
    unknown = isinstance(error, (AttributeError, KeyError))
    if hasattr(asked, "columns") and not isinstance(error, IndexError) and (unknown or len(asked)):
        names = [repr(name) for name in asked.columns[:MOST_NAMES]]
        rows = asked.iloc[:1, :MOST_NAMES].to_dict("split")["data"]
        first = [": {}".format(repr(value)[:MOST_VALUE]) for value in rows[0]] if rows else [""] * len(names)
        shown = ", ".join(map("{}{}".format, names, first))
        yield "the columns{} are {}".format(", with their first values," if rows else "", shown)
    elif asked is not None and unknown and len(asked):
        yield "there are {}".format(", ".join(map(repr, asked.keys()[:MOST_NAMES])))
    if asked is not None and not len(asked):
        yield "it is empty. First print all the data, to see how its values are written"
    if hasattr(asked, "columns") and isinstance(error, TypeError) and "to numeric" in str(error):
        yield "numeric_only=True leaves the columns of text out"
    key = error.args[0] if isinstance(error, KeyError) and error.args else None
    key = key.item() if hasattr(key, "item") else key
    if hasattr(asked, "columns") and isinstance(key, (int, str)) and key in asked.index:
        yield "{0!r} is the label of a row, which .loc[{0!r}] gives".format(key)


def cut(text):
    if len(text) <= MOST_TEXT:
        return text
    half = MOST_TEXT // 2
    return "{}\n[... {} characters cut ...]\n{}".format(text[:half], len(text) - 2 * half, text[-half:])
