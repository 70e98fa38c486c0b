"""Which rows of a file a lock stands in the way of, told in the preview; the trail refuses them in any case."""

import datetime

import pandas as pd
import sqlalchemy as sa

from tracker import clock
from tracker.exchange.checking import refuse
from tracker.extensions import db
from tracker.locking import PERSON, Written, lock_on, refusal


def refuse_locked(section, changes, resulting, comparison):
    """Add a fault for every new or changed record that a lock of the trial forbids.

    changes: of this section. resulting: for each section all records of the trial by key, as they would be.
    """
    if not comparison.locks or section.owner.trial_path is None:
        return
    rows = _Rows(section, changes, resulting, comparison)
    for frame, is_new in ((changes.new, True), (changes.changed, False)):
        found = {row: lock for row, lock in rows.locks(frame, is_new) if lock is not None}
        if found:
            field = "participant" if "participant" in frame and section.in_rows else section.key
            told = {lock.id: refusal(lock).message for lock in found.values()}
            messages = pd.Series({row: told[lock.id] for row, lock in found.items()}, dtype=object)
            refuse(section, frame.loc[list(found), field], field, messages, comparison.reading)


class _Rows:
    def __init__(self, section, changes, resulting, comparison):
        self.section, self.locked = section, comparison.locks
        self.stored = comparison.stored[section.place]
        self.ids, self.people, self.owners, self.entered = {}, {}, {}, {}
        if "participant" in resulting:
            self.ids = comparison.stored["participant"]["id"].to_dict()
            people = resulting["participant"]
            self.people = dict(zip(people.index, zip(*(people[name] for name in PERSON))))
        if section.part_of:
            owners = resulting[section.part_of]
            self.owners = dict(zip(owners.index, owners.to_dict("records")))
        if (section.owner.dated_by or ())[:1] == ("created_at",) and len(changes.changed):
            model, numbers = section.owner, changes.changed["id"].tolist()
            chosen = sa.select(model.id, model.created_at).where(model.id.in_(numbers))
            self.entered = dict(db.session.execute(chosen).all())

    def locks(self, frame, is_new):
        """(row, the lock in its way) of each record."""
        for row, values in zip(frame.index, frame.to_dict("records")):
            owner = self.owners.get(values[self.section.part_of], {}) if self.section.part_of else values
            code = owner.get("code" if self.section.name == "participant" else "participant")
            lock = lock_on(
                self.locked,
                lambda values=values, owner=owner, code=code: self._written(values, owner, code, is_new),
                self.section.owner,
                {self.ids[code]} if code in self.ids else set(),
            )
            yield row, lock

    def _written(self, values, owner, code, is_new):
        person = tuple(map(plain, self.people[code])) if code in self.people else None
        model = self.section.owner
        if self.section.part_of:  # a change of its owner
            return Written(
                model, self._reader(owner), self._reader(owner), (self.section.model.rows,), person
            )
        if is_new:
            return Written(model, None, self._reader(values | {"created_at": clock.now()}), (), person)
        before = self.stored.loc[values[self.section.key]].to_dict()
        at = {"created_at": self.entered.get(values["id"])}
        changed = [
            self.section.attribute(name)
            for name in self.section.stored
            if plain(before.get(name)) != plain(values.get(name))
        ]
        return Written(model, self._reader(before | at), self._reader(values | at), changed, person)

    def _reader(self, values):
        return lambda attribute: plain(values.get(self.section.named(attribute)))


def plain(value):
    """A cell as the models have it."""
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        return value
    if value is None or (not isinstance(value, list) and pd.isna(value)):
        return None
    return value.date() if isinstance(value, pd.Timestamp) else value
