"""What was signed, and whether it still says the same.

A signature is bound to the hash of a record's content: its columns and those of its parts, but for version and times.
An investigator signs the whole casebook of a participant: with whatever belongs to the participant.
"""

import datetime
import enum
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable

import sqlalchemy as sa
from flask import current_app
from sqlalchemy import orm

from tracker.extensions import db
from tracker.models import Part, Participant, Record, ReportSnapshot, Signature
from tracker.reads.base import data_versions
from tracker.scope import owner_of

#: Columns that say nothing of the record's own.
_BOOKKEEPING = {"version", "created_at", "updated_at", "search_text"}

#: Hashes that a process keeps.
_REMEMBERED = 20_000

#: Signatures that a first page looks at, the latest.
_LOOKED_AT = 500


def digest(content) -> str:
    """The SHA-256 of plain values: the same on both databases, in whatever order a mapping has its keys."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def content_hash(record: Record) -> str:
    """Of what the record says now."""
    return _hashes(type(record), [record.id])[record.id]


def signatures_on(record: Record) -> list[Signature]:
    """The signatures on this record, the oldest first."""
    statement = sa.select(Signature).where(
        Signature.record_type == record.__tablename__, Signature.record_id == record.id
    )
    return list(db.session.scalars(statement.order_by(Signature.id)))


def voided(signatures: Iterable[Signature]) -> set[int]:
    """The numbers of those whose record says something else now than what was signed."""
    signatures = list(signatures)
    now = _hashes_now(signatures) if signatures else {}
    return {one.id for one in signatures if now.get((one.record_type, one.record_id)) != one.content_hash}


def lapsed_signatures(*conditions) -> list[Signature]:
    """The signatures that are void and were not given anew; the latest first. Frozen reports cannot change."""
    latest = sa.select(sa.func.max(Signature.id)).group_by(
        Signature.record_type, Signature.record_id, Signature.meaning
    )
    statement = (
        sa.select(Signature)
        .where(Signature.id.in_(latest), Signature.snapshot_id.is_(None), *conditions)
        .options(orm.joinedload(Signature.trial), orm.joinedload(Signature.participant))
        .order_by(Signature.id.desc())
        .limit(_LOOKED_AT)
    )
    found = list(db.session.scalars(statement))
    void = voided(found)
    return [one for one in found if one.id in void]


def latest_snapshots(limit: int) -> list[ReportSnapshot]:
    """The reports that were frozen last."""
    statement = sa.select(ReportSnapshot).order_by(ReportSnapshot.id.desc()).limit(limit)
    return list(db.session.scalars(statement))


def casebook() -> list[type[Record]]:
    """What belongs to a participant, and is signed with them."""
    return sorted(
        (model for model in Record.__subclasses__() if _is_of_participant(model)),
        key=lambda model: model.__tablename__,
    )


def casebook_counts(participant: Participant) -> list[tuple[str, int]]:
    """How many records of each kind the participant's casebook has: (title of many, number)."""
    counted = [
        sa.select(sa.func.count(model.id)).where(_leads(model) == participant.id).scalar_subquery()
        for model in casebook()
    ]
    numbers = db.session.execute(sa.select(*counted)).one()
    return [(str(model.titles[1]), number) for model, number in zip(casebook(), numbers) if number]


def _is_of_participant(model):
    return bool(model.trial_path) and owner_of(model)[0] is Participant


def _leads(model):
    return getattr(model, owner_of(model)[1])


def _hashes_now(signatures) -> dict[tuple[str, int], str]:
    """By type and number of the record; of what is not there any more there is none."""
    versions = data_versions()
    memory = current_app.extensions.setdefault("signed", {})
    remembers = not db.session.info.get("has_written")
    keys = {
        (one.record_type, one.record_id): (
            one.record_type,
            one.record_id,
            one.trial_id,
            versions.get(one.trial_id),
        )
        for one in signatures
    }
    found = {named: memory[key] for named, key in keys.items() if remembers and key in memory}
    missing = defaultdict(list)
    for name, number in keys.keys() - found.keys():
        missing[name].append(number)
    models = {model.__tablename__: model for model in Record.__subclasses__()}
    for name, numbers in missing.items():
        found |= {(name, number): text for number, text in _hashes(models[name], numbers).items()}
    if remembers:
        if len(memory) > _REMEMBERED:
            memory.clear()
        memory.update({keys[named]: text for named, text in found.items()})
    return found


def _hashes(model, numbers) -> dict[int, str]:
    if model is ReportSnapshot:
        chosen = sa.select(ReportSnapshot.id, ReportSnapshot.content).where(ReportSnapshot.id.in_(numbers))
        return {number: digest(content) for number, content in _all(chosen)}
    return {number: digest(content) for number, content in _contents(model, numbers).items()}


def _contents(model, numbers) -> dict[int, dict[str, list[dict]]]:
    """What each of these records says: rows by table."""
    contents = defaultdict(dict)
    for kind, key, statement in _selects(model):
        names = [one.key for one in _columns(kind)]
        for number, *values in _all(statement.where(key.in_(numbers)).order_by(kind.id)):
            row = {name: _plain(value) for name, value in zip(names, values)}
            defaults = _defaults(kind)
            said = {name: one for name, one in row.items() if one is not None and one != defaults.get(name)}
            contents[number].setdefault(kind.__tablename__, []).append(said)
    return {number: content for number, content in contents.items() if model.__tablename__ in content}


def _all(statement):
    return db.session.execute(statement.execution_options(include_withdrawn=True)).all()


def _selects(model):
    """(kind, the signed record's number, a select of that and of the kind's columns) for all that is signed with it."""
    yield from _with_parts(model, model.id)
    if model is Participant:
        for other in casebook():
            for kind, key, statement in _with_parts(other, _leads(other)):
                yield kind, key, statement.where(other.withdrawn_at.is_(None))


def _with_parts(model, key):
    yield model, key, sa.select(key, *_columns(model))
    for part in Part.__subclasses__():
        relationship = sa.inspect(part).relationships[part.owner]
        if relationship.mapper.class_ is model:
            yield part, key, sa.select(key, *_columns(part)).join(getattr(part, part.owner))


def _columns(model):
    """The columns that are signed."""
    left_out = _BOOKKEEPING | set(getattr(model, "unsigned", ()))
    return [getattr(model, one.key) for one in sa.inspect(model).column_attrs if one.key not in left_out]


def _defaults(model) -> dict:
    """What stands in a column that nobody filled in: a column that a later version adds makes no signature void."""
    return {
        one.key: _plain(default.arg)
        for one in sa.inspect(model).column_attrs
        if (default := one.columns[0].default) is not None
        and default.is_scalar
        and not one.columns[0].nullable
    }


def _plain(value):
    if isinstance(value, enum.Enum):
        return value.value
    return value.isoformat() if isinstance(value, (datetime.date, datetime.datetime)) else value
