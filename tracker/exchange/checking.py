"""The checks that forms share, on all records of a file; and how their faults are told."""

import functools

import pandas as pd
import sqlalchemy as sa
from flask_babel import gettext as _

from tracker import clock
from tracker.exchange.faults import Faults
from tracker.exchange.fields import DATE, DAY_ONE, INTEGER, YES_NO
from tracker.rules.checks import Check, Weight, checked_columns, run_checks
from tracker.rules.privacy import (
    NAMING,
    find_personal,
    find_personal_in_code,
    find_personal_rows,
    kinds_of,
)

#: Fields that hold codes.
_CODES = {"code", "barcode", "label"}


def refuse(section, cells, field, message, reading):
    """Add a fault for each of these cells, unless its cell is faulty already.

    cells: the values, indexed as the section's records are: by the file's row, or the mapping's table. message: one
    text, or a Series of texts with that index.
    """
    if not section.in_rows:
        for table in cells.index:
            key = reading.frames[section.place].loc[table, section.key]
            place = f"{section.title} {key}, {field}"
            what = message[table] if isinstance(message, pd.Series) else message
            reading.faults.add(_("%(name)s: %(what)s", name=place, what=what))
        return
    column = reading.named.get(section.place, {}).get(field, field)
    known = reading.faults.rows(column)
    is_open = [row not in known for row in cells.index]
    reading.faults.add_rows(
        cells[is_open], column, message[is_open] if isinstance(message, pd.Series) else message
    )


def check_records(section, records, resulting, reading, more=None) -> list[tuple[Check, pd.DataFrame]]:
    """Run the checks on records as they would be stored: faults where they refuse, warnings where they ask.

    resulting: for each section all records of the trial by key, as they would be. more: columns that the checks
    know beside those. Returns the checks that open queries, with the records that they find.
    """
    if records.empty:
        return []
    columns = _columns(section, records, resulting)
    columns = columns.assign(**more) if more is not None else columns
    queries = []
    for found in run_checks(section.model.__tablename__, columns):
        mask = found.mask & ~_faulty(section, found.check.columns, records.index, reading)
        if found.check.weight is Weight.QUERY:
            queries.append((found.check, records[mask]))
        field = _field_to_name(section, found.check, reading)
        cells = records[field] if field in records else records[section.key]
        undated = columns.get("undated", columns.get("participant_undated"))
        cells = shown(cells[mask], undated)
        if found.check.weight is Weight.REFUSE:
            refuse(section, cells, field, found.messages[cells.index], reading)
        elif section.in_rows:
            column = reading.named.get(section.place, {}).get(field, field)
            reading.warnings.add_rows(cells, column, found.messages[cells.index])
    return queries


def _field_to_name(section, check, reading):
    """The field that the check names, or another that it looks at, if the file has only that."""
    named = reading.named.get(section.place, {})
    fields = [section.named(name) for name in (check.field, *check.columns)]
    return next((name for name in fields if name in named), fields[0])


def _columns(section, records, resulting) -> pd.DataFrame:
    """The columns that `rules.checks` speaks of: those of the records, and of what they point to."""
    wanted = checked_columns(section.model.__tablename__) | {"participant_undated"}
    columns = {"today": pd.Series(pd.Timestamp(clock.today()), records.index)}
    for name, one in section.fields.items():
        if not one.refers_to:
            columns[section.attribute(name)] = _plain(records[name])
        elif one.refers_to in resulting:
            others = resulting[one.refers_to]
            others = others[[other for other in others if f"{name}_{other}" in wanted]]
            others = others.reindex(records[name]).set_axis(records.index)
            for other in others:
                columns[f"{name}_{other}"] = _plain(others[other])
        if one.refers_to:
            columns[f"{name}_id"] = records[name].notna().map({True: 1.0, False: float("nan")})
    if section.name != "trial":
        (trial,) = resulting["trial"].reset_index().to_dict("records")
        kinds = resulting["trial"].reset_index().dtypes
        for name in (name for name in trial if f"trial_{name}" in wanted):
            columns[f"trial_{name}"] = _plain(pd.Series(trial[name], records.index, dtype=kinds[name]))
    if section.name == "participant":
        columns["trial_code_letters"] = pd.Series(
            _usual_letters(resulting["participant"].index), records.index
        )
    return pd.DataFrame(columns)


