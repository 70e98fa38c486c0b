"""What became of participants: derived from their assessments and dates, or as a source reports it."""

import datetime
import functools

import numpy as np
import pandas as pd
import sqlalchemy as sa

from tracker.models import Administration, AdverseEvent, Participant, ReportedOutcome, TumorAssessment
from tracker.reads.base import frame
from tracker.reads.participant import participants_frame
from tracker.reads.response import Derived, derive
from tracker.rules.time_to_event import duration_of_response, overall_survival, progression_free_survival
from tracker.terms.response import OverallResponse

#: Dates of a participant on which they were seen alive.
CONTACTS = [
    "consented_on",
    "enrolled_on",
    "first_dose_on",
    "last_dose_on",
    "new_therapy_on",
    "off_treatment_on",
    "last_known_alive_on",
]

#: Best responses that are counted as others: without target lesions neither CR nor PD is stable disease.
COUNTED_AS = {OverallResponse.NON_CR_NON_PD.value: "SD", OverallResponse.NO_DISEASE.value: "NE"}

DERIVED, REPORTED = "derived", "reported"


def outcomes_frame(participants: sa.ColumnElement, as_of: datetime.date) -> pd.DataFrame:
    """participants_frame, with what became of each. CDISC: ADSL with ADRS and ADTTE.

    treated: had a first dose; an undated participant also when an outcome is known,
    best_response: CR PR SD PD NE, or responder / non-responder where a source tells no more; confirmed where
    `confirms`; best_confirmed, best_unconfirmed: the same either way; a reported one counts as recorded,
    non_target_only: the derived best response is Non-CR/Non-PD, which counts as SD,
    clinical_benefit (as best_response), benefit_confirmed, benefit_unconfirmed, pcr (pathological complete
    response; only ever reported): boolean,
    source: derived or reported, where best_response comes from; missing where there is none,
    response_recorded: whether the trial has a response of anybody by then, reported or by an assessment; where it
    has none its source does not tell who responded, and nobody is in a denominator of response.
    pfs_months, pfs_event, and by the treatment policy pfs_policy_months, pfs_policy_event; os_months, os_event;
    responded_on: the first CR or PR, where best_response is one and derived; responded_confirmed_on,
    responded_unconfirmed_on; dor_months, dor_event: the duration of the response,
    pfs_censoring, os_censoring (Censoring), pfs_source, os_source.

    Derived values are taken where a participant has an assessment after baseline, or any and nothing reported. In a
    trial that records assessments, progression-free survival is derived for who has none, too. Overall survival
    needs dates only: it is derived unless a source reports it of somebody without assessments.
    """
    people = participants_frame(participants, as_of)
    return outcomes_of(people, derive(people, participants, as_of), participants, as_of)


def outcomes_of(people, derived: Derived, participants, as_of) -> pd.DataFrame:
    """outcomes_frame, from what was derived of the same participants."""
    reported = people[["participant_id"]].merge(_reported(participants), on="participant_id", how="left")
    own = _own(people, derived, participants, as_of)
    is_derived = own["assessed_after"] | (own["assessed"] & reported["best_response"].isna())
    found = people.copy()
    for kind in ("confirmed", "unconfirmed"):
        best = own[f"best_{kind}"].fillna("NE")
        found[f"best_{kind}"] = best.where(is_derived, reported["best_response"]).astype("str")
        benefit = own[f"benefit_{kind}"].where(is_derived, reported["clinical_benefit"])
        found[f"benefit_{kind}"] = benefit.astype("boolean")
    confirms = found["confirms"]
    found["best_response"] = found["best_confirmed"].where(confirms, found["best_unconfirmed"])
    found["clinical_benefit"] = found["benefit_confirmed"].where(confirms, found["benefit_unconfirmed"])
    found["responded_on"] = own["responded_on"].where(is_derived)
    for kind in ("confirmed", "unconfirmed"):
        found[f"responded_{kind}_on"] = own[f"response_{kind}_on"].where(is_derived)
    found["non_target_only"] = is_derived & (found["best_response"] == "SD") & own["non_target_only"]
    found["pcr"] = reported["pcr"]
    found["source"] = _source(is_derived, reported["reported"])
    found["response_recorded"] = _records_response(people, reported, own["assessed"], as_of)
    _survival(found, own, reported, is_derived)
    found["treated"] = found["first_dose_on"].notna() | (found["undated"] & found["source"].notna())
    return found


def _reported(participants) -> pd.DataFrame:
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
    reported["reported"] = pd.Series(True, reported.index, "boolean")
    return reported


