"""The tasks that agents are judged by. Never tune a prompt on these: `tasks_dev.py` is for that.

Imports nothing of ours, for the peer's interpreter loads it too.
"""

from __future__ import annotations

from . import judged_tools as tools
from .checks import day, members, number, phrase
from .checks import task as _task

__all__ = ("TASKS",)

_SENTENCE = "An old elm and an ash stand in our orchard; under it grow ivy and moss."

TASKS = (
    _task(
        "savings",
        "arithmetic",
        number(1537.34),
        question="An account holds 1250 euros and grows by 3 percent at the end of each year. How many euros does it "
        "hold after 7 years? Round to 2 decimals.",
    ),
    _task(
        "multiples",
        "arithmetic",
        number(71071),
        question="What is the sum of all the multiples of 7 that are below 1000?",
    ),
    _task(
        "divisor",
        "arithmetic",
        number(42),
        question="What is the greatest common divisor of 3738 and 1638?",
    ),
    _task(
        "speed",
        "arithmetic",
        number(132.5),
        question="A train covers 318 km in 2 hours and 24 minutes. What is its mean speed in km/h?",
    ),
    _task(
        "vowels",
        "text",
        number(13),
        question=f"How many words of this sentence begin with a vowel? '{_SENTENCE}'",
    ),
    _task(
        "slug",
        "text",
        phrase("the-salt-path-of-winter"),
        question="Turn the title 'The Salt Path Of Winter' into a slug: lower case, its words joined by hyphens.",
    ),
    _task(
        "by_length",
        "text",
        members(["fig", "kiwi", "apple", "banana"], ordered=True),
        question="Give the words banana, fig, apple and kiwi as a list ordered by their length, the shortest first.",
    ),
    _task(
        "backwards",
        "text",
        phrase("quietly watched owls grey seven"),
        question="Write the sentence 'seven grey owls watched quietly' with its words in reverse order.",
    ),
    _task(
        "weekday",
        "dates",
        phrase("Sunday", wrong=("Saturday", "Monday")),
        question="Which day of the week was 20 July 1969?",
    ),
    _task(
        "between",
        "dates",
        number(297),
        question="How many days is it from 3 March 2024 to 25 December 2024?",
    ),
    _task(
        "later",
        "dates",
        day(2024, 3, 5),
        question="Which date is 45 days after 20 January 2024?",
    ),
    _task(
        "meeting",
        "dates",
        phrase("12:05"),
        question="A meeting begins at 09:50 and takes 135 minutes. At what time does it end, as HH:MM?",
    ),
    _task(
        "unpaid",
        "filtering",
        members([812, 814], wrong=(811, 813, 815, 816)),
        tools.list_orders,
        question="What are the ids of the unpaid orders with a total above 100?",
    ),
    _task(
        "berlin",
        "filtering",
        members(["Greta", "Karim"], wrong=("Omar", "Petra", "Luis", "Nadia")),
        tools.get_employees,
        question="Name the employees of the Berlin office who have been there since before 2019.",
    ),
    _task(
        "errors",
        "filtering",
        number(3),
        tools.read_log,
        question="How many entries of the billing service's log are errors, that is, begin with ERROR?",
    ),
    _task(
        "sixes",
        "filtering",
        members([18, 30, 54], wrong=(12, 20, 36, 45, 60)),
        question="Which numbers of the list [12, 18, 20, 30, 36, 45, 54, 60] can be divided by 6 but not by 4?",
    ),
    _task(
        "hinges",
        "one tool",
        number(486),
        tools.get_stock,
        question="Every door takes 3 hinges. How many doors can be made with the hinges that are in stock?",
    ),
    _task(
        "book",
        "one tool",
        phrase("Jane Austen"),
        tools.describe_book,
        question="Who wrote the book with the ISBN 9780141439587?",
    ),
    _task(
        "fuel",
        "one tool",
        number(18.78),
        tools.get_road_distance,
        question="A car takes 6 litres of fuel for 100 km. How many litres does it take for the road from Lyon "
        "to Turin?",
    ),
    _task(
        "francs",
        "one tool",
        number(224.4),
        tools.get_exchange_rate,
        question="How many Swiss francs (CHF) does one get for 240 euros (EUR)?",
    ),
    _task(
        "debt",
        "dependent tools",
        number(119.75),
        tools.find_customer,
        tools.list_invoices,
        question="How much does the customer Ada Brandt still have to pay, over all her open invoices?",
    ),
    _task(
        "manager",
        "dependent tools",
        phrase("Rafael", wrong=("Yumi",)),
        tools.get_manager,
        question="Who is the manager of Tom's manager?",
    ),
    _task(
        "coldest",
        "dependent tools",
        phrase("Valley", wrong=("Ridge", "Harbour", "Airport")),
        tools.list_stations,
        tools.get_reading,
        question="Which weather station is the coldest right now?",
    ),
    _task(
        "porridge",
        "dependent tools",
        number(2.18),
        tools.get_recipe,
        tools.get_price,
        question="What do all the ingredients of the dish porridge cost together, in euros?",
    ),
    _task(
        "bridge",
        "dependent tools",
        number(2031),
        tools.search_documents,
        tools.open_document,
        question="According to the archive, in which year must the Harbour Bridge be painted next?",
    ),
    _task(
        "revenue",
        "data frames",
        number(364),
        tools.load_sales,
        question="What is the revenue of the region North, that is, the sum of units times price?",
    ),
    _task(
        "best_student",
        "data frames",
        phrase("Eve", wrong=("Mia", "Jon")),
        tools.load_scores,
        question="Which student has the highest mean score over all subjects?",
    ),
    _task(
        "wet_days",
        "data frames",
        number(4),
        tools.load_rainfall,
        question="On how many days did more than 10 mm of rain fall?",
    ),
    _task(
        "best_month",
        "data frames",
        phrase("Jan", also=("January",), wrong=("Feb", "Mar", "February", "March")),
        tools.load_sales,
        question="In which month were the most units sold, over all regions?",
    ),
    _task(
        "elephant",
        "correcting an error",
        number(5140),
        tools.get_weight,
        question="How many kilograms does the animal Tembo weigh?",
    ),
    _task(
        "timeout",
        "correcting an error",
        number(4.5),
        tools.read_setting,
        question="How many seconds is the timeout of the server?",
    ),
    _task(
        "share",
        "correcting an error",
        number(58.4),
        tools.get_closing_price,
        question="What was the closing price of the share XAB on 6 November 2023?",
    ),
    _task(
        "larger",
        "correcting an error",
        number(39727),
        tools.get_area,
        question="By how many square kilometres is Greece larger than Portugal?",
    ),
    _task(
        "expenses",
        "correcting an error",
        number(19.18),
        tools.total_of,
        question="How much did meals cost on average per day, according to the expenses table? Round to 2 decimals.",
    ),
)
"""In the order in which they are run."""
