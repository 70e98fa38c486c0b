"""How the text of a field is read: where it comes from, and what its model's column makes of it."""

import datetime
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
import sqlalchemy as sa

from tracker import values
from tracker.models.base import Code

#: Study days are stored as dates counted from this one, which is day 1.
DAY_ONE = datetime.date(2000, 1, 1)

DAYS_A_MONTH = 30.4375

#: For a stored unit, what a source's unit is multiplied with and then divided by.
UNITS = {
    "months": {"days": (1, DAYS_A_MONTH), "weeks": (7, DAYS_A_MONTH), "months": (1, 1), "years": (12, 1)},
    "years": {"days": (1, 365.25), "weeks": (7, 365.25), "months": (1, 12), "years": (1, 1)},
    "fraction": {"fraction": (1, 1), "percent": (1, 100)},
}

#: The day before the first one that Excel counts, as the 1900 system of dates is used after February 1900.
_EXCEL_DAY_ZERO = pd.Timestamp(1899, 12, 30)


@dataclass(frozen=True)
class Origin:
    """Where the text of a field comes from: a column, a constant, or the row's number after a prefix.

    unknown: what is said of a cell that `values` has nothing for, where it should not list what they are for.
    """

    column: str | None = None
    constant: str | None = None
    prefix: str | None = None
    values: dict[str, str] | None = None
    unit: str | None = None
    date_format: str | None = None
    unknown: str | None = None


@dataclass(frozen=True)
class Field:
    """How a field is read.

    read: from a column of text, its origin and the source's decimal mark, to a column of values and the
    messages of the faulty rows, as the column readers of `values` give them.
    unit: of a time or a rate, the unit that is stored. refers_to: the section whose records the field names.
    """

    read: Callable
    dtype: str
    unit: str | None = None
    refers_to: str | None = None


TEXT, NUMBER, INTEGER, YES_NO, DATE = "str", "float64", "Int64", "boolean", "datetime64[us]"


def model_fields(model, names, **special) -> dict[str, Field]:
    return {name: special.get(name) or _of_column(getattr(model, name).type) for name in names.split()}


def _of_column(kind) -> Field:
    """How a column of this SQL type is read."""
    if isinstance(kind, Code):
        return term_field(kind.codes)
    if isinstance(kind, sa.Enum):
        return term_field(kind.enum_class)
    if isinstance(kind, sa.Boolean):
        return Field(lambda texts, origin, decimal: values.read_booleans(texts), YES_NO)
    if isinstance(kind, sa.Date):
        return Field(_read_dates, DATE)
    if isinstance(kind, sa.Integer):
        return integer_field()
    if isinstance(kind, sa.Float):
        return number_field()
    if isinstance(kind, sa.Text):
        return Field(
            lambda texts, origin, decimal: values.read_texts(texts, multiline=True, maximum=20_000), TEXT
        )
    return Field(lambda texts, origin, decimal: values.read_texts(texts, maximum=kind.length), TEXT)


def term_field(terms):
    return Field(lambda texts, origin, decimal: values.read_terms(texts, terms), TEXT)


def code_field(refers_to=None):
    return Field(lambda texts, origin, decimal: values.read_codes(texts), TEXT, refers_to=refers_to)


def name_field(refers_to, maximum=100):
    return Field(
        lambda texts, origin, decimal: values.read_texts(texts, maximum=maximum), TEXT, refers_to=refers_to
    )


def integer_field(minimum=0, maximum=values.INTEGER_LIMIT):
    return Field(lambda texts, origin, decimal: values.read_integers(texts, minimum, maximum), INTEGER)


def number_field(minimum=None, maximum=None, unit=None):
    def read(texts, origin, decimal):
        times, by = UNITS[unit][origin.unit or unit] if unit else (1, 1)
        limits = {"minimum": minimum, "maximum": None if maximum is None else maximum * by / times}
        numbers, faults = values.read_numbers(texts, decimal=decimal, **limits)
        return numbers * times / by, faults

    return Field(read, NUMBER, unit=unit)


def _read_dates(texts, origin, decimal):
    """Dates in the origin's format; or ISO and Excel's numbers of days, as dates come out of spreadsheets."""
    dates, faults = values.read_dates(texts, date_format=origin.date_format)
    unread = texts[faults.index]
    is_iso = unread.str.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}").astype(bool)
    known = excel_dates(unread).fillna(values.read_dates(unread.where(is_iso))[0])
    return dates.fillna(known), faults[known.isna()]


def excel_dates(texts: pd.Series) -> pd.Series:
    """The dates of cells that hold nothing but Excel's number of a day, 1927 to 2091; others are missing."""
    numbers = pd.to_numeric(texts.where(texts.str.fullmatch("[1-6][0-9]{4}").fillna(False).astype(bool)))
    return (_EXCEL_DAY_ZERO + pd.to_timedelta(numbers.astype("float64"), unit="D")).astype(DATE)


def _read_study_days(texts, origin, decimal):
    days, faults = values.read_study_days(texts)
    # There is no day 0: the day before day 1 is day -1.
    offsets = pd.to_timedelta((days - (days > 0).astype("Int64")).astype("float64"), unit="D")
    return (pd.Timestamp(DAY_ONE) + offsets).astype(DATE), faults


STUDY_DAY = Field(_read_study_days, DATE)


# What an assay gives


def _read_bounded(texts, origin, decimal):
    """Numbers, also those that are only a bound, such as <5."""
    numbers = texts.map(lambda text: values.split_bound(text)[1], na_action="ignore")
    return values.read_numbers(numbers, decimal=decimal)


def _read_bounds(texts, origin, decimal):
    """How such numbers stand to what was measured; nothing is faulty that is not so as a number."""
    bounds = texts.map(lambda text: values.split_bound(text)[0], na_action="ignore").astype(TEXT)
    return bounds, pd.Series([], texts.index[:0], TEXT)


def _read_zero_or_one(texts, origin, decimal):
    found, faults = values.read_booleans(texts)
    return found.astype(NUMBER), faults


BOUNDED_NUMBER, BOUND = Field(_read_bounded, NUMBER), Field(_read_bounds, TEXT)
ZERO_OR_ONE = Field(_read_zero_or_one, NUMBER)
