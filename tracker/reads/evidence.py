"""What is read of hypotheses and findings: what they rest on, who judged them, what is said about them."""

import datetime
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import orm

from tracker.extensions import UtcDateTime, db
from tracker.models import (
    AdverseEvent,
    Arm,
    Assay,
    AuditEvent,
    Biomarker,
    Comment,
    Finding,
    FindingReview,
    Hypothesis,
    Measurement,
    Mention,
    Participant,
    Regimen,
    ReportedOutcome,
    Specimen,
    Trial,
    TumorAssessment,
    User,
)
from tracker.rules.evidence import (
    Judged,
    StoredData,
    contradictory_pairs,
    data_standing,
    is_amendment,
    nature_of,
)
from tracker.terms.account import Action
from tracker.terms.evidence import DataStanding, FindingStatus


@dataclass(frozen=True)
class HypothesisState:
    """Where a hypothesis stands. counts_from: when it was registered, or last amended in what defines it.

    measured: how many values of its marker there are in its population.
    """

    standing: DataStanding
    counts_from: datetime.datetime
    amended: int
    measured: int


def hypothesis_states(hypotheses: Sequence[Hypothesis]) -> dict[int, HypothesisState]:
    """The state of each, by its number.

    It is the same for every reader: that data existed is told even where the reader does not see them.
    """
    if not hypotheses:
        return {}
    amended_at = _amendments([one.id for one in hypotheses])
    rows = _stored_data()
    found = {}
    for one in hypotheses:
        moments = amended_at[one.id]
        since = max([one.registered_at, *moments])
        own = [row for row in rows if _is_of_population(row, one)]
        standing = data_standing(
            since,
            [
                StoredData(row.first_stored_at, row.first_on, bool(row.undated), bool(row.imported))
                for row in own
            ],
        )
        measured = sum(row.rows for row in own if row.biomarker_id is not None)
        found[one.id] = HypothesisState(standing, since, len(moments), measured)
    return found


def _amendments(numbers) -> dict[int, list[datetime.datetime]]:
    events = sa.select(AuditEvent.record_id, AuditEvent.at, AuditEvent.changes).where(
        AuditEvent.record_type == Hypothesis.__tablename__,
        AuditEvent.record_id.in_(numbers),
        AuditEvent.action == Action.CHANGE,
    )
    found = defaultdict(list)
    for number, at, changes in db.session.execute(events):
        if is_amendment(changes):
            found[number].append(at)
    return found


def _stored_data():
    """The data of all participants by kind, trial and tumor location (of measurements also marker and assay).

    Rows: trial_id, tumor_location, biomarker_id, assay_id, rows, first_stored_at (None of deaths, which are stored with
    the participant and are judged by their day), first_on, undated (how many have no day), imported (how many came in
    a file). Participants count who died or came in a file. Withdrawn data count: they were seen.
    """
    nothing, never = sa.cast(sa.null(), sa.Integer), sa.cast(sa.null(), UtcDateTime)
    no_day = sa.cast(sa.null(), sa.Date)

    def select(model, day, biomarker=nothing, assay=nothing):
        lacks_day = sa.case((sa.or_(day.is_(None), Participant.undated), 1), else_=0)
        found = sa.select(
            Participant.trial_id,
            Participant.tumor_location,
            biomarker.label("biomarker_id"),
            assay.label("assay_id"),
            sa.func.count().label("rows"),
            (never if model is Participant else sa.func.min(model.created_at)).label("first_stored_at"),
            sa.func.min(day).label("first_on"),
            sa.func.sum(lacks_day).label("undated"),
            sa.func.sum(sa.case((model.imported, 1), else_=0)).label("imported"),
        )
        keys = [Participant.trial_id, Participant.tumor_location]
        return found.select_from(Participant), keys

    # What is measured in a specimen is as old as that.
    taken_on = sa.func.coalesce(Specimen.collected_on, Measurement.measured_on)
    measured, keys = select(Measurement, taken_on, Assay.biomarker_id, Measurement.assay_id)
    parts = [
        measured.join(Measurement, Measurement.participant_id == Participant.id)
        .join(Assay, Assay.id == Measurement.assay_id)
        .outerjoin(Specimen, Specimen.id == Measurement.specimen_id)
        .group_by(*keys, Assay.biomarker_id, Measurement.assay_id)
    ]
    for model, day in (
        (TumorAssessment, TumorAssessment.assessed_on),
        (AdverseEvent, AdverseEvent.started_on),
        (Specimen, Specimen.collected_on),
        (ReportedOutcome, no_day),
    ):
        chosen, keys = select(model, day)
        parts.append(chosen.join(model, model.participant_id == Participant.id).group_by(*keys))
    died, keys = select(Participant, Participant.died_on)
    counts = sa.or_(Participant.died_on.is_not(None), Participant.imported)
    parts.append(died.where(counts).group_by(*keys))
    return db.session.execute(sa.union_all(*parts).execution_options(unscoped=True)).all()


