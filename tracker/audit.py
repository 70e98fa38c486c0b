"""The trail: who changed which value, when and why.

It listens to the session, `store_rows` and `store_columns`; nobody else needs to think of it. A change
without an actor or without the reason that it needs is refused, and so is a change that would go past the
session, and one of what is locked (`locking.py`). At commit the trail is written in the same transaction, one
event a record, and the `DataVersion` of each trial moves; the transaction's events are sealed (`seal.py`). What
changes no record, as a sign-in or an export, is told by `note`.
"""

import contextlib
import datetime
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import sqlalchemy as sa
from flask_babel import gettext as _
from sqlalchemy import orm

from tracker import clock, locking, seal
from tracker.extensions import db, insert_columns
from tracker.models import AuditEvent, AuditSeal, DataVersion, Lock, Part, Record, Signature
from tracker.scope import owner_of, reader, trial_id_of
from tracker.terms.account import Action
from tracker.values import Refusal

#: Columns that follow from the change itself.
_BOOKKEEPING = {"id", "version", "created_at", "updated_at", "search_text"}

#: What stands for a secret, and for a value that was redacted.
SECRET, REDACTED = "***", "[redacted]"

#: Where the list and number of a part will stand; it is in no JSON, which writes it as an escape.
_PLACE = "\0"

#: Records that one statement asks for.
_BATCH = 5_000


@dataclass
class _Change:
    """What happened to one record in the transaction."""

    record: Record
    is_new: bool = False
    values: dict[str, list] = field(default_factory=dict)  # field: [old, new]

    def note(self, name, old, new):
        self.values.setdefault(name, [old, new])[1] = new

    @property
    def changed(self):
        """What is other than it was when the transaction began."""
        return {name: [old, new] for name, (old, new) in self.values.items() if old != new or old == SECRET}

    @property
    def action(self):
        if isinstance(self.record, Lock):
            return Action.LOCK if self.is_new else Action.UNLOCK
        if self.is_new:
            return Action.SIGN if isinstance(self.record, Signature) else Action.CREATE
        if "withdrawn_at" in self.values:
            return Action.WITHDRAW if self.values["withdrawn_at"][1] else Action.RESTORE
        return Action.CHANGE


@contextlib.contextmanager
def because(reason: str | None):
    """Changes that are committed inside are made for this reason."""
    info = db.session().info
    outer = info.get("reason")
    info["reason"] = reason
    try:
        yield
    finally:
        info["reason"] = outer


@sa.event.listens_for(orm.Session, "before_flush")
def _touch_owners(session, context, instances):
    """A part's change is its owner's, and a changed record says when."""
    for item in [*session.new, *session.dirty, *session.deleted]:
        if isinstance(item, Part) and (item in session.deleted or session.is_modified(item)):
            owner = getattr(item, item.owner)
            if owner is None:  # it was taken out of its list: then the flush would delete it, and not say so
                owner = _former(item, item.owner)
                session.delete(item)
            owner.updated_at = clock.now()
    for item in session.deleted:
        if isinstance(item, Record):
            raise RuntimeError("records are withdrawn, never deleted")
    for item in [*session.dirty, *session.deleted]:
        if isinstance(item, (AuditEvent, AuditSeal)):
            raise RuntimeError("the trail is only written, never changed")
        if isinstance(item, Record) and session.is_modified(item):
            if item.is_final:
                raise RuntimeError("what is frozen or signed is never changed")
            item.updated_at = clock.now()


@sa.event.listens_for(orm.Session, "after_flush")
def _collect(session, context):
    changes = session.info.setdefault("changes", {})
    for item in [*session.new, *session.dirty, *session.deleted]:
        if isinstance(item, Record):
            record, prefix = item, ""
        elif isinstance(item, Part):
            record = getattr(item, item.owner) or _former(item, item.owner)
            prefix = f"{item.rows}.{item.id}."
        else:
            continue
        change = changes.setdefault(_key(record), _Change(record))
        change.is_new = change.is_new or record in session.new
        gone = item in session.deleted
        for attribute in sa.inspect(item).mapper.column_attrs:
            name = attribute.key
            if name in _BOOKKEEPING or (prefix and name == f"{item.owner}_id"):
                continue
            old, new = _old_and_new(item, name, item in session.new, gone)
            if old != new:
                secret = _is_secret(attribute)
                change.note(prefix + name, _plain(old, secret), _plain(new, secret))
    _require_reasons(session, changes.values())


