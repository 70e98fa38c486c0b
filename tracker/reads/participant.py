"""Participants as reports see them: one row each, with what became of them."""

import datetime

import pandas as pd
import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from tracker.extensions import db
from tracker.models import Agent, Arm, Cohort, Participant, Regimen, RegimenComponent, Trial
from tracker.models.participant import UNDATED_DAY_1
from tracker.reads.base import frame, once
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

#: What a trial's protocol says about its assessments.
SETTINGS = ["assessment_interval_days", "assessment_window_days", "minimum_sd_days"]

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

    participant_id, code (TRIAL/CODE), trial_id, trial, arm (TRIAL/ARM), arm_type, cohort, regimen,
    combination: yes, no, or unknown without a regimen (Combination),
    tumor_location, diagnosis, subtype, prior_lines: as stored,
    setting: the trial's, or advanced where the trial does not state it (setting_assumed),
    response_criteria: the trial's (ResponseCriteria),
    randomised: whether the trial is; masked: whether arms are hidden until its results are released,
    undated: the dates below are study days, counted from 2000-01-01 as day 1,
    consented_on ... died_on (DATES): missing where later than as_of,
    dated: has at least one calendar date,
    consent_withdrawn: consent to research is withdrawn by now, whatever as_of says; reports leave these out,
    assessment_interval_days, assessment_window_days, minimum_sd_days: the trial's,
    confirms: whether CR and PR count when confirmed, unless a report is asked otherwise: not in a randomised
    trial, nor in one whose protocol needs no confirmation,
    pending: first dose less than one assessment interval and window before as_of, so that nobody could have
    seen a response yet.
    """
    found = frame(
        sa.select(
            Participant.id.label("participant_id"),
            (Trial.code + "/" + Participant.code).label("code"),
            Participant.trial_id,
            Participant.arm_id,
            Cohort.name.label("cohort"),
            Participant.tumor_location,
            Participant.diagnosis,
            Participant.subtype,
            Participant.prior_lines,
            Participant.undated,
            Participant.research_consent_withdrawn_on.is_not(None).label("consent_withdrawn"),
            *(getattr(Participant, name) for name in DATES),
        )
        .join(Participant.trial)
        .outerjoin(Participant.cohort)
        .where(participants)
        .order_by(Participant.id)
    )
    # What many share is read once, not for each of them.
    trials, arms = _trials_and_arms(found["trial_id"].unique().tolist())
    found = found.join(trials, on="trial_id").join(arms, on="arm_id")
    found["combination"] = found["combination"].fillna(Combination.UNKNOWN.value)
    for name in ("undated", "consent_withdrawn"):
        found[name] = found[name].astype(bool)
    return _as_known_on(found.drop(columns="arm_id"), pd.Timestamp(as_of))


def day_of_first_dose(people: pd.DataFrame) -> pd.Series:
    """The first dose; day 1 of who has no dates."""
    unknown = people["undated"].astype(bool) & people["first_dose_on"].isna()
    return people["first_dose_on"].mask(unknown, pd.Timestamp(UNDATED_DAY_1))


def started_on(people: pd.DataFrame) -> pd.Series:
    """Time zero: enrolment where the trial is randomised, else the first dose, else enrolment."""
    enrolled, first = people["enrolled_on"], day_of_first_dose(people)
    return first.fillna(enrolled).where(~people["randomised"].astype(bool), enrolled.fillna(first))


def _trials_and_arms(ids: list[int]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What every participant of one of these trials shares, by trial id, and of an arm, by arm id.

    Of an arm: arm (TRIAL/ARM), arm_type, regimen, and combination (yes or no, missing without a regimen).
    """
    counted = (
        sa.select(RegimenComponent.regimen_id, sa.func.count(sa.distinct(Agent.id)).label("agents"))
        .join(RegimenComponent.agent)
        .where(Agent.mechanism_class != MechanismClass.PLACEBO)
        .group_by(RegimenComponent.regimen_id)
        .subquery()
    )
    rows = db.session.execute(
        sa.select(Trial, Arm.id, Arm.code, Arm.type, Regimen.name, counted.c.agents)
        .outerjoin(Trial.arms)
        .outerjoin(Arm.regimen)
        .outerjoin(counted, counted.c.regimen_id == Regimen.id)
        .where(Trial.id.in_(ids))
        .order_by(Trial.id)
    ).all()
    trials = {trial.id: trial for trial, *_arm in rows}
    return _of_trials(list(trials.values())), _of_arms([row for row in rows if row.id is not None])


