"""Storing what a comparison found: new records and changed ones, in the transaction that is going on."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
import sqlalchemy as sa
from flask_babel import gettext as _
from sqlalchemy.orm import joinedload, selectinload

from tracker.actions import settle_queries_around, settle_queries_of, settle_response_queries
from tracker.audit import batches, store_columns
from tracker.exchange.compare import Changes, Comparison
from tracker.exchange.sections import SECTIONS
from tracker.extensions import db, violated
from tracker.models import Importable, Participant, TrialMember
from tracker.rules.checks import rules_of
from tracker.scope import reader
from tracker.values import Refusal

#: The sections whose records others name.
_REFERRED_TO = {
    one.refers_to for section in SECTIONS.values() for one in section.fields.values() if one.refers_to
} & SECTIONS.keys()

#: The sections that responses follow from.
_OF_RESPONSES = {"lesion", "assessment", "lesion_measurement"}

#: Records between two steps of progress.
_STEP = 10_000


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


def store(comparison: Comparison, progress: Callable | None = None) -> int:
    """Insert what is new and change what changes; the caller commits, `because` of a reason if need be.

    The comparison is one of this transaction, or was compared anew in it. progress: called with records done,
    records in all, and what is being done. Returns the trial's id. Raises Refusal.
    """
    if comparison.reading.faults:
        raise Refusal(_("The file has faults; nothing was stored."))
    total = sum(len(one.new) + len(one.changed) for one in comparison.changes)
    tell = _Progress(progress, total)
    try:
        comparison.regimens.store()
        ids = {
            name: comparison.stored[name]["id"].to_dict() for name in _REFERRED_TO & comparison.stored.keys()
        }
        ids |= comparison.regimens.ids_of
        trial_id = comparison.trial_id
        parts = {one.section.part_of: one for one in comparison.changes if one.section.part_of}
        owners = {one.section.name: one for one in comparison.changes}
        for changes in comparison.changes:
            name = changes.section.name
            if changes.section.part_of:
                _add_parts(changes, owners.get(changes.section.part_of), ids, tell)
            else:
                inserted = _insert(changes, trial_id, ids, tell, parts.get(name))
                if name in _REFERRED_TO:
                    ids[name] |= inserted
            _change(changes, ids, tell)
            if name == "trial":
                trial_id = trial_id or inserted[comparison.reading.frames["trial"]["code"].item()]
                if comparison.trial_id is None and reader().user_id is not None:
                    # Whoever creates a trial is its first member.
                    db.session.add(TrialMember(user_id=reader().user_id, trial_id=trial_id))
        db.session.flush()
        _settle_queries(comparison, ids, trial_id)
        return trial_id
    except sa.exc.IntegrityError as error:
        raise _refused(error) from None


class _Progress:
    def __init__(self, tell, total):
        self._tell, self._total, self._done = tell, total, 0

    def __call__(self, number, text):
        self._done += number
        if self._tell:
            self._tell(self._done, self._total, text)


def _insert(changes: Changes, trial_id, ids, tell, parts: Changes | None) -> dict[str, int]:
    """The ids of the new records, which are stored with their parts, by their keys."""
    section, inserted = changes.section, []
    owner = {"trial_id": trial_id} if hasattr(section.model, "trial_id") else {}
    own = _parts_of(changes, parts, ids) if parts is not None else None
    for start in range(0, len(changes.new), _STEP):
        batch = changes.new.iloc[start : start + _STEP]
        columns = _columns(section, batch, ids)
        columns |= {name: [value] * len(batch) for name, value in owner.items()}
        if issubclass(section.model, Importable):
            columns["imported"] = [True] * len(batch)
        rows = {parts.section.model: [own.get(key, []) for key in batch[section.key]]} if own else None
        inserted += store_columns(section.model, columns, rows)
        tell(len(batch), str(section.model.titles[1]))
    return dict(zip(changes.new[section.key], inserted))


def _parts_of(changes, parts, ids) -> dict[str, list[dict]]:
    """The rows of the parts of new records, by the record's key."""
    is_own = parts.new[parts.section.part_of].isin(changes.new[changes.section.key])
    own: dict[str, list[dict]] = {}
    for owner, row in _part_rows(parts.section, parts.new[is_own], ids):
        own.setdefault(owner, []).append(row)
    return own


