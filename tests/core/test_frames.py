"""Data frames in programs: what the model is told where it asked for what is not there."""

from __future__ import annotations

import pandas as pd
import pytest

from codeling.testing import ScriptedModel

from .helpers import agent


def load_pets() -> pd.DataFrame:
    """Load the pets."""
    return pd.DataFrame({"pet": ["cat", "dog"], "age": [3, 11]})


def told(*programs: str) -> list[str]:
    """Give what the model is told of each program."""
    worker = agent([*(f">{program}" for program in programs), ">final_answer(0)"], tools=[load_pets])
    worker.run("Do it.")
    worker.close()
    assert isinstance(worker.model, ScriptedModel)
    last = worker.model.requests[-1].messages
    return [message.content for message in last[-2 * len(programs) + 1 :: 2]]


@pytest.mark.parametrize(
    "program",
    ["d['weight']", "d.weight", "d.groupby('weight').sum()", "d.sort_values('weight')", "d.loc[0, 'weight']"],
)
def test_an_unknown_column_tells_the_columns(program: str) -> None:
    """However a program asks for a column that is not there, its error says which there are, and what is in them."""
    (error,) = told(f"d = load_pets()\n{program}")

    assert "weight" in error
    assert error.count("KeyError: 'weight'") <= 1
    assert error.endswith("Note: the columns, with their first values, are 'pet': 'cat', 'age': 3.")


def test_an_unknown_label_of_a_row_tells_the_labels() -> None:
    """A row is a series; its labels are told as columns are."""
    (error,) = told("row = load_pets().iloc[0]\nrow['weight']")

    assert error.endswith("Note: there are 'pet', 'age'.")


def test_the_label_of_a_row_is_no_column() -> None:
    """A program that takes a row as if it were a column is told how to get it."""
    (error,) = told("d = load_pets()\nd[d['age'].idxmax()]")

    assert error.endswith("Note: 1 is the label of a row, which .loc[1] gives.")


def test_a_type_that_does_not_suit_tells_the_columns() -> None:
    """What cannot be done with all columns shows what they hold."""
    (error,) = told("load_pets().mean(axis=1)")

    assert "'pet': 'cat', 'age': 3" in error
    assert error.endswith("Note: numeric_only=True leaves the columns of text out.")


@pytest.mark.parametrize("program", ["none.iloc[0]", "none['age'].iloc[0]", "none['age'].idxmax()", "none.loc[0]"])
def test_an_error_of_an_empty_selection_says_that_it_is_empty(program: str) -> None:
    """Where no row matched, the error is of another kind in each place; the note is the same."""
    (error,) = told(f"d = load_pets()\nnone = d[d['pet'] == 'Cat']\n{program}")

    assert error.endswith("Note: it is empty. First print all the data, to see how its values are written.")


def test_a_frame_of_strange_values_has_an_error_all_the_same() -> None:
    """What cannot be shown is left out, and nothing else is."""
    strange = "class Odd:\n    def __repr__(self):\n        return 1 / 0\n"
    (error,) = told(f"{strange}import pandas\npandas.DataFrame({{'a': [Odd()]}})['b']")

    assert error.endswith("KeyError: 'b'")


def test_other_errors_have_no_such_note() -> None:
    """The key of a dict is not looked for in a frame, nor is a frame's wrong value a wrong name."""
    key, value = told("d = load_pets()\n{}['weight']", "d['pet'].astype(int)")

    assert "Note" not in key
    assert "Note" not in value


def test_a_function_used_as_its_value_is_to_be_called() -> None:
    """The name of a tool is not the data that it gives."""
    (error,) = told("load_pets['age']")

    assert "'Tool' object is not subscriptable" in error
    assert error.endswith("has to be called, with ().")


@pytest.mark.parametrize(
    "program",
    [
        "d[d['pet'] == 'Cat']",
        "print(d[d['pet'] == 'Cat'])",
        "print(d[d['pet'] == 'Cat']['age'])",
        "print(d[d['pet'] == 'Cat']['age'].mean())",
        "d[d['pet'] == 'Cat']['age'].mean()",
    ],
)
def test_what_is_empty_sends_the_model_back_to_the_data(program: str) -> None:
    """Where a condition held nowhere, the model is told to see how the values are written."""
    (output,) = told(f"d = load_pets()\n{program}")

    assert "It is empty: perhaps nothing matched." in output


def test_what_is_not_empty_is_shown_alone() -> None:
    """A frame with rows, a word that begins like nan, an error: nothing is said of emptiness."""
    frame, word, error = told("print(load_pets())", "print('nano')", "print('nan')\n1 / 0\n")

    assert frame == "Output:\n   pet  age\n0  cat    3\n1  dog   11"
    assert word == "Output:\nnano"
    assert error.startswith("Output:\nnan\n")
