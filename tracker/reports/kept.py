"""Figures that a record takes from a report: how they are kept, asked for again, and known to be out of date.

A record that is `FromReport` keeps what the report was asked, the day up to which records count, what it said, and a
fingerprint of the data that it was computed from. The trials are always among what was asked, so that a trial that is
entered later, or that another reader does not see, changes nothing.

The fingerprint is of the data as they are stored, the same for every reader: to be assigned to a trial, or to release
its results, makes nothing stale. It is made anew only where the DataVersion of one of these trials has moved.
"""

import datetime
from collections.abc import Iterable

from werkzeug.datastructures import MultiDict

from tracker.reads.kept import DataState, data_state
from tracker.reports.base import Result, ask, run_report
from tracker.values import Refusal


def keep(record, result: Result, figures: dict) -> None:
    """Make the record rest on what the report said. figures: plain values by name."""
    record.report = result.report.slug
    record.parameters = parameters_of(result)
    record.as_of = result.form.as_of.data
    record.figures = figures
    record.fingerprint = _fingerprint(record, data_state())


def rerun(record, as_of: datetime.date | None = None) -> Result:
    """The record's report again, on what the reader sees now; up to another day where one is given."""
    return run_report(record.report, arguments_of(record, as_of))


def arguments_of(record, as_of: datetime.date | None = None) -> list[tuple[str, str]]:
    """What the record's report is asked, as pairs of a parameter and its value."""
    return [*map(tuple, record.parameters), ("as_of", (as_of or record.as_of).isoformat())]


def stale(records: Iterable) -> set[int]:
    """The numbers of those records whose data have changed since they took their figures.

    So have those of a report that cannot be asked any more, because a trial or an assay goes by another name.
    """
    kept = [one for one in records if one.fingerprint is not None]
    if not kept:
        return set()
    state = data_state()
    return {one.id for one in kept if _fingerprint(one, state) != one.fingerprint}


def parameters_of(result: Result) -> list[list[str]]:
    """Every parameter that took effect, but for as_of, as pairs of texts; the trials are named."""
    values = {name: value for name, value in result.parameters.items() if name != "as_of"}
    if not values.get("trial"):
        values["trial"] = sorted(result.frames[0]["trial"].dropna().unique())
    return [
        [name, str(one)]
        for name, value in sorted(values.items())
        for one in (value if isinstance(value, (list, tuple)) else [value])
        if one is not None
    ]


def _fingerprint(record, state: DataState) -> str | None:
    arguments = arguments_of(record)

    def computed():
        try:
            return ask(record.report, arguments).fingerprint
        except Refusal:
            return None

    codes = MultiDict(arguments).getlist("trial")
    return state.told(codes, (record.report, tuple(arguments)), computed)
