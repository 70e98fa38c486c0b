"""Participants as reports see them: one row each, with what became of them."""

import datetime

import pandas as pd
import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from tracker.extensions import db
from tracker.models import Agent, Arm, Cohort, Participant, Regimen, RegimenComponent, ReportedOutcome, Trial
from tracker.reads.base import frame
from tracker.scope import reader
from tracker.terms.base import Term
from tracker.terms.regimen import MechanismClass
from tracker.terms.trial import Setting

#: Dates of a participant. A date after the cut-off is not known yet.
DATES = [
    "consented_on",
    "enrolled_on",
    "first_dose_on",
    "last_dose_on",
    "new_therapy_on",
    "off_treatment_on",
    "off_study_on",
    "last_known_alive_on",
    "died_on",
]

#: What tells the treatment of a participant, and stands in for it where it must not be seen.
TREATMENT = ["arm", "arm_type", "regimen", "combination"]
MASKED = "masked"


class Combination(Term):
    """Whether a regimen has two or more agents; a placebo never counts."""

    YES = "yes", _l("Combination")
    NO = "no", _l("Single agent")
    UNKNOWN = "unknown", _l("Regimen not stated")


def participants_frame(participants: sa.ColumnElement, as_of: datetime.date) -> pd.DataFrame:
    """One row a participant who was there on the day `as_of`, by participant_id. CDISC: ADSL.

    A dated participant is there from enrolment on, or where that is not known from the first dose; who has no
    calendar dates is always there. Columns:

    participant_id, trial_id, trial, arm (TRIAL/ARM), arm_type, cohort, regimen,
    combination: yes, no, or unknown without a regimen (Combination),
    tumor_location, diagnosis, subtype, prior_lines: as stored,
    setting: the trial's, or advanced where the trial does not state it (setting_assumed),
    randomised: whether the trial is; masked: whether arms are hidden until its results are released,
    undated: the dates below are study days, counted from 2000-01-01 as day 1,
    consented_on ... died_on (DATES): missing where later than as_of,
    dated: has at least one calendar date,
    pending: first dose less than one assessment interval and window before as_of, so that nobody could have
    seen a response yet.
    """
    found = frame(
        sa.select(
            Participant.id.label("participant_id"),
            Participant.trial_id,
            (Trial.code + "/" + Arm.code).label("arm"),
            Arm.type.label("arm_type"),
            Cohort.name.label("cohort"),
            Regimen.name.label("regimen"),
            Regimen.id.label("regimen_id"),
            Participant.tumor_location,
            Participant.diagnosis,
            Participant.subtype,
            Participant.prior_lines,
            Participant.undated,
            *(getattr(Participant, name) for name in DATES),
        )
        .join(Participant.trial)
        .outerjoin(Participant.arm)
        .outerjoin(Arm.regimen)
        .outerjoin(Participant.cohort)
        .where(participants)
        .order_by(Participant.id)
    )
    found = found.join(_trials(), on="trial_id").join(_combinations(), on="regimen_id")
    found["combination"] = found["combination"].fillna(Combination.UNKNOWN.value)
    found["undated"] = found["undated"].astype(bool)
    return _as_known_on(found.drop(columns="regimen_id"), pd.Timestamp(as_of))


def outcomes_frame(participants: sa.ColumnElement, as_of: datetime.date) -> pd.DataFrame:
    """participants_frame, with what became of each. CDISC: ADSL with ADRS and ADTTE.

    treated: had a first dose; an undated participant also when an outcome is reported,
    best_response: CR PR SD PD NE, or responder / non-responder where a source tells no more,
    clinical_benefit, pcr (pathological complete response): boolean,
    pfs_months, pfs_event, os_months, os_event,
    source: reported, where the outcome is what a source says; missing where there is none.
    """
    reported = frame(
        sa.select(
            ReportedOutcome.participant_id,
            ReportedOutcome.best_overall_response.label("best_response"),
            ReportedOutcome.clinical_benefit,
            ReportedOutcome.pathological_complete_response.label("pcr"),
            ReportedOutcome.pfs_months,
            ReportedOutcome.pfs_event,
            ReportedOutcome.os_months,
            ReportedOutcome.os_event,
        )
        .join(ReportedOutcome.participant)
        .where(participants)
    )
    reported["source"] = pd.Series("reported", reported.index, "str")
    found = participants_frame(participants, as_of).merge(reported, on="participant_id", how="left")
    found["treated"] = found["first_dose_on"].notna() | (found["undated"] & found["source"].notna())
    return found