def _plain(cells):
    """Whole numbers as float, which is what the checks expect."""
    return cells.astype("float64") if cells.dtype == INTEGER else cells


def _usual_letters(codes):
    """The letters that stand in at least two codes of the trial: those of one code alone may be initials."""
    letters = pd.Series(codes, dtype="str").str.upper().str.findall("[A-Z]{2,3}").explode().dropna()
    counts = letters.value_counts()
    return " ".join(sorted(counts.index[counts > 1]))


def _faulty(section, fields, index, reading):
    """Where one of the fields could not be read: what a check says of the rest may be wrong."""
    named = reading.named.get(section.place, {})
    names = [section.named(name) for name in fields]
    rows = set().union(*(reading.faults.rows(named[name]) for name in names if name in named))
    return pd.Series([row in rows for row in index], index, dtype=bool)


def record_names(section, records, undated) -> pd.Series:
    """What tells records apart whose section has no one field for it, joined: "P-1, TMB, baseline, day 1"."""
    first, *others = section.made_of
    names = records[first]
    for name in others:
        if name not in records:
            continue
        cells = records[name]
        if section.fields[name].dtype == DATE:
            cells = shown(cells, undated)
        names = names + (", " + cells.astype("str")).fillna("")
    return names


def shown(cells, undated=None) -> pd.Series:
    """Values as a person reads them; the dates of the undated as study days."""
    if cells.dtype == YES_NO:
        return cells.map({True: _("yes"), False: _("no")})
    if cells.dtype != DATE:
        return cells.astype(object).map(lambda value: f"{value:.15g}" if isinstance(value, float) else value)
    distinct = pd.Series(cells.dropna().unique())
    dates = cells.map(dict(zip(distinct, distinct.dt.strftime("%Y-%m-%d")))).astype("str")
    if undated is None:
        return dates
    offset = (distinct - pd.Timestamp(DAY_ONE)).dt.days
    days = [_("day %(day)d", day=day) for day in offset + (offset >= 0)]
    days = cells.map(dict(zip(distinct, days))).astype("str")
    return dates.mask(undated.reindex(cells.index).fillna(False).astype(bool), days)


def ask_about_persons(reading) -> tuple[Faults, str | None]:
    """The cells of any text that may tell who a person is, which somebody must confirm; and what the trail says of it.

    The trail says the fields, the kinds and how many: never a text.
    """
    asked, told = Faults(), []
    for section in reading.sections:
        frame = reading.frames.get(section.place)
        for name in () if frame is None else _texts_of(section, frame):
            find = functools.partial(find_personal, names=name not in NAMING)
            found = find_personal_rows(frame[name], find_personal_in_code if name in _CODES else find)
            if found.empty:
                continue
            column = reading.named.get(section.place, {}).get(name, name)
            messages = found.map(
                lambda hits: " ".join(
                    _("“%(words)s” may be %(kind)s.", words=one.words, kind=one.label) for one in hits
                )
            )
            if section.in_rows:
                asked.add_rows(frame.loc[found.index, name], column, messages)
            else:
                asked.add(
                    messages.iloc[0], column=f"{section.title}, {name}", value=frame.loc[found.index[0], name]
                )
            kinds = ", ".join(kinds_of(one for hits in found for one in hits))
            told.append(f"{section.name}.{name}: {kinds} ({len(found)})")
    return asked, "; ".join(told) or None


def _texts_of(section, frame):
    """The fields of a section that hold words of somebody, or a code."""
    for name in frame:
        if name in section.stored and not section.fields[name].refers_to:
            kind = getattr(section.model, section.attribute(name)).type
            if isinstance(kind, sa.String) and not isinstance(kind, sa.Enum):
                yield name