def _is_of_population(row, hypothesis):
    return (
        hypothesis.trial_id in (None, row.trial_id)
        and hypothesis.tumor_location in (None, row.tumor_location)
        and row.biomarker_id in (None, hypothesis.biomarker_id)
        and (row.assay_id is None or hypothesis.assay_id in (None, row.assay_id))
    )


def judged(findings: Sequence[Finding]) -> dict[int, Judged]:
    """Whether each finding is confirmatory, by its number."""
    states = hypothesis_states(list({one.hypothesis for one in findings if one.hypothesis is not None}))
    return {
        one.id: nature_of(
            one, one.hypothesis, states[one.hypothesis.id].standing if one.hypothesis is not None else None
        )
        for one in findings
    }


#: What the page of a finding shows beside it.
BESIDE_FINDING = (
    orm.joinedload(Finding.biomarker),
    orm.joinedload(Finding.assay),
    orm.joinedload(Finding.author),
    orm.joinedload(Finding.hypothesis),
    orm.joinedload(Finding.trial),
    orm.joinedload(Finding.regimen),
    orm.selectinload(Finding.remark_answers),
    orm.selectinload(Finding.reviews).joinedload(FindingReview.decided_by),
    orm.selectinload(Finding.validated_by),
)


def accepted_validations(finding: Finding) -> list[Finding]:
    """The findings that validate it and were accepted."""
    return [one for one in finding.validated_by if one.status is FindingStatus.ACCEPTED]


def findings_of(user: User) -> list[Finding]:
    """The findings that this user wrote, the last changed first."""
    return _findings(Finding.author_id == user.id, Finding.updated_at.desc())


def findings_awaiting_review(user: User) -> list[Finding]:
    """Submitted findings that this user may decide on: not their own. The one that waits longest comes first."""
    anothers = sa.or_(Finding.author_id.is_(None), Finding.author_id != user.id)
    chosen = sa.and_(Finding.status == FindingStatus.SUBMITTED, anothers)
    return _findings(chosen, Finding.updated_at)


def _findings(chosen, order):
    statement = (
        sa.select(Finding)
        .where(chosen)
        .options(orm.joinedload(Finding.biomarker), orm.joinedload(Finding.author))
        .order_by(order, Finding.id)
    )
    return list(db.session.scalars(statement))


def hypotheses_without_data(user: User) -> list[Hypothesis]:
    """The hypotheses that this user registered, of whose marker nothing is measured in their population."""
    own = (
        sa.select(Hypothesis)
        .where(Hypothesis.author_id == user.id)
        .options(orm.joinedload(Hypothesis.biomarker))
        .order_by(Hypothesis.id)
    )
    hypotheses = list(db.session.scalars(own))
    states = hypothesis_states(hypotheses)
    return [one for one in hypotheses if not states[one.id].measured]


@dataclass
class Worker:
    """Somebody who works on a biomarker, with how many hypotheses and findings about it they entered."""

    user: User
    hypotheses: int = 0
    findings: int = 0


def workers_on(hypotheses: Sequence[Hypothesis], findings: Sequence[Finding]) -> list[Worker]:
    """Who entered these, by name."""
    found = {}
    for kind, records in (("hypotheses", hypotheses), ("findings", findings)):
        for one in records:
            if one.author is not None:
                worker = found.setdefault(one.author_id, Worker(one.author))
                setattr(worker, kind, getattr(worker, kind) + 1)
    return sorted(found.values(), key=lambda worker: worker.user.display_name.casefold())