def changed_fields(record: Record) -> set[str]:
    """What of a record the transaction has changed and flushed."""
    change = db.session().info.get("changes", {}).get(_key(record))
    return set(change.changed) if change else set()


@sa.event.listens_for(orm.Session, "before_commit")
def _write(session):
    session.flush()
    changes = [change for change in session.info.get("changes", {}).values() if change.changed]
    if changes:
        trials = [trial_id_of(change.record) for change in changes]
        former = [_former_trial(change) for change in changes]
        # From here on nobody else can lock these trials before this commit, and what was locked is seen.
        moved = [trial for change, trial in zip(changes, trials) if change.record.is_data]
        _move_data_versions(session, [*moved, *(trial for trial in former if trial is not None)])
        _refuse_locked(changes, trials, former)
        _append(
            session,
            len(changes),
            action=[change.action for change in changes],
            record_type=[change.record.__tablename__ for change in changes],
            record_id=[change.record.id for change in changes],
            trial_id=trials,
            changes=[json.dumps(change.changed) for change in changes],
        )
        session.flush()
    if "seal" in session.info:
        session.info["anchor"] = seal.close_seal(session.info.pop("seal"))


def _former_trial(change) -> int | None:
    """The trial that a record belonged to before it was moved to another owner, if it was."""
    model = type(change.record)
    if not model.trial_path:
        return None
    owner, key = owner_of(model)
    old = change.changed.get(key, [None])[0]
    if old is None or owner.trial_path == "":
        return old
    return trial_id_of(db.session.get(owner, old, execution_options={"unscoped": True}))


def _refuse_locked(changes, trials, former):
    ours = [
        (change, {trial, earlier} - {None})
        for change, trial, earlier in zip(changes, trials, former)
        if not change.record.stays_open
    ]
    locks = locking.locks_of({trial for _change, own in ours for trial in own})
    for change, own in ours if locks else ():
        of_these = [lock for trial in own for lock in locks.get(trial, ())]
        if lock := locking.lock_on_record(of_these, change.record, change.changed, change.is_new):
            raise locking.refusal(lock)


def _append(session, count, **columns) -> list[int]:
    """Write events, with who does it and why. columns: the rest of them, a list each or one value for all."""
    opened = session.info.get("seal")
    if opened is None:
        opened = session.info["seal"] = seal.open_seal()
    columns = {**_who(reader(), session.info.get("reason")), **columns}
    return opened.add(
        {name: cells if isinstance(cells, list) else [cells] * count for name, cells in columns.items()}
    )


def note(action: Action, record_type: str, record_id: int = 0, trial_id: int | None = None, **told) -> int:
    """Tell the trail of what changes no record, in the transaction that is going on; told: more of it by name.

    Returns the event's id.
    """
    changes = {name: [None, value] for name, value in told.items() if value is not None}
    (number,) = _append(
        db.session,
        1,
        action=action,
        record_type=record_type,
        record_id=record_id,
        trial_id=trial_id,
        changes=json.dumps(changes),
    )
    return number


def note_confirmed(record: Record, what: str | None) -> None:
    """Tell with the record's change what a person confirmed of it: of which fields, not the texts themselves."""
    if what:
        changes = db.session().info.setdefault("changes", {})
        changes.setdefault(_key(record), _Change(record)).note("confirmed", None, what)


def redact(record_type: str, record_id: int, name: str, reason: str) -> int:
    """Take the values of a field, but for the present one, out of the record's history, for the sake of privacy.

    The events stay, with who, when and why, and one more tells of each redaction. Returns how many events held such
    a value. name: as the events name it.
    """
    chosen = sa.select(AuditEvent.id, sa.cast(AuditEvent.changes, sa.Text), AuditEvent.reason).where(
        AuditEvent.record_type == record_type, AuditEvent.record_id == record_id
    )
    rows = [(number, json.loads(text), text, why) for number, text, why in db.session.execute(chosen)]
    rows = [row for row in sorted(rows, key=lambda row: row[0]) if name in row[1]]
    present = rows[-1][1][name][1] if rows else None
    found = 0
    for number, changes, text, why in rows:
        kept = [value if value in (None, present, SECRET, REDACTED) else REDACTED for value in changes[name]]
        if kept != changes[name]:
            _redact_event(number, text, json.dumps({**changes, name: kept}), why, reason)
            found += 1
    return found