def _of_trials(trials) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "trial": pd.Series([trial.code for trial in trials], dtype="str"),
            "setting": pd.Series(
                [(trial.setting or Setting.ADVANCED).value for trial in trials], dtype="str"
            ),
            "setting_assumed": pd.Series([trial.setting is None for trial in trials], dtype="bool"),
            "response_criteria": pd.Series([trial.response_criteria.value for trial in trials], dtype="str"),
            "randomised": pd.Series([trial.is_randomised for trial in trials], dtype="bool"),
            "masked": pd.Series([trial.hides_arms for trial in trials], dtype="bool"),
            "confirms": pd.Series(
                [trial.confirmation_required and not trial.is_randomised for trial in trials], dtype="bool"
            ),
            **{
                name: pd.Series([getattr(trial, name) for trial in trials], dtype="int64")
                for name in SETTINGS
            },
        }
    ).set_axis(pd.Index([trial.id for trial in trials], dtype="Int64"))


def _of_arms(rows) -> pd.DataFrame:
    combination = [
        None if row.name is None else (Combination.YES if (row.agents or 0) > 1 else Combination.NO).value
        for row in rows
    ]
    return pd.DataFrame(
        {
            "arm": pd.Series([f"{row.Trial.code}/{row.code}" for row in rows], dtype="str"),
            "arm_type": pd.Series([row.type.value for row in rows], dtype="str"),
            "regimen": pd.Series([row.name for row in rows], dtype="str"),
            "combination": pd.Series(combination, dtype="str"),
        }
    ).set_axis(pd.Index([row.id for row in rows], dtype="Int64"))


def _as_known_on(participants: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
    undated = participants["undated"]
    came = participants["enrolled_on"].fillna(participants["first_dose_on"])
    participants = participants[undated | ~(came > day)].reset_index(drop=True)
    undated = participants["undated"]
    for name in DATES:
        participants[name] = participants[name].where(undated | (participants[name] <= day))
    participants["dated"] = ~undated & participants[DATES].notna().any(axis="columns")
    wait = pd.to_timedelta(
        participants["assessment_interval_days"] + participants["assessment_window_days"], unit="D"
    )
    participants["pending"] = ~undated & (participants["first_dose_on"] + wait > day)
    return participants


def masked_for_reader(participants: pd.DataFrame) -> pd.DataFrame:
    """The same rows, of participants or of arms, with the treatment hidden where the reader may not see it yet."""
    if reader().sees_masked_arms or not participants["masked"].any():
        return participants
    participants = participants.copy(deep=False)
    for name in [name for name in TREATMENT if name in participants]:
        participants[name] = participants[name].mask(participants["masked"], MASKED)
    return participants


def filter_values(participants: pd.DataFrame, name: str) -> list[str]:
    """What participants can be filtered by under that name, in scope and sorted; also what nobody has yet."""
    codes = {
        "trial": lambda: sa.select(Trial.code),
        "arm": lambda: sa.select(Trial.code + "/" + Arm.code).join(Arm.trial),
        "cohort": lambda: sa.select(Cohort.name),
        "regimen": lambda: sa.select(Regimen.name),
    }
    if name in codes:
        found = once((name, reader().request_id), lambda: set(db.session.scalars(codes[name]())))
    else:
        found = set(participants[name].dropna().unique())
    return sorted(found, key=lambda value: (value.casefold(), value))
