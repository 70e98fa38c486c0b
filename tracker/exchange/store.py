"""Storing what a comparison found: new records and changed ones, in the transaction that is going on."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
import sqlalchemy as sa
from flask_babel import gettext as _

from tracker.audit import store_rows
from tracker.exchange.compare import Changes, Comparison
from tracker.exchange.sections import SECTIONS
from tracker.extensions import db, violated
from tracker.models import TrialMember
from tracker.scope import reader
from tracker.values import Refusal

#: The sections whose records others name.
_REFERRED_TO = {
    one.refers_to for section in SECTIONS.values() for one in section.fields.values() if one.refers_to
}

#: Records between two steps of progress.
_STEP = 5_000


@dataclass(frozen=True)
class Count:
    """How many records of a section were new, changed, and left as they are."""

    new: int
    changed: int
    unchanged: int


def count(comparison: Comparison) -> dict[str, Count]:
    """What the import does, by section."""
    counts: dict[str, Count] = {}
    for one in comparison.changes:
        before = counts.get(one.section.name, Count(0, 0, 0))
        counts[one.section.name] = Count(
            before.new + len(one.new),
            before.changed + len(one.changed),
            before.unchanged + one.unchanged,
        )
    return counts


def store(comparison: Comparison, progress: Callable | None = None) -> None:
    """Insert what is new and change what changes; the caller commits, `because` of a reason if need be.

    progress: called with records done, records in all, and what is being done. Raises Refusal.
    """
    if comparison.reading.faults:
        raise Refusal(_("The file has faults; nothing was stored."))
    total = sum(len(one.new) + len(one.changed) for one in comparison.changes)
    tell = _Progress(progress, total)
    try:
        comparison.regimens.store()
        ids = {name: comparison.stored[name]["id"].to_dict() for name in _REFERRED_TO - {"regimen"}}
        ids["regimen"] = comparison.regimens.ids
        trial_id = comparison.trial_id
        for changes in comparison.changes:
            name = changes.section.name
            inserted = _insert(changes, trial_id, ids, tell)
            _change(changes, ids, tell)
            if name in _REFERRED_TO:
                ids[name] |= inserted
            if name == "trial":
                trial_id = trial_id or inserted[comparison.reading.frames["trial"]["code"].item()]
                if comparison.trial_id is None and reader().user_id is not None:
                    # Whoever creates a trial is its first member.
                    db.session.add(TrialMember(user_id=reader().user_id, trial_id=trial_id))
        db.session.flush()
    except sa.exc.IntegrityError as error:
        raise _refused(error) from None


class _Progress:
    def __init__(self, tell, total):
        self._tell, self._total, self._done = tell, total, 0

    def __call__(self, number, text):
        self._done += number
        if self._tell:
            self._tell(self._done, self._total, text)


def _insert(changes: Changes, trial_id, ids, tell) -> dict[str, int]:
    """The ids of the new records by their keys."""
    section, inserted = changes.section, []
    owner = {"trial_id": trial_id} if hasattr(section.model, "trial_id") else {}
    for start in range(0, len(changes.new), _STEP):
        batch = changes.new.iloc[start : start + _STEP]
        inserted += store_rows(section.model, [row | owner for row in _rows(section, batch, ids)])
        tell(len(batch), str(section.model.titles[1]))
    return dict(zip(changes.new[section.key], inserted))


def _change(changes: Changes, ids, tell):
    section = changes.section
    given = [name for name in changes.given if name != section.key]
    for start in range(0, len(changes.changed), _STEP):
        batch = changes.changed.iloc[start : start + _STEP]
        rows = dict(zip(batch["id"].tolist(), _rows(section, batch, ids, given)))
        for record in db.session.scalars(sa.select(section.model).where(section.model.id.in_(list(rows)))):
            for attribute, value in rows[record.id].items():
                if getattr(record, attribute) != value:
                    setattr(record, attribute, value)
        db.session.flush()
        tell(len(batch), str(section.model.titles[1]))


def _rows(section, records, ids, fields=None) -> list[dict]:
    """Records as the model's attributes and Python's values."""
    columns = {}
    for name in section.fields if fields is None else fields:
        cells = records[name]
        if reference := section.fields[name].refers_to:
            cells = cells.map(ids[reference]).astype("Int64")
        if isinstance(cells.dtype, pd.DatetimeTZDtype) or cells.dtype.kind == "M":
            cells = cells.dt.date
        columns[section.attribute(name)] = cells.astype(object).where(cells.notna(), None).tolist()
    return [dict(zip(columns, row)) for row in zip(*columns.values())]


def _refused(error):
    kind, columns = violated(error)
    if kind == "unique":
        # The scope hid what it collides with.
        return Refusal(
            _(
                "Another record has this %(columns)s already, perhaps one that you cannot see.",
                columns=", ".join(columns),
            )
        )
    return Refusal(
        _("The database refused a record (%(kind)s: %(columns)s).", kind=kind, columns=", ".join(columns))
    )
