"""The tools of the judged tasks: plain typed functions with Google-style docstrings, which every agent takes.

They are small worlds of their own, the same at every call. The last ones refuse what one would try
first and say what they take, so that an agent must read the error and correct itself. Imports nothing
of ours, for the peer's interpreter loads it too.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

# Filtering


def list_orders() -> list[dict[str, Any]]:
    """List all orders; each is a dict with the keys 'id' (int), 'customer' (str), 'total' (float) and 'paid' (bool)."""
    rows = [(811, "Ito", 89.5, False), (812, "Marsh", 240.0, False), (813, "Ito", 130.0, True)]
    rows += [(814, "Okoye", 101.2, False), (815, "Marsh", 99.9, False), (816, "Silva", 412.0, True)]
    return [dict(zip(("id", "customer", "total", "paid"), row, strict=True)) for row in rows]


def get_employees() -> list[dict[str, Any]]:
    """List all employees; each is a dict with the keys 'name' (str), 'office' (str) and 'since' (int, a year)."""
    rows = [("Greta", "Berlin", 2016), ("Omar", "Lisbon", 2014), ("Petra", "Berlin", 2021)]
    rows += [("Karim", "Berlin", 2018), ("Luis", "Lisbon", 2020), ("Nadia", "Berlin", 2019)]
    return [dict(zip(("name", "office", "since"), row, strict=True)) for row in rows]


def read_log(service: str) -> str:
    """Read the log of a service, one entry a line.

    Args:
        service: Name of the service.
    """
    logs = {
        "billing": "INFO start\nERROR disk full\nWARN slow\nERROR no route\nINFO no ERROR since\nERROR disk full\nINFO stop"
    }
    return logs[service.lower()]


# One tool


def get_stock(item: str) -> int:
    """Give how many pieces of an item are in the warehouse.

    Args:
        item: The item in the singular, such as 'nail'.
    """
    return {"hinge": 1460, "washer": 927, "bracket": 318}[item.lower()]


def describe_book(isbn: str) -> dict[str, Any]:
    """Describe a book: a dict with the keys 'title' (str), 'author' (str), 'pages' (int) and 'year' (int).

    Args:
        isbn: The book's ISBN, digits only.
    """
    books = {"9780141439587": ("Emma", "Jane Austen", 474, 1815)}
    return dict(zip(("title", "author", "pages", "year"), books[isbn.replace("-", "")], strict=True))


def get_road_distance(start: str, end: str) -> float:
    """Give the distance by road between two towns, in kilometres.

    Args:
        start: Name of the first town.
        end: Name of the second town.
    """
    return {frozenset({"lyon", "turin"}): 313.0}[frozenset({start.lower(), end.lower()})]


def get_exchange_rate(source: str, target: str) -> float:
    """Give how much one unit of a currency is worth in another one.

    Args:
        source: Three-letter code of the currency that one has.
        target: Three-letter code of the currency that one wants.
    """
    return {("EUR", "CHF"): 0.935, ("CHF", "EUR"): 1.0695}[source.upper(), target.upper()]


# Several dependent tools


def find_customer(name: str) -> int:
    """Give the number of a customer.

    Args:
        name: The customer's full name.
    """
    return {"ada brandt": 5521, "ben castro": 5522}[name.lower()]


def list_invoices(customer: int) -> list[dict[str, Any]]:
    """List a customer's invoices; each is a dict with the keys 'amount' (float) and 'status' ('open' or 'paid').

    Args:
        customer: The customer's number.
    """
    rows = {5521: [(75.5, "open"), (310.0, "paid"), (44.25, "open")], 5522: [(12.0, "open")]}[customer]
    return [{"amount": amount, "status": status} for amount, status in rows]


def get_manager(person: str) -> str:
    """Give the name of a person's manager.

    Args:
        person: The person's first name.
    """
    return {"Tom": "Ingrid", "Ingrid": "Rafael", "Rafael": "Yumi"}[person.title()]


def list_stations() -> list[str]:
    """List the names of all weather stations."""
    return ["Ridge", "Harbour", "Valley", "Airport"]


def get_reading(station: str) -> dict[str, float]:
    """Give the latest reading of a weather station, with the keys 'celsius' and 'wind'.

    Args:
        station: Name of the station.
    """
    celsius, wind = {"ridge": (-3.5, 41.0), "harbour": (6.0, 22.0), "valley": (-7.2, 4.0), "airport": (1.1, 30.0)}[
        station.lower()
    ]
    return {"celsius": celsius, "wind": wind}


def get_recipe(dish: str) -> dict[str, int]:
    """Give the ingredients of a dish, each with its weight in grams.

    Args:
        dish: Name of the dish.
    """
    return {"porridge": {"oats": 250, "milk": 800, "honey": 50}}[dish.lower()]


def get_price(ingredient: str) -> float:
    """Give the price of an ingredient, in euros a kilogram.

    Args:
        ingredient: Name of the ingredient.
    """
    return {"oats": 2.4, "milk": 1.1, "honey": 14.0}[ingredient.lower()]


def search_documents(query: str) -> list[str]:
    """Search the archive and give the ids of the documents that fit.

    Args:
        query: One or more words.
    """
    return ["D-17", "D-42"] if "bridge" in query.lower() else []


def open_document(document: str) -> str:
    """Give the text of a document of the archive.

    Args:
        document: The document's id.
    """
    return {
        "D-17": "Harbour Bridge, opened 1931. Length 504 metres. Toll ended in 1978.",
        "D-42": "Harbour Bridge, maintenance: last painted in 2012. It is to be painted anew every 19 years.",
    }[document]


# Data frames


def load_sales() -> pd.DataFrame:
    """Load the sales as a pandas data frame with the columns 'month', 'region', 'units' and 'price' (euros a unit)."""
    rows = [("Jan", "North", 12, 9.5), ("Jan", "South", 30, 8.0), ("Feb", "North", 20, 9.0), ("Feb", "South", 11, 8.5)]
    rows += [("Mar", "North", 7, 10.0), ("Mar", "South", 33, 7.5)]
    return pd.DataFrame(rows, columns=["month", "region", "units", "price"])


def load_scores() -> pd.DataFrame:
    """Load the exam scores as a pandas data frame with the columns 'student', 'subject' and 'score'."""
    scores = {"Mia": (71, 88, 64), "Jon": (90, 58, 81), "Eve": (77, 79, 78)}
    subjects = ("maths", "physics", "art")
    rows = [
        (name, subject, score) for name, row in scores.items() for subject, score in zip(subjects, row, strict=True)
    ]
    return pd.DataFrame(rows, columns=["student", "subject", "score"])


def load_rainfall() -> pd.DataFrame:
    """Load the rainfall as a pandas data frame with the columns 'date' (text such as '2023-05-01') and 'mm' (float)."""
    mm = [0.0, 4.2, 12.5, 0.0, 9.9, 10.1, 31.0, 0.3, 0.0, 18.4]
    return pd.DataFrame({"date": [f"2023-05-{number:02}" for number in range(1, 11)], "mm": mm})


# Correcting an error


def get_weight(animal: str, unit: str) -> float:
    """Give the weight of a zoo animal.

    Args:
        animal: The animal's name.
        unit: The unit of the weight.
    """
    if unit not in ("kg", "lb"):
        raise ValueError(f"unknown unit {unit!r}: use 'kg' or 'lb'")
    return {"tembo": 5140.0, "koko": 171.0}[animal.lower()] * (1.0 if unit == "kg" else 2.20462)


def read_setting(key: str) -> int:
    """Read one setting of the server.

    Args:
        key: Name of the setting.
    """
    settings = {"net.port": 8443, "net.timeout_ms": 4500, "log.days": 30}
    if key not in settings:
        raise KeyError(f"no setting {key!r}; the settings are {', '.join(settings)}")
    return settings[key]


def get_closing_price(symbol: str, date: str) -> float:
    """Give the price of a share at the end of a day.

    Args:
        symbol: The share's symbol.
        date: The day.
    """
    try:
        on = tuple(int(part) for part in date.split("/"))
    except ValueError:
        on = ()
    if len(on) != 3 or on[2] < 1900:
        raise ValueError(f"cannot read the date {date!r}: write it as day/month/year, such as 31/12/1999")
    return {(6, 11, 2023): 58.4, (11, 6, 2023): 61.7}[on]


def get_area(country: str) -> int:
    """Give the area of a country in square kilometres.

    Args:
        country: The country.
    """
    areas = {"PT": 92230, "GR": 131957, "IE": 70273}
    if country not in areas:
        raise ValueError(f"unknown country {country!r}: use one of the codes {', '.join(areas)}")
    return areas[country]


def total_of(column: str) -> float:
    """Give the sum of a column of the expenses table.

    Args:
        column: Name of the column.
    """
    totals = {"trip_cost": 1893.4, "meal_cost": 402.75, "days": 21.0}
    if column not in totals:
        raise KeyError(f"there is no column {column!r}; the columns are {sorted(totals)}")
    return totals[column]
