"""Participants as reports see them: one row each, with what became of them."""

import datetime

import numpy as np
import pandas as pd
import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from tracker.extensions import db
from tracker.models import Agent, Arm, Cohort, Participant, Regimen, RegimenComponent, Trial
from tracker.models.participant import UNDATED_DAY_1
from tracker.reads.base import frame, once, rows_of
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
    day = np.datetime64(as_of, "us")
    came = _else(found["enrolled_on"].to_numpy(), found["first_dose_on"].to_numpy())
    found = found[found["undated"].to_numpy(bool) | ~(came > day)].reset_index(drop=True)
    # What many share is read once, not for each of them.
    trials, arms = _trials_and_arms(found["trial_id"].unique().tolist())
    trial, arm = rows_of(found["trial_id"], trials, "trial_id"), rows_of(found["arm_id"], arms, "arm_id")
    arm["combination"] = arm["combination"].fillna(Combination.UNKNOWN.value)
    known = _as_known_on(found, trial, day)
    shared = {name: known.pop(name) if name in known else column.values for name, column in found.items()}
    del shared["arm_id"]
    return pd.DataFrame(shared | trial | arm | known)


def day_of_first_dose(people: pd.DataFrame) -> pd.Series:
    """The first dose; day 1 of who has no dates."""
    first = people["first_dose_on"].to_numpy()
    unknown = people["undated"].to_numpy(bool) & np.isnat(first)
    return pd.Series(np.where(unknown, np.datetime64(UNDATED_DAY_1), first), people.index)


def started_on(people: pd.DataFrame) -> pd.Series:
    """Time zero: enrolment where the trial is randomised, else the first dose, else enrolment."""
    enrolled, first = people["enrolled_on"].to_numpy(), day_of_first_dose(people).to_numpy()
    randomised = people["randomised"].to_numpy(bool)
    return pd.Series(np.where(randomised, _else(enrolled, first), _else(first, enrolled)), people.index)


def _else(dates, others):
    """Dates, and where one is missing the other."""
    return np.where(np.isnat(dates), others, dates)


def _trials_and_arms(ids: list[int]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What every participant of one of these trials shares, by trial_id, and of an arm, by arm_id.

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
            "trial_id": np.array([trial.id for trial in trials], np.int64),
            "trial": pd.array([trial.code for trial in trials], dtype="str"),
            "setting": pd.array([(trial.setting or Setting.ADVANCED).value for trial in trials], dtype="str"),
            "setting_assumed": np.array([trial.setting is None for trial in trials], bool),
            "response_criteria": pd.array([trial.response_criteria.value for trial in trials], dtype="str"),
            "randomised": np.array([trial.is_randomised for trial in trials], bool),
            "masked": np.array([trial.hides_arms for trial in trials], bool),
            "confirms": np.array(
                [trial.confirmation_required and not trial.is_randomised for trial in trials], bool
            ),
            **{name: np.array([getattr(trial, name) for trial in trials], np.int64) for name in SETTINGS},
        }
    )


def _of_arms(rows) -> pd.DataFrame:
    combination = [
        None if row.name is None else (Combination.YES if (row.agents or 0) > 1 else Combination.NO).value
        for row in rows
    ]
    return pd.DataFrame(
        {
            "arm_id": np.array([row.id for row in rows], np.int64),
            "arm": pd.array([f"{row.Trial.code}/{row.code}" for row in rows], dtype="str"),
            "arm_type": pd.array([row.type.value for row in rows], dtype="str"),
            "regimen": pd.array([row.name for row in rows], dtype="str"),
            "combination": pd.array(combination, dtype="str"),
        }
    )


def _as_known_on(found, trial, day) -> dict[str, np.ndarray]:
    """The columns of participants that a day decides, and their marks as plain ones."""
    undated, withdrawn = (found[name].to_numpy(bool) for name in ("undated", "consent_withdrawn"))
    dates = {name: found[name].to_numpy() for name in DATES}
    dates = {
        name: np.where(undated | (date <= day), date, np.datetime64("NaT")) for name, date in dates.items()
    }
    has_date = np.any([~np.isnat(date) for date in dates.values()], axis=0)
    wait = trial["assessment_interval_days"] + trial["assessment_window_days"]
    pending = dates["first_dose_on"] + wait.astype("timedelta64[D]") > day
    marks = {"dated": ~undated & has_date, "pending": ~undated & pending}
    return dates | {"undated": undated, "consent_withdrawn": withdrawn} | marks


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
