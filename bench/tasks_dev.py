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


def get_rent(flat: str) -> float:
    """Give the monthly rent of a flat, in euros.

    Args:
        flat: The flat's number.
    """
    return {"3b": 812.5, "1a": 640.0}[flat.lower()]


def get_population(city: str) -> int:
    """Give the number of inhabitants of a city.

    Args:
        city: The city.
    """
    people = {"LIS": 545_000, "OPO": 232_000, "BRG": 193_000}
    if city not in people:
        raise ValueError(f"no city {city!r} here: cities go by the short names {', '.join(people)}")
    return people[city]


def get_sunrise(place: str, day: str) -> str:
    """Give the time of sunrise, as HH:MM.

    Args:
        place: The place.
        day: The day.
    """
    if len(day.split(".")) != 3 or len(day.split(".")[2]) != 4:
        raise ValueError(f"the day {day!r} was not understood; it is written as in 24.12.2020")
    return {"14.7.2022": "05:58", "14.07.2022": "05:58"}[day]


def find_notes(words: str) -> list[str]:
    """Find notes that hold some words, and give their numbers.

    Args:
        words: What to look for.
    """
    return ["N3"] if "boiler" in words.lower() else []


def read_note(number: str) -> str:
    """Give the text of a note.

    Args:
        number: The note's number, such as N1.
    """
    return {"N3": "Boiler: checked in June 2021 by Mr Falk. To be checked again every 4 years."}[number]


def get_basket() -> dict[str, int]:
    """Give what is in the basket: names of fruits, each with how many there are."""
    return {"pear": 4, "melon": 2, "plum": 15}


def get_grams(fruit: str) -> float:
    """Give the weight of one fruit, in grams.

    Args:
        fruit: The fruit.
    """
    return {"pear": 178.0, "melon": 1500.0, "plum": 66.0}[fruit]


def count_visitors(gate: str) -> int:
    """Give how many visitors came through a gate of the zoo.

    Args:
        gate: The gate.
    """
    gates = {"gate_n": 1204, "gate_s": 874}
    if gate not in gates:
        raise KeyError(f"gate {gate!r} does not exist, only {sorted(gates)} do")
    return gates[gate]


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
    _task(
        "rent",
        "one tool",
        number(9750),
        get_rent,
        question="How much rent is paid for flat 3B in a whole year, in euros?",
    ),
    _task(
        "cities",
        "correcting an error",
        number(313_000),
        get_population,
        question="How many more people live in Lisbon than in Porto?",
    ),
    _task(
        "sunrise",
        "correcting an error",
        phrase("05:58"),
        get_sunrise,
        question="When did the sun rise in Ulm on 14 July 2022?",
    ),
    _task(
        "boiler",
        "dependent tools",
        number(2025),
        find_notes,
        read_note,
        question="In which year must the boiler be checked next? The notes say it.",
    ),
    _task(
        "basket",
        "dependent tools",
        number(4702),
        get_basket,
        get_grams,
        question="How many grams does all the fruit in the basket weigh together?",
    ),
    _task(
        "zoo",
        "correcting an error",
        number(2078),
        count_visitors,
        question="How many visitors came through the north and the south gate together?",
    ),
    _task(
        "euros",
        "arithmetic",
        number(36.65),
        question="A bill of 87.26 euros is paid by 2 people who pay 25.305 euros each; what is left for the third? "
        "Round to 2 decimals.",
    ),
    _task(
        "order",
        "text",
        members(["lamp", "blue", "old", "the"], ordered=True),
        question="Write the words of 'the old blue lamp' from the last to the first.",
    ),
)
"""In the order in which they are run."""
