"""The checks that forms and imports share, run on what is stored."""

import datetime
import functools

import pandas as pd
import sqlalchemy as sa
from sqlalchemy import orm

from tracker.models import (
    Administration,
    AdverseEvent,
    Lesion,
    Measurement,
    Participant,
    Record,
    ReportedOutcome,
    Specimen,
    TumorAssessment,
)
from tracker.reads.base import frame
from tracker.rules.checks import checked_columns, checks_of, run_checks

#: Records about participants, with the day on which each happened: what came later is not known yet.
CHECKED: dict[type[Record], str | None] = {
    Participant: "enrolled_on",
    ReportedOutcome: None,
    Administration: "given_on",
    AdverseEvent: "started_on",
    Lesion: None,
    TumorAssessment: "assessed_on",
    Specimen: "collected_on",
    Measurement: "measured_on",
}

#: What a check may look at, and tells nothing of the data: the day of the check.
_TODAY = "today"


def checked_frame(model: type[Record], participants: sa.ColumnElement, as_of: datetime.date) -> pd.DataFrame:
    """One row a stored record, with the columns that its checks look at, as `rules.checks` has them.

    record_id, participant_id and trial_id stand beside them. A date later than as_of is not known, nor is the reason
    of what happened then.
    """
    person = Participant if model is Participant else orm.aliased(Participant)
    wanted = checked_columns(model.__tablename__)
    columns = {"record_id": model.id, "participant_id": person.id, "trial_id": person.trial_id}
    columns |= _wanted(model, "", wanted)
    joins = []
    for relationship in sa.inspect(model).relationships:
        name = relationship.key
        if relationship.direction is orm.RelationshipDirection.MANYTOONE and name != "participant":
            other = orm.aliased(relationship.mapper.class_)
            if more := _wanted(other, f"{name}_", wanted):
                joins.append(getattr(model, name).of_type(other))
                columns |= more
    if model is not Participant:
        columns |= _wanted(person, "participant_", wanted)
    happened = CHECKED[model]
    columns["_undated"] = person.undated
    statement = sa.select(*(column.label(name) for name, column in columns.items())).select_from(model)
    if model is not Participant:
        statement = statement.join(model.participant.of_type(person))
    for join in joins:
        statement = statement.outerjoin(join)
    people = (
        participants if model is Participant else person.id.in_(sa.select(Participant.id).where(participants))
    )
    statement = statement.where(people)
    if happened is not None:
        day = getattr(model, happened)
        statement = statement.where(sa.or_(person.undated, day.is_(None), day <= as_of))
    found = frame(statement.order_by(model.id))
    return _as_checks_want(found, pd.Timestamp(as_of))


@functools.cache
def checks_rest_on() -> frozenset[str]:
    """Attributes of a participant that the checks of other records look at."""
    looked_at = {column for model in CHECKED for column in checked_columns(model.__tablename__)}
    return frozenset(
        column.removeprefix("participant_") for column in looked_at if column.startswith("participant_")
    )


def _wanted(entity, before, wanted) -> dict:
    mapper = sa.inspect(entity).mapper
    return {
        before + column.key: getattr(entity, column.key)
        for column in mapper.column_attrs
        if before + column.key in wanted
    }


def _as_checks_want(found, day) -> pd.DataFrame:
    """Numbers as float, no date that is later than the day, and that day."""
    undated = found.pop("_undated").astype(bool)
    for name in found.columns[3:]:
        if found[name].dtype == "Int64":
            found[name] = found[name].astype("float64")
        if name.endswith("_on"):
            is_later = ~undated & (found[name] > day)
            found[name] = found[name].mask(is_later)
            reason = name.removesuffix("_on") + "_reason"
            if reason in found:
                found[reason] = found[reason].mask(is_later)
    return found.assign(**{_TODAY: pd.Series(day, found.index, dtype="datetime64[us]")})


def faults_frame(participants: sa.ColumnElement, as_of: datetime.date) -> pd.DataFrame:
    """One row a stored record that a check finds something in, and that check.

    participant_id, trial_id, record_type, record_id, field, rule (the check's name). CDISC: none; a discrepancy.
    """
    parts = []
    for model in CHECKED:
        name = model.__tablename__
        if not checks_of(name):
            continue
        stored = checked_frame(model, participants, as_of)
        for one in run_checks(name, stored):
            rows = stored.loc[one.mask, ["participant_id", "trial_id", "record_id"]]
            parts.append(rows.assign(record_type=name, field=one.check.field, rule=one.check.name))
    columns = {"participant_id": "Int64", "trial_id": "Int64", "record_id": "Int64"}
    columns |= {"record_type": "str", "field": "str", "rule": "str"}
    whole = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(columns))
    return whole.astype(columns)


def records_frame(participants: sa.ColumnElement, as_of: datetime.date) -> pd.DataFrame:
    """One row a participant and kind of record that has checks: participant_id, trial_id, record_type, records."""
    parts = []
    for model, happened in CHECKED.items():
        if not checks_of(model.__tablename__):
            continue
        statement = sa.select(
            Participant.id.label("participant_id"),
            Participant.trial_id,
            sa.func.count(model.id).label("records"),
        ).select_from(model)
        if model is not Participant:
            statement = statement.join(model.participant)
        statement = statement.where(participants).group_by(Participant.id, Participant.trial_id)
        if happened is not None:
            day = getattr(model, happened)
            statement = statement.where(sa.or_(Participant.undated, day.is_(None), day <= as_of))
        parts.append(frame(statement).assign(record_type=model.__tablename__))
    return pd.concat(parts, ignore_index=True)
