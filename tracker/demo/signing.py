"""What was signed in the demonstration centre: a frozen report, and casebooks, one of which changed afterwards."""

import sqlalchemy as sa

from tracker.actions import freeze_report, signature_on
from tracker.extensions import db
from tracker.models import AdverseEvent, Participant, ReportSnapshot, Trial, User
from tracker.reads.signing import content_hash
from tracker.reports.base import run_report
from tracker.reports.frozen import content_of, freeze, trials_in
from tracker.terms.oversight import SignatureMeaning

#: The report that the director froze: how the basket trial did by tumor location.
_FROZEN = ("outcomes", [("trial", "CCI-BASKET-01"), ("by", "tumor_location")])

#: How many participants of that trial have a signed casebook.
_CASEBOOKS = 3


def store_signatures(users: dict[str, User]) -> None:
    """The director's on a report, the physician's on casebooks."""
    slug, asked = _FROZEN
    result = run_report(slug, asked)
    snapshot = freeze_report(freeze(ReportSnapshot(), result, content_of(result)), trials_in(result))
    snapshot.author_id = users["lindqvist"].id
    db.session.add(snapshot)
    db.session.flush()
    approved = SignatureMeaning.APPROVED
    db.session.add(signature_on(snapshot, snapshot.content_hash, approved, users["lindqvist"]))
    for one in _treated():
        meaning = SignatureMeaning.RESPONSIBLE
        db.session.add(signature_on(one, content_hash(one), meaning, users["moreau"]))


def change_what_was_signed() -> None:
    """A late word on an adverse event, which makes one of the signatures void."""
    event = db.session.scalar(
        sa.select(AdverseEvent)
        .where(AdverseEvent.participant_id.in_([one.id for one in _treated()]))
        .order_by(AdverseEvent.id)
    )
    event.narrative = "Resolved without sequelae, as the general practitioner wrote later."


def _treated() -> list[Participant]:
    """The first of the trial who had an adverse event."""
    trial = dict(_FROZEN[1])["trial"]
    return db.session.scalars(
        sa.select(Participant)
        .join(Participant.trial)
        .where(
            Trial.code == trial,
            Participant.id.in_(sa.select(AdverseEvent.participant_id)),
        )
        .order_by(Participant.code)
        .limit(_CASEBOOKS)
    ).all()