def _redact_event(number, old, new, why, reason):
    key = seal.trail_key()
    digests = [seal.payload_mac(key, text, why).hex() for text in (old, new)]
    told = {"changes": [None, new], "reason": [None, why], "digest": digests}
    with because(reason):
        _append(
            db.session,
            1,
            action=Action.REDACT,
            record_type=AuditEvent.__tablename__,
            record_id=number,
            trial_id=None,
            changes=json.dumps(told),
        )
    statement = sa.update(AuditEvent).where(AuditEvent.id == number).values(changes=json.loads(new))
    db.session.execute(statement, execution_options={"with_trail": True, "synchronize_session": False})


@sa.event.listens_for(orm.Session, "after_commit")
def _drop_anchor(session):
    anchor = session.info.pop("anchor", None)
    if anchor is not None:
        seal.drop_anchor(anchor)
    session.info.pop("changes", None)


@sa.event.listens_for(orm.Session, "after_rollback")
def _forget(session):
    for kept in ("changes", "seal", "anchor"):
        session.info.pop(kept, None)


@sa.event.listens_for(orm.Session, "do_orm_execute")
def _refuse_bulk_changes(state):
    if (state.is_insert or state.is_update or state.is_delete) and not state.execution_options.get(
        "with_trail"
    ):
        mapper = state.bind_mapper
        if mapper is None or issubclass(mapper.class_, (Record, Part, AuditEvent, AuditSeal)):
            raise RuntimeError("change records through the session or store_rows, so that the trail sees it")


def store_rows(
    model: type[Record], rows: Iterable[dict], parts: dict[type[Part], list[list[dict]]] | None = None
) -> list[int]:
    """Insert many new records, as `store_columns` does. rows: column values by name, each with those it has."""
    return store_columns(model, _by_column(model, rows), parts)


def _by_column(model, rows) -> dict[str, list]:
    defaults, rows = _defaults(model), list(rows)
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name, defaults.get(name)) for row in rows] for name in names}


def store_columns(
    model: type[Record], columns: dict[str, list], parts: dict[type[Part], list[list[dict]]] | None = None
) -> list[int]:
    """Insert many new records, with their trail, in the current transaction.

    columns: the values of all records by column, in one order; a column that has a default may be absent.
    parts: the rows of each record's list, in that order, by the kind of part.
    Returns their ids in that order. Raises what the database raises when a constraint is broken.
    """
    at = reader() and clock.now()
    count = len(next(iter(columns.values()), ()))
    if not count:
        return []
    absent = {name: value for name, value in _defaults(model).items() if name not in columns}
    columns = {name: [value] * count for name, value in absent.items()} | columns
    bookkeeping = {"version": 1, "created_at": at, "updated_at": at}
    whole = columns | {name: [value] * count for name, value in bookkeeping.items()}
    ids = insert_columns(db.session, model.__table__, whole | {"search_text": _search_texts(model, columns)})
    trials = _trials_of(model, columns, ids)
    _move_data_versions(db.session, trials)
    locking.refuse_rows(model, columns, trials)
    told = [_told(model, columns), *(_store_parts(kind, rows, ids) for kind, rows in (parts or {}).items())]
    changes = [f"{{{', '.join(filter(None, one))}}}" for one in zip(*told)]
    common = {"at": at, "action": Action.CREATE, "record_type": model.__tablename__}
    _append(db.session, count, **common, record_id=ids, trial_id=trials, changes=changes)
    db.session.flush()  # which tells those who read that this transaction has written
    return ids


def batches(ids: list[int]) -> Iterable[list[int]]:
    """As many of these at a time as one statement asks for."""
    return (ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH))


def _defaults(model) -> dict:
    """The columns that have a default value, but for bookkeeping."""
    return {
        column.key: default.arg
        for column in sa.inspect(model).column_attrs
        if (default := column.columns[0].default) is not None and default.is_scalar
        if column.key not in _BOOKKEEPING
    }