def _part_rows(section, records, ids) -> list[tuple[str, dict]]:
    """For each part the key of its owner, and its columns."""
    names = [name for name in section.stored if name != section.part_of]
    columns = _columns(section, records, ids, names)
    rows = (dict(zip(columns, row)) for row in zip(*columns.values()))
    return list(zip(records[section.part_of].tolist(), rows))


def _add_parts(changes: Changes, owners: Changes | None, ids, tell):
    """Add new parts to owners that were stored before; those of new owners are stored with them."""
    section, new = changes.section, changes.new
    if owners is not None:
        new = new[~new[section.part_of].isin(owners.new[owners.section.key])]
    rows = _part_rows(section, new, ids)
    owner, parts = section.owner, section.model.rows
    numbers = {ids[section.part_of][key] for key, _row in rows}
    for batch in batches(sorted(numbers)):
        chosen = sa.select(owner).where(owner.id.in_(batch)).options(selectinload(getattr(owner, parts)))
        found = {one.id: one for one in db.session.scalars(chosen)}
        for key, row in rows:
            if (one := found.get(ids[section.part_of][key])) is not None:
                getattr(one, parts).append(section.model(**row))
        db.session.flush()
    tell(len(changes.new), str(section.model.titles[1]))


def _change(changes: Changes, ids, tell):
    section = changes.section
    given = [name for name in changes.given if name != section.key and name in section.stored]
    given += [name for name in section.exclusive if name not in given]
    for start in range(0, len(changes.changed), _STEP):
        batch = changes.changed.iloc[start : start + _STEP]
        columns = _columns(section, batch, ids, given)
        rows = dict(zip(batch["id"].tolist(), (dict(zip(columns, row)) for row in zip(*columns.values()))))
        chosen = sa.select(section.model).where(section.model.id.in_(list(rows)))
        if section.part_of:
            chosen = chosen.options(joinedload(getattr(section.model, section.model.owner)))
        for record in db.session.scalars(chosen):
            for attribute, value in rows[record.id].items():
                if getattr(record, attribute) != value:
                    setattr(record, attribute, value)
        db.session.flush()
        tell(len(batch), str(section.model.titles[1]))


def _settle_queries(comparison, ids, trial_id):
    """Open and close the queries of what was stored."""
    people, touched = ids["participant"], set()
    for changes in comparison.changes:
        section = changes.section
        if rules_of(section.model.__tablename__):
            known, changed = ids[section.name], changes.changed["id"].tolist()
            found = [
                (check, known[key], people[code])
                for check, records in comparison.queries[section.place]
                for key, code in zip(records[section.key], records["participant"])
            ]
            settle_queries_of(section.model, trial_id, changed, found)
        if section.name == "participant" and len(changes.changed):
            for numbers in batches(sorted(people[code] for code in changes.changed[section.key])):
                settle_queries_around(Participant.id.in_(numbers))
        if section.name == "participant":  # new ones have no assessment that is not in the file
            touched |= set(changes.changed[section.key])
        elif section.name in _OF_RESPONSES:
            touched |= {*changes.new["participant"], *changes.changed["participant"]}
    for numbers in batches(sorted(people[code] for code in touched)):
        settle_response_queries(Participant.id.in_(numbers))


def _columns(section, records, ids, fields=None) -> dict[str, list]:
    """Records as the model's attributes, each a list of Python's values."""
    columns = {}
    for name in section.stored if fields is None else fields:
        cells = records[name]
        if reference := section.fields[name].refers_to:
            known = ids[reference]
            columns[section.attribute(name)] = [known.get(key) for key in cells.tolist()]
            continue
        if isinstance(cells.dtype, pd.DatetimeTZDtype) or cells.dtype.kind == "M":
            cells = cells.dt.date
        columns[section.attribute(name)] = cells.astype(object).where(cells.notna(), None).tolist()
    return columns


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
