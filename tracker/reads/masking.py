"""What is not shown to everybody: the arms of a running randomised trial, until its results are released."""

import sqlalchemy as sa

from tracker.models import (
    Administration,
    AdverseEvent,
    Participant,
    ReportSnapshot,
    Signature,
    SnapshotTrial,
    Trial,
)
from tracker.roles import Permission
from tracker.scope import reader
from tracker.terms.trial import TrialStatus

#: Attributes that may be hidden; lists cannot be sorted or narrowed by them.
MASKABLE = {Participant: {"arm", "dose_level"}, Administration: {"component"}, AdverseEvent: {"attributions"}}


def is_masked(record, name: str) -> bool:
    """Whether this attribute of the record, or of its part as in attributions.12.agent, is kept from the reader."""
    hidden = MASKABLE.get(type(record))
    if hidden is None or name.partition(".")[0].removesuffix("_id") not in hidden:
        return False
    trial = record.trial if isinstance(record, Participant) else record.participant.trial
    if not trial.hides_arms or reader().sees_masked_arms:
        return False
    # Whoever enters the doses knows the agents; the arm stays masked all the same.
    return isinstance(record, Participant) or not reader().user.may(Permission.EDIT_PARTICIPANTS)


def hides_doses() -> bool:
    """Whether the doses of masked trials are kept from the reader: their number and amounts alone tell the arm."""
    return not reader().sees_masked_arms and not reader().user.may(Permission.EDIT_PARTICIPANTS)


def seen_on_pages(model) -> list:
    """What a record must meet, beside the scope, to be on a page for this reader."""
    if model is Administration and hides_doses():
        return [Administration.participant_id.not_in(_people_of_masked_trials())]
    if model is ReportSnapshot and not reader().sees_masked_arms:
        open_trials = sa.select(Trial.id).where(sa.not_(_masks_arms()))
        hidden = sa.select(SnapshotTrial.report_snapshot_id).where(SnapshotTrial.trial_id.not_in(open_trials))
        return [ReportSnapshot.id.not_in(hidden)]
    if model is Signature:
        return list(_signatures_seen())
    return []


def _signatures_seen():
    """Those on what is on no page for the reader are on none either."""
    if not reader().sees_masked_arms:
        seen = sa.select(ReportSnapshot.id).where(*seen_on_pages(ReportSnapshot))
        yield sa.or_(Signature.snapshot_id.is_(None), Signature.snapshot_id.in_(seen))
    if hides_doses():
        is_of_dose = Signature.record_type == Administration.__tablename__
        yield sa.not_(sa.and_(is_of_dose, Signature.participant_id.in_(_people_of_masked_trials())))


def _people_of_masked_trials():
    return sa.select(Participant.id).where(Participant.trial_id.in_(masked_trials()))


def masked_trials() -> sa.Select:
    """The ids of the trials whose arms are masked to all but those who see masked arms."""
    return sa.select(Trial.id).where(_masks_arms())


def _masks_arms():
    """As Trial.hides_arms."""
    return sa.and_(
        Trial.is_randomised,
        sa.not_(Trial.results_released),
        Trial.status.not_in([status for status in TrialStatus if status.has_ended]),
    )