def _trials() -> pd.DataFrame:
    """What every participant of a trial shares, by trial id."""
    trials = db.session.scalars(sa.select(Trial)).all()
    return pd.DataFrame(
        {
            "trial": pd.Series([trial.code for trial in trials], dtype="str"),
            "setting": pd.Series(
                [(trial.setting or Setting.ADVANCED).value for trial in trials], dtype="str"
            ),
            "setting_assumed": pd.Series([trial.setting is None for trial in trials], dtype="bool"),
            "randomised": pd.Series([trial.is_randomised for trial in trials], dtype="bool"),
            "masked": pd.Series([trial.hides_arms for trial in trials], dtype="bool"),
            "wait_days": pd.Series(
                [trial.assessment_interval_days + trial.assessment_window_days for trial in trials],
                dtype="int64",
            ),
        }
    ).set_axis(pd.Index([trial.id for trial in trials], dtype="Int64"))


def _combinations() -> pd.Series:
    """A value of Combination by regimen id."""
    agents = sa.func.count(sa.distinct(Agent.id)).filter(Agent.mechanism_class != MechanismClass.PLACEBO)
    counted = (
        sa.select(RegimenComponent.regimen_id, agents)
        .join(RegimenComponent.agent)
        .group_by(RegimenComponent.regimen_id)
    )
    rows = db.session.execute(counted).all()
    terms = [(Combination.YES if n > 1 else Combination.NO).value for _regimen, n in rows]
    regimens = pd.Index([regimen for regimen, _n in rows], dtype="Int64")
    return pd.Series(terms, regimens, dtype="str", name="combination")


def _as_known_on(participants: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
    undated = participants["undated"]
    came = participants["enrolled_on"].fillna(participants["first_dose_on"])
    participants = participants[undated | ~(came > day)].reset_index(drop=True)
    undated = participants["undated"]
    for name in DATES:
        participants[name] = participants[name].where(undated | (participants[name] <= day))
    participants["dated"] = ~undated & participants[DATES].notna().any(axis="columns")
    wait = pd.to_timedelta(participants.pop("wait_days"), unit="D")
    participants["pending"] = ~undated & (participants["first_dose_on"] + wait > day)
    return participants


def masked_for_reader(participants: pd.DataFrame) -> pd.DataFrame:
    """The same rows, with the treatment hidden where the reader may not see it yet."""
    if reader().sees_masked_arms or not participants["masked"].any():
        return participants
    participants = participants.copy(deep=False)
    for name in TREATMENT:
        participants[name] = participants[name].mask(participants["masked"], MASKED)
    return participants


def filter_values(participants: pd.DataFrame) -> dict[str, list[str]]:
    """What participants can be filtered by, in scope and sorted, by filter; also what nobody has yet."""
    codes = {
        "trial": sa.select(Trial.code),
        "arm": sa.select(Trial.code + "/" + Arm.code).join(Arm.trial),
        "cohort": sa.select(Cohort.name),
        "regimen": sa.select(Regimen.name),
    }
    found = {name: set(db.session.scalars(statement)) for name, statement in codes.items()}
    for name in ("diagnosis", "tumor_location", "subtype", "combination", "prior_lines", "setting"):
        found[name] = set(participants[name].dropna().unique())
    return {
        name: sorted(values, key=lambda value: (value.casefold(), value)) for name, values in found.items()
    }