def _own(people, derived: Derived, participants, as_of) -> pd.DataFrame:
    """What assessments and dates tell, a row for each of people."""
    ids = people["participant_id"]
    counted, rules = derived.counted, derived.people
    own = derived.best.reindex(ids).reset_index(drop=True)
    raw = {kind: own[f"best_{kind}"] for kind in ("confirmed", "unconfirmed")}
    by_default = raw["confirmed"].where(people["confirms"], raw["unconfirmed"])
    own["non_target_only"] = by_default == OverallResponse.NON_CR_NON_PD.value
    for kind, best in raw.items():
        own[f"best_{kind}"] = best.replace(COUNTED_AS)
    own["responded_on"] = own["response_confirmed_on"].where(
        people["confirms"], own["response_unconfirmed_on"]
    )
    own["assessed"] = ids.isin(derived.responses["participant_id"])
    own["assessed_after"] = ids.isin(
        derived.responses.loc[derived.responses["phase"] == "after", "participant_id"]
    )
    followed = _in_trials_with_assessments(people, own["assessed"], as_of)
    contact = last_contact(people, derived, participants, as_of)
    rules = rules.assign(last_contact_on=contact)
    seen = followed | people["died_on"].notna() | (contact > rules["start_on"])
    responded_on = own["responded_on"].set_axis(ids)
    responded = own["assessed_after"] & own["responded_on"].notna()
    # Each time is derived of those alone of whom it is known: in many a cohort of nobody.
    times = {
        "pfs": progression_free_survival(rules[followed], counted),
        "pfs_policy": progression_free_survival(rules[followed], counted, treatment_policy=True),
        "os": overall_survival(rules[seen]),
    }
    times["dor"] = (
        duration_of_response(rules[responded], counted, responded_on)
        if responded.any()
        else times["os"].iloc[:0]
    )
    for name, time in times.items():
        time = time.reindex(ids).reset_index(drop=True)
        own[f"{name}_months"] = time["months"].astype("float64")
        own[f"{name}_event"] = time["event"].astype("boolean")
        own[f"{name}_censoring"] = time["censoring"].astype("str")
    return own


def _records_response(people, reported, assessed, as_of) -> pd.Series:
    """Whether the trial of each had a best response of anybody, reported, or an assessment by that day."""
    known = _in_trials_with_assessments(people, assessed, as_of)
    known |= people["trial_id"].isin(people.loc[reported["best_response"].notna(), "trial_id"])
    if known.all():
        return known
    told = sa.select(ReportedOutcome.participant_id).where(ReportedOutcome.best_overall_response.is_not(None))
    return known | people["trial_id"].isin(_trials_with(told, people.loc[~known, "trial_id"]))


def _in_trials_with_assessments(people, assessed, as_of) -> pd.Series:
    """Whether the trial of each had recorded an assessment of anybody by that day. assessed: who has one."""
    known = people["trial_id"].isin(people.loc[assessed, "trial_id"])
    if known.all():
        return known
    everybody = sa.select(TumorAssessment.participant_id)
    by_then = everybody.where(TumorAssessment.assessed_on <= as_of)
    was_there = sa.or_(Participant.undated, Participant.id.in_(by_then))
    return known | people["trial_id"].isin(_trials_with(everybody, people.loc[~known, "trial_id"], was_there))


def _trials_with(participant_ids, trials, *conditions) -> pd.Series:
    """Of these trials, those with a participant among those that a select of ids finds."""
    found = frame(
        sa.select(Participant.trial_id)
        .where(Participant.trial_id.in_(trials.unique().tolist()), Participant.id.in_(participant_ids))
        .where(*conditions)
        .distinct()
    )
    return found["trial_id"]


def _survival(found, own, reported, is_derived) -> None:
    """Add the times to events: derived ones, or those of a source."""
    derives = {
        "pfs": is_derived | reported["pfs_months"].isna(),
        "os": own["assessed"] | reported["os_months"].isna(),
    }
    for name, wins in derives.items():
        for part in ("months", "event"):
            found[f"{name}_{part}"] = own[f"{name}_{part}"].where(wins, reported[f"{name}_{part}"])
        found[f"{name}_censoring"] = own[f"{name}_censoring"].where(wins)
        found[f"{name}_source"] = _source(
            wins & own[f"{name}_months"].notna(), reported[f"{name}_months"].notna()
        )
    wins = derives["pfs"]
    for part in ("months", "event"):
        policy = own[f"pfs_policy_{part}"].where(wins, reported[f"pfs_{part}"])
        found[f"pfs_policy_{part}"] = policy
        found[f"dor_{part}"] = own[f"dor_{part}"].where(is_derived)


def _source(derived, reported) -> pd.Series:
    reported = reported.fillna(False).astype(bool)
    source = np.select([derived, reported], [DERIVED, REPORTED], "")
    return pd.Series(source, derived.index, dtype="str").where(derived | reported)


def last_contact(people, derived: Derived, participants, as_of) -> pd.Series:
    """The latest day on which each was seen alive: by their own dates, assessments, doses and adverse events."""
    days = {name: people[name] for name in CONTACTS}
    ids = people["participant_id"]
    seen = derived.responses.groupby("participant_id")["assessed_on"].max()
    days["assessed_on"] = seen.reindex(ids).to_numpy()
    for column in (Administration.given_on, AdverseEvent.started_on):
        days[column.key] = _latest(column, participants, as_of).reindex(ids).to_numpy()
    return pd.Series(functools.reduce(np.fmax, map(np.asarray, days.values())))


def _latest(column, participants, as_of) -> pd.Series:
    """The latest day of a record's column up to `as_of`, by the id of each participant who has one."""
    record = column.class_
    chosen = sa.select(Participant.id).where(participants)
    undated = sa.select(Participant.id).where(participants, Participant.undated)
    latest = frame(
        sa.select(record.participant_id, sa.func.max(column).label("latest"))
        .where(record.participant_id.in_(chosen))
        .where(sa.or_(column <= as_of, record.participant_id.in_(undated)))
        .group_by(record.participant_id)
    )
    return latest.set_index("participant_id")["latest"]
