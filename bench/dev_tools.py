"""The tools of the tasks for tuning.

Imports nothing of ours, for the peer's interpreter loads them too.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

__all__ = (
    "book_table",
    "count_article",
    "count_visitors",
    "find_books",
    "find_notes",
    "find_room",
    "get_basket",
    "get_birth_year",
    "get_desk",
    "get_extension",
    "get_fare",
    "get_grams",
    "get_members",
    "get_points",
    "get_population",
    "get_rate",
    "get_rent",
    "get_score",
    "get_seats",
    "get_speed",
    "get_sunrise",
    "get_teams",
    "get_tide",
    "get_timetable",
    "load_fuel",
    "load_marks",
    "load_offices",
    "load_parcels",
    "load_readings",
    "load_rivers",
    "load_sightings",
    "load_staff",
    "load_stall",
    "load_trees",
    "load_visits",
    "read_note",
)


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


def load_stall() -> pd.DataFrame:
    """Load what a market stall sold: a pandas data frame with the columns 'ware', 'each' (euros a piece) and 'pieces'."""
    rows = [("basket", 12.5, 4), ("candle", 3.0, 30), ("basket", 11.0, 6), ("scarf", 18.0, 7), ("candle", 2.5, 8)]
    return pd.DataFrame(rows, columns=["ware", "each", "pieces"])


def load_sightings() -> pd.DataFrame:
    """Load the birds that were seen, one row for each sighting, with the columns 'bird' and 'place'."""
    birds = ["Wren", "Heron", "Wren", "Jay", "Heron", "Heron", "Owl"]
    return pd.DataFrame({"bird": birds, "place": ["pond", "pond", "wood", "wood", "field", "pond", "wood"]})


def load_marks() -> pd.DataFrame:
    """Load the school marks of some pupils, one row for each pupil."""
    columns = ["Pupil", "Maths", "French", "Music"]
    rows = [("Ida", 11, 14, 8), ("Jim", 15, 9, 13), ("Kim", 12, 13, 11), ("Leo", 17, 6, 10)]
    return pd.DataFrame(rows, columns=columns)


def load_parcels() -> pd.DataFrame:
    """Load the parcels in the store as a data frame with the columns 'number', 'kilos' and 'sent' (yes or no)."""
    sent = ["no", "yes", "no", "no", "yes", "no"]
    return pd.DataFrame({"number": range(71, 77), "kilos": [7.2, 9.0, 3.1, 5.5, 1.0, 12.4], "sent": sent})


def load_visits() -> pd.DataFrame:
    """Load the visits to a practice: a data frame with the columns 'patient' and 'visited' (date and time)."""
    visited = pd.to_datetime(["2021-05-03 09:30", "2021-11-20 16:00", "2021-07-14 08:15", "2021-11-02 11:45"])
    return pd.DataFrame({"patient": ["Moss", "Thorn", "Reed", "Moss"], "visited": visited})


def load_staff() -> pd.DataFrame:
    """Load the people who work for the firm, as a data frame with the columns 'person' and 'site' (the office's code)."""
    return pd.DataFrame({"person": ["Ana", "Ben", "Carl", "Dora", "Eli"], "site": ["O2", "O1", "O2", "O3", "O2"]})


def load_offices() -> pd.DataFrame:
    """Load the firm's offices, as a data frame with the columns 'code' and 'country'."""
    return pd.DataFrame({"code": ["O1", "O2", "O3"], "country": ["Norway", "Spain", "Norway"]})


def load_readings(sensor: str) -> pd.DataFrame:
    """Load the readings of a sensor as a data frame; a value is missing where the sensor failed.

    Args:
        sensor: The sensor's name.
    """
    values = {"attic": [19.5, None, 21.0, 18.0, None, 24.5]}[sensor.lower()]
    return pd.DataFrame({"hour": range(8, 14), "degrees": values})


def load_rivers() -> pd.DataFrame:
    """Load some rivers of Europe, with their lengths."""
    rows = [("Elbe", 1094), ("Tagus", 1007), ("Loire", 1006), ("Oder", 854), ("Rhone", 813), ("Vistula", 1047)]
    return pd.DataFrame(rows, columns=["river", "length_km"])


def load_fuel() -> pd.DataFrame:
    """Load the times that a van was filled up: a data frame with the columns 'when', 'litres' and 'euros'."""
    rows = [("May", 42.0, 75.6), ("May", 38.0, 64.6), ("June", 50.0, 95.0), ("July", 30.0, 51.0), ("June", 20.0, 35.0)]
    return pd.DataFrame(rows, columns=["when", "litres", "euros"])


def get_desk(person: str) -> str:
    """Give the desk at which a person sits.

    Args:
        person: First name of the person.
    """
    return {"Nora": "D-12", "Otto": "D-31"}[person]


def get_extension(desk: str) -> str:
    """Give the telephone extension of a desk.

    Args:
        desk: The desk's code.
    """
    return {"D-12": "5571", "D-31": "5510"}[desk]


def get_fare(destination: str) -> dict[str, Any]:
    """Give the fare of a ferry, with its currency.

    Args:
        destination: The port where the ferry goes.
    """
    return {"Bergen": {"fare": 840, "currency": "NOK"}, "Dover": {"fare": 66, "currency": "GBP"}}[destination]


def get_rate(currency: str) -> float:
    """Give how many euros one unit of a currency is worth.

    Args:
        currency: The currency's code.
    """
    return {"NOK": 0.0875, "GBP": 1.15}[currency]


def get_members(club: str) -> list[str]:
    """Give the members of a club.

    Args:
        club: The club.
    """
    return {"chess": ["Vera", "Will", "Xenia"], "rowing": ["Yann"]}[club]


def get_birth_year(member: str) -> int:
    """Give the year in which a member was born.

    Args:
        member: The member's name.
    """
    return {"Vera": 1988, "Will": 1969, "Xenia": 2003, "Yann": 1991}[member]


def count_article(article: int) -> int:
    """Give how many pieces of an article are in stock.

    Args:
        article: The number of the article, of five digits.
    """
    if article < 10_000:
        raise ValueError(f"article {article} is an old number: add 40000 to it")
    return {40_217: 63, 41_805: 9}[article]


def get_score(game: str, player: str) -> int:
    """Give the score of a player.

    Args:
        game: The game.
        player: The player.
    """
    scores = {"darts": {"rob_b": 141, "sue_k": 167}}[game.lower()]
    if player not in scores:
        raise LookupError(f"nobody called {player!r} has played {game}; the players are: {', '.join(scores)}")
    return scores[player]


def book_table(guests: int, time: str) -> str:
    """Book a table for the evening and give the number of the booking.

    Args:
        guests: How many guests come.
        time: When they come.
    """
    if time not in ("18:30", "20:45"):
        raise ValueError(f"no table is free at {time}; tables are free at 18:30 and 20:45")
    return f"T{guests}-{time.replace(':', '')}"
