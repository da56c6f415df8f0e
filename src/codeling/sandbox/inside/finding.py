"""Finds tools by words, and prints what a tool is: for programs that were shown only the names of many."""

import inspect
import re

__all__ = ("Finder",)

_WORD = re.compile(r"[a-z]+|[0-9]+")
_IDLE = frozenset("a an and by for from get in is it of on or the this to with".split())


class Finder:
    """`search_tools` and `help`, as programs have them."""

    def __init__(self, tools):
        self._tools = tools
        self._words = {}

    def search_tools(self, query="", limit=5):
        """Print the functions that fit the words best, each with its signature, and give their names."""
        wanted = [word for word in _words(query) if word not in _IDLE] or _words(query)
        scores = sorted(((-self._score(name, wanted), name) for name in self._tools), key=lambda pair: pair)
        best = scores[0][0] if scores else 0
        found = [name for score, name in scores if score < 0 and 2 * score <= best][: max(1, int(limit))]
        if not found:
            print("No function fits {!r}. Try other words, or one word only.".format(query))
        for name in found:
            self.help(self._tools[name])
        return found

    def help(self, thing=None):
        """Print the signature and the docstring of a function, or what Python's own help prints."""
        tool = self._tools.get(thing) if isinstance(thing, str) else thing
        if type(tool).__name__ == "Tool" and tool in self._tools.values():
            indented = "\n".join("    " + line for line in (tool.__doc__ or "").splitlines())
            signature = getattr(tool, "__signature__", "(...)")
            print("{}{}\n{}\n".format(tool.__name__, _plain(signature), indented))
        elif thing is None:
            print("help(name) prints what a function is; search_tools('words') finds functions.")
        else:
            import pydoc  # large, and seldom used

            print(pydoc.plain(pydoc.render_doc(thing)))

    def _score(self, name, wanted):
        if name not in self._words:
            text = self._tools[name].__doc__ or ""
            self._words[name] = set(_words(name)), set(_words(text.split("\n\n")[0])), set(_words(text))
        in_name, in_first, in_all = self._words[name]
        return sum(8 * (w in in_name) + 4 * (w in in_first) + (w in in_all) for w in wanted)


class _Text:
    """An annotation that is shown as it was written."""

    def __init__(self, text):
        self._text = text

    def __repr__(self):
        return str(self._text)


def _plain(signature):
    """A signature whose annotations are text, without the quotes around them."""
    if not isinstance(signature, inspect.Signature):
        return signature
    empty = inspect.Signature.empty
    parts = [
        p if p.annotation is empty else p.replace(annotation=_Text(p.annotation)) for p in signature.parameters.values()
    ]
    gives = signature.return_annotation
    return signature.replace(parameters=parts, return_annotation=gives if gives is empty else _Text(gives))


def _words(text):
    """The words of a text or name in small letters, without the endings of plurals."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", str(text)).lower()
    return [word[:-1] if len(word) > 3 and word.endswith("s") else word for word in _WORD.findall(spaced)]
