"""Whose outcome is known, for the reports on markers: responses as events, or times."""

import numpy as np
import pandas as pd
from flask_babel import lazy_gettext as _l

from tracker.reports.response import has_responded, is_counted, unrecorded_notes
from tracker.terms.biomarker import MarkerStatus
from tracker.terms.trial import ResponseCriteria


def with_known_outcome(participants, endpoint) -> tuple[pd.DataFrame, list]:
    """Those whose outcome is known, with columns `event` and `months`; and what is to be said of it.

    event: responded, or had the event. endpoint: response, pfs or os. participants: of outcomes_frame.
    """
    if endpoint == "response":
        is_pcr = participants["response_criteria"] == ResponseCriteria.PCR.value
        responded = has_responded(participants).mask(is_pcr, participants["pcr"].fillna(False).astype(bool))
        known = (participants["treated"] & ~participants["pending"]).where(is_pcr, is_counted(participants))
        found = participants.assign(event=responded.astype(bool), months=np.nan)[known]
        unrecorded = unrecorded_notes(participants[~is_pcr])
        if is_pcr.any():
            method = _l(
                "Response: pathological complete response, the trial's criterion; who has none on record counts as"
                " having none."
            )
        else:
            method = _l(
                "Response: CR or PR, confirmed unless the trial is randomised or needs no confirmation; who has no"
                " response on record counts as a non-responder."
            )
    else:
        unrecorded = []
        months, event = participants[f"{endpoint}_months"], participants[f"{endpoint}_event"]
        known = months.notna() & event.notna()
        found = participants.assign(months=months, event=event.fillna(False).astype(bool))[known]
        method = _l("Time runs from randomisation or the first dose, as each source tells it.")
    notes = [method, *unrecorded]
    if unknown := int((~known).sum()):
        notes.append(_l("Participants whose outcome is not known, and who are left out: %(n)d.", n=unknown))
    return found, notes


def with_known_marker(participants) -> tuple[pd.DataFrame, list]:
    """Those whose status is known; and how many are left out."""
    is_known = participants["marker"] != MarkerStatus.MISSING.value
    notes = []
    if missing := int((~is_known).sum()):
        notes.append(_l("Participants whose marker is not known, and who are left out: %(n)d.", n=missing))
    return participants[is_known], notes
