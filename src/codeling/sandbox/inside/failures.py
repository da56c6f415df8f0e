"""How errors are told: the program's own lines, short, and read without trusting the exception."""

import builtins
import os
import sys
import traceback

__all__ = ("ToolError", "cut", "note", "tool_error", "traceback_text")

MOST_NAMES = 30
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
        texts.append("".join(lines) + "".join(seen.format_exception_only()))
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return "\nwhile handling this:\n".join(text.rstrip() for text in texts)


def _told(frame):
    return "  {}, line {}, in {}\n    {}\n".format(frame.filename, frame.lineno, frame.name, frame.line)


def note(error):
    """Say what there is, where a program asked a data frame or a series for a name that it does not have."""
    pandas, names, trace = sys.modules.get("pandas"), None, error.__traceback__
    while pandas and trace is not None and isinstance(error, (AttributeError, KeyError)):
        asked = trace.tb_frame.f_locals.get("self")
        if isinstance(asked, (pandas.DataFrame, pandas.Series)):
            names = asked.keys()
        trace = trace.tb_next
    if names is not None:
        return "\nNote: there are {}".format(", ".join(map(repr, names[:MOST_NAMES])))
    uncalled = isinstance(error, TypeError) and "'Tool' object" in str(error)
    return "\nNote: a function that comes with the task has to be called, with ()." if uncalled else ""


def cut(text):
    if len(text) <= MOST_TEXT:
        return text
    half = MOST_TEXT // 2
    return "{}\n[... {} characters cut ...]\n{}".format(text[:half], len(text) - 2 * half, text[-half:])
