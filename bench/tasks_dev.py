"""Tasks to tune prompts on. They share no wording, tool or value with the judged ones in `tasks.py`.

Imports nothing of ours, for the peer's interpreter loads it too.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from .checks import day, members, number, phrase
from .checks import task as _task

__all__ = ("TASKS",)


def find_books(author: str) -> list[dict[str, Any]]:
    """Find the books of an author; each is a dict with the keys 'title' (str), 'pages' (int) and 'lent' (bool).

    Args:
        author: The author's family name.
    """
    rows = {"lem": [("Solaris", 204, True), ("Eden", 262, False), ("Fiasco", 336, False)]}[author.lower()]
    return [{"title": title, "pages": pages, "lent": lent} for title, pages, lent in rows]


def get_tide(harbour: str) -> str:
    """Give the time of the next high tide at a harbour, as HH:MM.

    Args:
        harbour: Name of the harbour.
    """
    return {"whitby": "16:40", "oban": "19:05"}[harbour.lower()]


def find_room(course: str) -> str:
    """Give the number of the room where a course takes place.

    Args:
        course: Name of the course.
    """
    return {"drawing": "B204", "pottery": "A011"}[course.lower()]


def get_seats(room: str) -> int:
    """Give how many seats a room has.

    Args:
        room: Number of the room.
    """
    return {"B204": 26, "A011": 14}[room]


def get_teams() -> list[str]:
    """Give the names of all teams."""
    return ["Foxes", "Herons", "Otters"]


def get_points(team: str) -> int:
    """Give how many points a team has.

    Args:
        team: Name of the team.
    """
    return {"Foxes": 31, "Herons": 44, "Otters": 38}[team]


def load_trees() -> pd.DataFrame:
    """Load the trees of the park as a pandas data frame with the columns 'kind', 'height' (m) and 'planted' (year)."""
    rows = [("oak", 21.5, 1904), ("lime", 17.0, 1951), ("oak", 12.5, 1978), ("birch", 9.0, 1999), ("lime", 19.0, 1932)]
    return pd.DataFrame(rows, columns=["kind", "height", "planted"])


def get_speed(animal: str, unit: str) -> float:
    """Give the top speed of an animal.

    Args:
        animal: The animal.
        unit: The unit of the speed.
    """
    if unit not in ("kmh", "ms"):
        raise ValueError(f"the unit {unit!r} is not known here: it is 'kmh' or 'ms'")
    return {"hare": 72.0, "wolf": 60.0}[animal.lower()] / (1 if unit == "kmh" else 3.6)


def get_timetable(line: str) -> list[str]:
    """Give the times at which a bus line leaves the station, as HH:MM.

    Args:
        line: The bus line.
    """
    lines = {"L7-east": ["08:15", "11:45", "17:30"], "L7-west": ["07:50", "12:20"]}
    if line not in lines:
        raise KeyError(f"no bus line {line!r}; there are {', '.join(lines)}")
    return lines[line]


TASKS = (
    _task(
        "tiles",
        "arithmetic",
        number(221),
        question="A floor is 5.2 m by 3.4 m. How many tiles of 20 cm by 40 cm are needed to cover it?",
    ),
    _task(
        "squares",
        "arithmetic",
        number(22140),
        question="What is the sum of the squares of the whole numbers from 1 to 40?",
    ),
    _task(
        "initials",
        "text",
        phrase("KVR"),
        question="What are the initials, in capitals, of the name 'karin viola reuter'?",
    ),
    _task(
        "expiry",
        "dates",
        day(2023, 3, 31),
        question="A pass of 90 days is bought on 1 January 2023, which is its first day. What is its last day?",
    ),
    _task(
        "shelf",
        "filtering",
        members(["Eden", "Fiasco"], wrong=("Solaris",)),
        find_books,
        question="Which books by Lem are not lent at the moment? Give their titles.",
    ),
    _task("tide", "one tool", phrase("16:40"), get_tide, question="When is the next high tide at Whitby?"),
    _task(
        "seats",
        "dependent tools",
        number(26),
        find_room,
        get_seats,
        question="How many seats are there in the room of the course Drawing?",
    ),
    _task(
        "leader",
        "dependent tools",
        phrase("Herons", wrong=("Foxes", "Otters")),
        get_teams,
        get_points,
        question="Which team leads the league, having the most points?",
    ),
    _task(
        "limes",
        "data frames",
        number(18),
        load_trees,
        question="What is the mean height of the park's limes, in metres?",
    ),
    _task(
        "oldest",
        "data frames",
        phrase("oak", wrong=("lime", "birch")),
        load_trees,
        question="Of which kind is the tree that was planted first?",
    ),
    _task(
        "hare",
        "correcting an error",
        number(72),
        get_speed,
        question="How fast can a hare run, in kilometres per hour?",
    ),
    _task(
        "bus",
        "correcting an error",
        phrase("17:30", wrong=("08:15", "11:45", "12:20")),
        get_timetable,
        question="When does the last bus of line 7 going east leave the station?",
    ),
)
"""In the order in which they are run."""
