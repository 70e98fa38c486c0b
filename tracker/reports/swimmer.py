"""Swimmer: the course of each participant, from the first dose to the last contact."""

import pandas as pd
from flask_babel import lazy_gettext as _l

from tracker.charts.swimmer import MOST, Lane, swimmer
from tracker.reads.outcome import outcomes_frame
from tracker.reads.response import responses_frame
from tracker.reports.base import Figure, Result, Table, report
from tracker.reports.columns import Shown, shown_text
from tracker.reports.spider import plain_number
from tracker.reports.waterfall import ResponsesForm, best_column, response_text, shown_month
from tracker.rules.time_to_event import DAYS_PER_MONTH

#: Months since the first dose, missing where it did not happen.
MONTHS = ["treated", "followed", "responded", "progressed", "died"]
COLUMNS = ["participant", *MONTHS, "ongoing", "best_response"]


@report(
    "swimmer",
    title=_l("Swimmer"),
    about=_l(
        "How long each participant was treated and followed, and when response, progression and death came."
    ),
    form=ResponsesForm,
    reads=[outcomes_frame, responses_frame],
)
def build(participants, responses, response=None):
    """The months from the first dose on, of everybody who had one and whose later course is known.

    Treatment lasts to the day off treatment, else to the last dose; where neither that nor a death, a new therapy or
    an end of the study is on record, it goes on, up to the last contact.
    """
    treated = participants[participants["first_dose_on"].notna()].set_index("participant_id")
    days = _days(treated, responses, response)
    ended = (
        treated[["off_treatment_on", "off_study_on", "new_therapy_on", "died_on"]].notna().any(axis="columns")
    )
    until = treated["off_treatment_on"].fillna(treated["last_dose_on"].where(ended, days["followed"]))
    days = days.assign(treated=until)
    months = {
        name: ((days[name] - treated["first_dose_on"]).dt.days / DAYS_PER_MONTH).clip(lower=0)
        for name in MONTHS
    }
    rows = pd.DataFrame(
        {
            "participant": treated["code"],
            **months,
            "ongoing": ~ended,
            "best_response": treated[best_column(response)],
        }
    )
    known = rows[(rows["followed"] > 0) | (rows["treated"] > 0)]
    known = known.assign(treated=known["treated"].fillna(0.0))
    known = known.sort_values(["followed", "participant"], ascending=[False, True], ignore_index=True)[
        COLUMNS
    ]
    notes = [
        _l("Months since the first dose. Response: the first CR or PR that counts (RECIST 1.1)."),
        _l("Participants: %(n)d of %(all)d with a first dose.", n=len(known), all=len(treated)),
    ]
    if len(known) > MOST:
        notes.append(_l("The %(most)d who were followed longest are drawn.", most=MOST))
    table = Table(
        "participants",
        _l("Course by participant"),
        known,
        shown={
            "participant": shown_text("participant", _l("Participant")),
            "treated": shown_month("treated", _l("Treated (months)")),
            "followed": shown_month("followed", _l("Followed (months)")),
            "responded": shown_month("responded", _l("Response")),
            "progressed": shown_month("progressed", _l("Progression")),
            "died": shown_month("died", _l("Death")),
            "ongoing": Shown(_l("On treatment"), lambda row: "✓" if row["ongoing"] else "", is_number=False),
            "best_response": shown_text("best_response", _l("Best response")),
        },
        notes=notes,
    )
    return Result(tables=[table], figures=[Figure("swimmer", _l("Course of each participant"), known, _draw)])


def _days(treated, responses, response) -> pd.DataFrame:
    """The day of what happened to each treated participant, and of the last contact (followed)."""
    progressed = responses[responses["counts"] & (responses["response"] == "PD")]
    assessed = responses.groupby("participant_id")["assessed_on"].max()
    contacts = treated[
        ["first_dose_on", "last_dose_on", "off_treatment_on", "last_known_alive_on", "died_on"]
    ]
    responded = treated[f"responded_{response}_on"] if response else treated["responded_on"]
    return pd.DataFrame(
        {
            "followed": contacts.assign(assessed=assessed.reindex(treated.index)).max(axis="columns"),
            "responded": responded,
            "progressed": progressed.groupby("participant_id")["assessed_on"].min().reindex(treated.index),
            "died": treated["died_on"],
        }
    ).astype("datetime64[us]")


def _draw(data, **layout):
    rows = data.head(MOST).astype(object).where(data.head(MOST).notna(), None).to_dict("records")
    lanes = [
        Lane(
            row["participant"],
            row["participant"].partition("/")[2],
            response_text(row["best_response"]),
            *(row[name] for name in MONTHS),
            row["ongoing"],
        )
        for row in rows
    ]
    return swimmer(lanes, number=plain_number, **layout)
