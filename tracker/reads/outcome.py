"""What became of participants: derived from their assessments and dates, or as a source reports it."""

import datetime
import functools

import numpy as np
import pandas as pd
import sqlalchemy as sa
from pandas.api.extensions import take

from tracker.models import Participant, ReportedOutcome, TumorAssessment
from tracker.reads.base import beside_rows, frame, joined, rests_on, rows_of
from tracker.reads.participant import participants_frame
from tracker.reads.response import Derived, derive
from tracker.reads.state import SEEN_ON, outcome_states
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


@rests_on(outcome_states)
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
    reported = joined(people[["participant_id"]], _reported(participants), "participant_id")
    own = _own(people, derived, participants, as_of)
    is_derived = own["assessed_after"] | (own["assessed"] & reported["best_response"].isna().to_numpy())
    confirms = people["confirms"].to_numpy()
    found = {}
    for kind in ("confirmed", "unconfirmed"):
        best = own[f"best_{kind}"].fillna("NE")
        found[f"best_{kind}"] = _either(is_derived, best, reported["best_response"].array)
        benefit = pd.array(own[f"benefit_{kind}"], dtype="boolean")
        found[f"benefit_{kind}"] = _either(is_derived, benefit, reported["clinical_benefit"].array)
    found["best_response"] = _either(confirms, found["best_confirmed"], found["best_unconfirmed"])
    found["clinical_benefit"] = _either(confirms, found["benefit_confirmed"], found["benefit_unconfirmed"])
    found["responded_on"] = _where(is_derived, own["responded_on"])
    for kind in ("confirmed", "unconfirmed"):
        found[f"responded_{kind}_on"] = _where(is_derived, own[f"response_{kind}_on"])
    non_target = (found["best_response"].to_numpy(object) == "SD") & own["non_target_only"]
    found["non_target_only"] = pd.array(is_derived & non_target, dtype="boolean")
    found["pcr"] = reported["pcr"].array
    found["source"] = _source(is_derived, reported["reported"].to_numpy(bool, na_value=False))
    recorded = _records_response(people, reported, own["assessed"], as_of)
    found["response_recorded"] = pd.array(recorded, dtype="boolean")
    found |= _survival(own, reported, is_derived)
    has_source = ~pd.isna(found["source"])
    found["treated"] = people["first_dose_on"].notna() | (people["undated"] & has_source)
    return beside_rows(people, found)


def _either(mask, these, those):
    """These cells where the mask holds, else those."""
    found = these.copy()
    found[~mask] = those[~mask]
    return found


def _where(mask, cells):
    """The cells where the mask holds, missing elsewhere."""
    return take(cells, np.where(mask, np.arange(len(mask)), -1), allow_fill=True)


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


def _own(people, derived: Derived, participants, as_of) -> dict:
    """What assessments and dates tell, by column, a cell for each of people."""
    ids = people["participant_id"]
    counted, rules = derived.counted, derived.people
    confirms = people["confirms"].to_numpy()
    own = rows_of(ids, derived.best.reset_index(), "participant_id")
    raw = {kind: own[f"best_{kind}"].to_numpy(object) for kind in ("confirmed", "unconfirmed")}
    by_default = np.where(confirms, raw["confirmed"], raw["unconfirmed"])
    own["non_target_only"] = by_default == OverallResponse.NON_CR_NON_PD.value
    for kind, best in raw.items():
        others = [best == code for code in COUNTED_AS]
        own[f"best_{kind}"] = pd.array(np.select(others, COUNTED_AS.values(), best), dtype="str")
    own["responded_on"] = np.where(confirms, own["response_confirmed_on"], own["response_unconfirmed_on"])
    responses = derived.responses
    whose, after = responses["participant_id"], responses["phase"].to_numpy(object) == "after"
    own["assessed"] = ids.isin(whose).to_numpy()
    own["assessed_after"] = ids.isin(whose[after]).to_numpy()
    followed = _in_trials_with_assessments(people, own["assessed"], as_of)
    contact = last_contact(people, derived, participants, as_of)
    rules = rules.assign(last_contact_on=contact)
    start = rules["start_on"].to_numpy()
    seen = followed | people["died_on"].notna().to_numpy() | (contact.to_numpy() > start)
    responded_on = pd.Series(own["responded_on"], ids)
    responded = own["assessed_after"] & ~np.isnat(own["responded_on"])
    # Each time is derived of those alone of whom it is known: in many a cohort of nobody.
    times = {
        "pfs": progression_free_survival(rules[followed], counted),
        "pfs_policy": progression_free_survival(rules[followed], counted, treatment_policy=True),
        "os": overall_survival(rules[seen]),
        "dor": duration_of_response(rules[responded], counted, responded_on),
    }
    for name, time in times.items():
        time = rows_of(ids, time.reset_index(), "participant_id")
        own |= {f"{name}_{part}": time[part] for part in ("months", "event", "censoring")}
    return own


