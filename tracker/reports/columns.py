"""How the columns of a report's tables are printed where people read: numbers, rates, groups and terms."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from flask_babel import LazyString, format_decimal, get_locale
from flask_babel import gettext as _

from tracker.forms.report import column_label, value_label
from tracker.terms.codes import ctcae_terms

#: Of fewer participants no percentage is shown, only x/n and the limits.
FEW = 5

#: Numbers of which a process remembers how they are written, and of percentages as many.
REMEMBERED = 20_000


class Cell(NamedTuple):
    """What a column prints of a row. names_row: whether it is one of the texts before the first number."""

    column: "Shown"
    text: str
    detail: str
    link: dict | None
    tone: str | None
    names_row: bool


@dataclass(frozen=True)
class Shown:
    """How a column is printed, on pages and in pdf: its head, what that means, a row's text and detail.

    is_prose: words that may take several lines, and do not name the row. fractions: the columns of the frame that
    it prints as percentages. sentence: what a row's number says, for a reader who is no statistician; it stands under
    the number on a card. link: where the text leads, as the arguments of `url_for`; a reader who may not open that
    gets the text alone. tone: how good a row's text is, where that is to be seen: good, warn, bad or neutral.
    """

    label: str
    text: Callable[[dict], str]
    explanation: str = ""
    detail: Callable[[dict], str] = lambda row: ""
    is_number: bool = True
    is_prose: bool = False
    fractions: tuple[str, ...] = ()
    sentence: Callable[[dict], str] = lambda row: ""
    link: Callable[[dict], dict | None] = lambda row: None
    tone: Callable[[dict], str | None] = lambda row: None

    def cell(self, row: dict, names_row: bool = False) -> Cell:
        """What it prints of this row."""
        return Cell(
            self, str(self.text(row)), str(self.detail(row)), self.link(row), self.tone(row), names_row
        )


def written(number: float, pattern: str) -> str:
    """A number as the reader's language writes it. pattern: as of CLDR, such as 0.00."""
    return _written(number + 0.0, pattern, get_locale())


@functools.lru_cache(maxsize=REMEMBERED)
def _written(number, pattern, _language):
    return format_decimal(number, pattern)


def percent(fraction: float, decimals: int = 1) -> str:
    """A fraction as the reader's language writes it."""
    return _percent(fraction + 0.0, decimals, get_locale())


@functools.lru_cache(maxsize=REMEMBERED)
def _percent(fraction, decimals, _language):
    number = format_decimal(100 * fraction, "0." + "0" * decimals if decimals else "0")
    return _("%(number)s%%", number=number)


def shown_group(name: str) -> Shown:
    """A column of groups, in the reader's words."""
    return Shown(
        LazyString(lambda: column_label(name)), lambda row: value_label(name, row[name]), is_number=False
    )


def shown_count(name: str, label: str, explanation: str = "") -> Shown:
    return Shown(label, lambda row: "—" if row[name] is None else str(row[name]), explanation)


def shown_text(name: str, label: str, is_prose: bool = False) -> Shown:
    return Shown(
        label, lambda row: "—" if row[name] is None else str(row[name]), is_number=False, is_prose=is_prose
    )


def shown_terms(name: str, label: str) -> Shown:
    """A column of CTCAE terms with semicolons between them, in the reader's words; a source's words as they are."""
    return Shown(
        label,
        lambda row: "—" if row[name] is None else "; ".join(map(term_label, row[name].split("; "))),
        is_number=False,
        is_prose=True,
    )


def term_label(term: str) -> str:
    return ctcae_terms.label(term, str(get_locale()))


def shown_fraction(name: str, label: str, explanation: str = "") -> Shown:
    """A fraction without limits, such as a chance."""
    return Shown(label, lambda row: written_fraction(row[name]), explanation, fractions=(name,))


def written_fraction(fraction: float | None) -> str:
    return "—" if fraction is None else percent(fraction)


def shown_rate(name: str, label: str, explanation: str = "") -> Shown:
    """A rate of n with its limits, from the columns name, name_low and name_high; of a few x/n instead."""

    def text(row):
        if row[name] is None:
            return "—"
        if row["n"] < FEW:
            return f"{round(row[name] * row['n'])}/{row['n']}"
        return percent(row[name])

    def detail(row):
        if row[name] is None:
            return ""
        low, high = (written(100 * row[f"{name}_{end}"], "0.0") for end in ("low", "high"))
        return f"({low}–{high})"

    return Shown(label, text, explanation, detail, fractions=(name, f"{name}_low", f"{name}_high"))
