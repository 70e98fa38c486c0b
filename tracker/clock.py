"""The only clock."""

import datetime


def now() -> datetime.datetime:
    """The present instant, in UTC and aware of it."""
    return datetime.datetime.now(datetime.UTC)


def today() -> datetime.date:
    """The calendar date where this system runs."""
    return datetime.date.today()