def _records_response(people, reported, assessed, as_of) -> np.ndarray:
    """Whether the trial of each had a best response of anybody, reported, or an assessment by that day."""
    known = _in_trials_with_assessments(people, assessed, as_of)
    trials = people["trial_id"]
    known |= trials.isin(trials[reported["best_response"].notna()]).to_numpy()
    if known.all():
        return known
    told = sa.select(ReportedOutcome.participant_id).where(ReportedOutcome.best_overall_response.is_not(None))
    return known | trials.isin(_trials_with(told, trials[~known])).to_numpy()


def _in_trials_with_assessments(people, assessed, as_of) -> np.ndarray:
    """Whether the trial of each had recorded an assessment of anybody by that day. assessed: who has one."""
    trials = people["trial_id"]
    known = trials.isin(trials[assessed]).to_numpy()
    if known.all():
        return known
    everybody = sa.select(TumorAssessment.participant_id)
    by_then = everybody.where(TumorAssessment.assessed_on <= as_of)
    was_there = sa.or_(Participant.undated, Participant.id.in_(by_then))
    return known | trials.isin(_trials_with(everybody, trials[~known], was_there)).to_numpy()


def _trials_with(participant_ids, trials, *conditions) -> pd.Series:
    """Of these trials, those with a participant among those that a select of ids finds."""
    found = frame(
        sa.select(Participant.trial_id)
        .where(Participant.trial_id.in_(trials.unique().tolist()), Participant.id.in_(participant_ids))
        .where(*conditions)
        .distinct()
    )
    return found["trial_id"]


def _survival(own, reported, is_derived) -> dict:
    """The times to events: derived ones, or those of a source."""
    derives = {
        "pfs": is_derived | reported["pfs_months"].isna().to_numpy(),
        "os": own["assessed"] | reported["os_months"].isna().to_numpy(),
    }
    found = {}
    for name, wins in derives.items():
        told = reported[f"{name}_months"].to_numpy()
        found[f"{name}_months"] = np.where(wins, own[f"{name}_months"], told)
        found[f"{name}_event"] = _either(wins, own[f"{name}_event"], reported[f"{name}_event"].array)
        found[f"{name}_censoring"] = _where(wins, own[f"{name}_censoring"])
        found[f"{name}_source"] = _source(wins & ~np.isnan(own[f"{name}_months"]), ~np.isnan(told))
    wins = derives["pfs"]
    found["pfs_policy_months"] = np.where(wins, own["pfs_policy_months"], reported["pfs_months"].to_numpy())
    found["dor_months"] = _where(is_derived, own["dor_months"])
    found["pfs_policy_event"] = _either(wins, own["pfs_policy_event"], reported["pfs_event"].array)
    found["dor_event"] = _where(is_derived, own["dor_event"])
    return found


def _source(derived, reported):
    return pd.array(np.select([derived, reported], [DERIVED, REPORTED], None), dtype="str")


def last_contact(people, derived: Derived, participants, as_of) -> pd.Series:
    """The latest day on which each was seen alive: by their own dates, assessments, doses and adverse events."""
    latest = {name: people[name].to_numpy() for name in CONTACTS}
    assessed = derived.responses.drop_duplicates("participant_id", keep="last")
    found = [assessed[["participant_id", "assessed_on"]]]
    found += [_latest(column, participants, as_of) for column in SEEN_ON]
    for one in found:
        latest |= rows_of(people["participant_id"], one, "participant_id")
    return pd.Series(functools.reduce(np.fmax, latest.values()))


def _latest(column, participants, as_of) -> pd.DataFrame:
    """The latest day of a record's column up to `as_of`, and the participant_id of each participant who has one."""
    record = column.class_
    chosen = sa.select(Participant.id).where(participants)
    undated = sa.select(Participant.id).where(participants, Participant.undated)
    return frame(
        sa.select(record.participant_id, sa.func.max(column).label(column.key))
        .where(record.participant_id.in_(chosen))
        .where(sa.or_(column <= as_of, record.participant_id.in_(undated)))
        .group_by(record.participant_id)
    )