def findings_testing(hypothesis: Hypothesis) -> list[Finding]:
    """The findings that name this hypothesis."""
    return _findings(Finding.hypothesis_id == hypothesis.id, Finding.id)


@dataclass(frozen=True)
class LocationFindings:
    """What was found in one tumor location (None: in all), and whether it contradicts itself."""

    tumor_location: str | None
    findings: list[Finding]
    is_contradictory: bool


def findings_by_location(biomarker: Biomarker) -> list[LocationFindings]:
    """The biomarker's findings by tumor location, those on all locations first, breast next.

    Accepted findings of one claim and endpoint contradict each other when one supports and another speaks against, or
    when a higher marker means other things in them.
    """
    groups = defaultdict(list)
    for one in _findings(Finding.biomarker_id == biomarker.id, Finding.id):
        groups[one.tumor_location].append(one)
    order = sorted(groups, key=lambda code: (code is not None, code != "BREAST", code or ""))
    return [LocationFindings(code, groups[code], _contradicts(groups[code])) for code in order]


def _contradicts(findings):
    return bool(contradictory_pairs([one for one in findings if one.status is FindingStatus.ACCEPTED]))


def hypotheses_about(biomarker: Biomarker) -> list[Hypothesis]:
    """The hypotheses about a biomarker, in the order of their registration."""
    statement = (
        sa.select(Hypothesis)
        .where(Hypothesis.biomarker_id == biomarker.id)
        .options(orm.joinedload(Hypothesis.author))
        .order_by(Hypothesis.registered_at, Hypothesis.id)
    )
    return list(db.session.scalars(statement))


def records_named(figures: dict) -> dict:
    """The records that a report's figures name, as a finding's form takes them: assay, trial, arm, regimen by name.

    Beside them their biomarker, and the hypothesis about it that the figures test, where there is one alone.
    """
    trial_code, _slash, arm_code = (figures["arm"] or "").partition("/")
    found = {
        "assay": sa.select(Assay)
        .where(Assay.name == figures["assay"])
        .options(orm.joinedload(Assay.biomarker)),
        "trial": sa.select(Trial).where(Trial.code == figures["trial"]),
        "arm": sa.select(Arm).join(Arm.trial).where(Trial.code == trial_code, Arm.code == arm_code),
        "regimen": sa.select(Regimen).where(Regimen.name == figures["regimen"]),
    }
    found = {name: db.session.scalar(statement) for name, statement in found.items()}
    found["biomarker"] = found["assay"].biomarker
    about = found | {name: figures[name] for name in ("cutoff", "tumor_location")}
    tested = [
        one
        for one in hypotheses_about(found["biomarker"])
        if one.endpoint.value == figures["endpoint"]
        and all(getattr(one, name) in (None, value) for name, value in about.items() if name != "arm")
    ]
    return found | {"hypothesis": tested[0] if len(tested) == 1 else None}


# What is said


def comments_about(record) -> list[Comment]:
    """Comments on this record, the oldest first."""
    statement = (
        sa.select(Comment)
        .where(Comment.record_type == record.__tablename__, Comment.record_id == record.id)
        .options(orm.joinedload(Comment.author))
        .order_by(Comment.id)
    )
    return list(db.session.scalars(statement))


def comments_mentioning(user: User, limit: int) -> list[Comment]:
    """The latest comments that mention this user."""
    statement = (
        sa.select(Comment)
        .join(Mention, Mention.comment_id == Comment.id)
        .where(Mention.user_id == user.id)
        .options(orm.joinedload(Comment.author))
        .order_by(Comment.id.desc())
        .limit(limit)
    )
    return list(db.session.scalars(statement))


def users_named(names) -> dict[str, User]:
    """Accounts that are not disabled, with their memberships, by name."""
    statement = (
        sa.select(User)
        .where(User.name.in_(names), User.disabled_at.is_(None))
        .options(orm.selectinload(User.memberships))
    )
    return {user.name: user for user in db.session.scalars(statement)}
