"""Who is in a denominator of response, who responded, and what every report must say of it."""

import pandas as pd
from flask_babel import lazy_gettext as _l

from tracker.reads.outcome import DERIVED, REPORTED
from tracker.terms.participant import BestResponse

RESPONSES = [BestResponse.CR.value, BestResponse.PR.value, BestResponse.RESPONDER.value]


def is_counted(participants: pd.DataFrame) -> pd.Series:
    """Whether each is in the denominator: treated, no longer pending, in a trial that records responses at all."""
    return participants["treated"] & ~participants["pending"] & participants["response_recorded"]


def has_responded(participants: pd.DataFrame) -> pd.Series:
    """Whether each has CR or PR, or is a responder by the source's word."""
    return participants["best_response"].isin(RESPONSES)


def unrecorded_notes(participants: pd.DataFrame) -> list:
    """Names the trials whose participants are in no denominator because nobody's response is recorded."""
    left_out = participants["treated"] & ~participants["pending"] & ~participants["response_recorded"]
    if not left_out.any():
        return []
    return [
        _l(
            "Left out of every rate of response, because their trials record no response of anybody: %(n)d"
            " participants (%(trials)s).",
            n=int(left_out.sum()),
            trials=", ".join(sorted(participants.loc[left_out, "trial"].unique())),
        )
    ]


def response_notes(participants: pd.DataFrame) -> list:
    """The denominator, the counting rule, and who is left out."""
    counted = participants[is_counted(participants)]
    notes = [
        _l("n: treated participants; who has no response on record counts as a non-responder."),
        *unrecorded_notes(participants),
    ]
    numbers = {name: int((counted["source"] == name).sum()) for name in (DERIVED, REPORTED)}
    if numbers[DERIVED]:
        notes.append(
            _l(
                "Derived from assessments by RECIST 1.1; responses count when confirmed 28 days later, and unconfirmed"
                " ones too in randomised trials and where the protocol needs no confirmation."
            )
        )
    if numbers[REPORTED]:
        notes.append(_l("Reported responses count as recorded, whether or not they were confirmed."))
    if all(numbers.values()):
        notes.append(_l("Outcomes derived: %(derived)d; as reported: %(reported)d.", **numbers))
    if untreated := int((~participants["treated"]).sum()):
        notes.append(_l("Participants without a first dose: %(n)d; they are not counted.", n=untreated))
    if pending := int((participants["treated"] & participants["pending"]).sum()):
        notes.append(
            _l(
                "Pending participants, whose first dose was too recent for a first assessment: %(n)d; they"
                " are in no denominator.",
                n=pending,
            )
        )
    return notes
