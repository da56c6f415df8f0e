"""What a program could draw at random, and the time that it is told: fixed by its run, so that it repeats itself.

Fixed: `random`, numpy's generators (also `default_rng()`), `uuid.uuid4`, and, where a program runs again, the
clock of `time` and `datetime`, which then begins when it began first. Not fixed: `os.urandom`, `secrets`,
`random.Random()` without a seed, threads' order, and how fast the machine is. Standard library only, 3.8 or newer.
"""

import random
import sys
import time

_actions = {}
_real_time, _real_ns = time.time, time.time_ns
_shift = [0, False]
"""Nanoseconds between the program's clock and the machine's, and whether the clock was changed at all."""


def fix(seed):
    """Seed what is loaded, and what will be loaded at the moment of its import."""
    random.seed(seed)
    _actions.update(
        {"numpy.random": lambda module: _fix_numpy(module, seed), "uuid": lambda module: _fix_uuid(module, seed)}
    )
    for name in [name for name in _actions if name in sys.modules]:
        _actions.pop(name)(sys.modules[name])
    sys.meta_path.insert(0, _Seeder())


class _Seeder:
    """Finds no modules, but sees those that are found."""

    def find_spec(self, name, path=None, target=None):
        """Give the spec that the others find, with what is to be done after the import."""
        if name not in _actions:
            return None
        action = _actions.pop(name)
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(name, path, target)
            if spec is not None:
                break
        else:
            return None
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            action(module)

        spec.loader.exec_module = exec_module
        return spec


def _fix_numpy(module, seed):
    module.seed(seed % 2**32)
    entropy = random.Random(seed + 1)
    generators = sys.modules.get("numpy.random.bit_generator")
    if hasattr(generators, "randbits"):  # where an unseeded generator takes its entropy from
        generators.randbits = entropy.getrandbits


def _fix_uuid(module, seed):
    numbers = random.Random(seed + 2)

    def uuid4():
        """Generate a random UUID."""
        return module.UUID(int=numbers.getrandbits(128), version=4)

    module.uuid4 = uuid4


def set_clock(now):
    """Let the program's clock show this time, in seconds since the epoch, and go on; with None, the machine's."""
    _shift[0] = 0 if now is None else int(now * 1e9) - _real_ns()
    if now is not None and not _shift[1]:
        _shift[1] = True
        _change_time()
        _change_datetime()


def _now():
    return _real_time() + _shift[0] / 1e9


def _change_time():
    real = {name: getattr(time, name) for name in ("localtime", "gmtime", "ctime", "strftime")}
    time.time, time.time_ns = _now, lambda: _real_ns() + _shift[0]
    time.localtime = lambda secs=None: real["localtime"](_now() if secs is None else secs)
    time.gmtime = lambda secs=None: real["gmtime"](_now() if secs is None else secs)
    time.ctime = lambda secs=None: real["ctime"](_now() if secs is None else secs)
    time.strftime = lambda form, when=None: real["strftime"](form, time.localtime() if when is None else when)


def _change_datetime():
    """Give `datetime` and `date` themselves the other clock: a subclass would not be the same type to libraries."""
    import datetime
    import gc

    moment, day = datetime.datetime, datetime.date
    changes = {
        moment: {
            "now": lambda cls, tz=None: cls.fromtimestamp(_now(), tz),
            "utcnow": lambda cls: cls.fromtimestamp(_now(), datetime.timezone.utc).replace(tzinfo=None),
            "today": lambda cls: cls.fromtimestamp(_now()),
        },
        day: {"today": lambda cls: cls.fromtimestamp(_now())},
    }
    for kind, functions in changes.items():
        names = gc.get_referents(kind.__dict__)
        if len(names) == 1 and isinstance(names[0], dict):
            names[0].update({name: classmethod(function) for name, function in functions.items()})
    try:
        import ctypes

        for kind in changes:
            ctypes.pythonapi.PyType_Modified(ctypes.py_object(kind))
    except Exception:  # without it, only what was looked up before is still the machine's clock
        pass
