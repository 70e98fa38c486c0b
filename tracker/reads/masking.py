"""What is not shown to everybody: the arms of a running randomised trial, until its results are released."""

import sqlalchemy as sa

from tracker.models import Administration, AdverseEvent, Participant, Trial
from tracker.roles import Permission
from tracker.scope import reader
from tracker.terms.trial import TrialStatus

#: Attributes that may be hidden; lists cannot be sorted or narrowed by them.
MASKABLE = {Participant: {"arm", "dose_level"}, Administration: {"component"}, AdverseEvent: {"attributions"}}


def is_masked(record, name: str) -> bool:
    """Whether this attribute of the record, or of its part as in attributions.12.agent, is kept from the reader."""
    if name.partition(".")[0].removesuffix("_id") not in MASKABLE.get(type(record), ()):
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
    if model is not Administration or not hides_doses():
        return []
    # As Trial.hides_arms.
    masked = sa.and_(
        Trial.is_randomised,
        sa.not_(Trial.results_released),
        Trial.status.not_in([status for status in TrialStatus if status.has_ended]),
    )
    people = sa.select(Participant.id).join(Participant.trial).where(masked)
    return [Administration.participant_id.not_in(people)]