def _search_texts(model, columns):
    """`search_text_of` each record; records that agree in what is searched are folded once."""
    names = [name for name in model.searched if name in columns]
    rows = list(zip(*(columns[name] for name in names))) or [()] * len(next(iter(columns.values())))
    found = {row: model.search_text_of(dict(zip(names, row))) for row in set(rows)}
    return [found[row] for row in rows]


def _store_parts(kind, rows, owners) -> list[str]:
    """Insert the parts of new records. rows: those of each of the owners. Returns what the trail tells of each."""
    flat = [
        (owner, place, row) for owner, own in zip(owners, rows, strict=True) for place, row in enumerate(own)
    ]
    if not flat:
        return [""] * len(owners)
    columns = _by_column(kind, [{**row, "position": place} for _owner, place, row in flat])
    whose = [owner for owner, _place, _row in flat]
    ids = insert_columns(db.session, kind.__table__, columns | {f"{kind.owner}_id": whose})
    told = defaultdict(list)
    for number, owner, text in zip(ids, whose, _told(kind, columns, _PLACE)):
        told[owner].append(text.replace(_PLACE, f"{kind.rows}.{number}."))
    return [", ".join(told[owner]) for owner in owners]


def _told(model, columns, before="") -> list[str]:
    """The changes of new rows as the trail keeps them, members of a JSON object; equal values are written once.

    before: what stands before the name of each field.
    """
    cells = []
    for name, values in columns.items():
        secret = _is_secret(sa.inspect(model).column_attrs[name])
        texts = {value: f'"{before}{name}": [null, {_json(_plain(value, secret))}]' for value in set(values)}
        texts[None] = ""
        cells.append([texts[value] for value in values])
    return [", ".join(filter(None, row)) for row in zip(*cells)]


def _json(value):
    return repr(value) if type(value) in (int, float) else json.dumps(value)


def _trials_of(model, columns, ids):
    """The trial of each new record, whether or not the reader sees it yet: they may just have made it."""
    if model.trial_path is None:
        return [None] * len(ids)
    if model.trial_path == "":
        return ids
    owner, key = owner_of(model)
    owners = columns[key]
    if owner.trial_path == "":
        return owners
    _trial, column = owner_of(owner)
    found = {}
    for numbers in batches(sorted(set(owners))):
        chosen = sa.select(owner.id, getattr(owner, column)).where(owner.id.in_(numbers))
        found |= dict(db.session.execute(chosen, execution_options={"unscoped": True}).all())
    return [found[owner_id] for owner_id in owners]


def _who(who, reason) -> dict:
    return {
        "at": clock.now(),
        "user_id": who.user_id,
        "actor": who.actor,
        "role": who.role,
        "reason": reason,
        "request_id": who.request_id,
    }


def _move_data_versions(session, trials):
    for trial in sorted(set(trials), key=lambda trial: trial or 0):
        version = session.scalar(
            sa.select(DataVersion).where(DataVersion.trial_id == trial).with_for_update()
        )
        if version is None:
            session.add(version := DataVersion(trial_id=trial, version=0))
        version.version += 1


def _require_reasons(session, changes):
    if session.info.get("reason"):
        return
    for change in changes:
        if not change.record.needs_reason or change.is_new:
            continue
        if change.action is Action.WITHDRAW or any(old is not None for old, new in change.values.values()):
            raise Refusal(_("A stored value changes: give the reason for the change."), field="reason")


def _old_and_new(item, name, is_new, gone):
    if is_new:  # with the defaults, which were never set and so have no history
        return None, sa.inspect(item).dict.get(name)
    history = sa.inspect(item).attrs[name].history
    if gone:
        return (history.deleted or history.unchanged or [None])[0], None
    if history.added:
        return (history.deleted or [None])[0], history.added[0]
    return None, None


def _former(item, relationship):
    """The owner that a part had before it was taken out of its list."""
    return (sa.inspect(item).attrs[relationship].history.deleted or [None])[0]


def _key(record):
    return type(record), record.id


def _is_secret(attribute):
    return attribute.columns[0].info.get("secret", False)


def _plain(value, secret):
    """A value as the trail keeps it: JSON, dates and instants as ISO text; a secret only as that it is there."""
    if value is None:
        return None
    if secret:
        return SECRET
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value.isoformat()
    return value
