"""Adverse events as reports count them, and who was under observation for how long."""

import datetime

import pandas as pd
import sqlalchemy as sa

from tracker.models import AdverseEvent, Agent, Attribution, Participant, Trial
from tracker.models.participant import on_study_day
from tracker.reads.base import frame
from tracker.reads.participant import participants_frame
from tracker.rules.safety import GRADES, treatment_emergent
from tracker.terms.participant import OffTreatmentReason
from tracker.terms.treatment import ActionTaken, Causality, EventOutcome, Immunosuppression


def events_frame(participants: sa.ColumnElement, as_of: datetime.date) -> pd.DataFrame:
    """One row an adverse event that had started on the day `as_of`. CDISC: ADAE.

    event_id, participant_id, trial_id, grade, started_on, ended_on (missing where later),
    term: of CTCAE where it matches, else in the source's words; soc: missing where nobody said,
    serious, immune_related, dlt, related (attributed to an agent), discontinued (treatment was stopped for good),
    steroids (given systemically), fatal,
    treatment_emergent: from the first dose until the trial's window after the last one, or after the day off
    treatment where the last dose is not recorded. Of who came without dates the first dose is day 1.
    """
    related = [one for one in Causality if one.is_related]
    attributed = (
        sa.select(Attribution.id)
        .where(Attribution.adverse_event_id == AdverseEvent.id, Attribution.causality.in_(related))
        .exists()
    )
    found = frame(
        sa.select(
            AdverseEvent.id.label("event_id"),
            AdverseEvent.participant_id,
            Participant.trial_id,
            sa.func.coalesce(AdverseEvent.ctcae_term, AdverseEvent.term, type_=sa.String).label("term"),
            sa.type_coerce(AdverseEvent.soc, sa.String).label("soc"),
            AdverseEvent.grade,
            AdverseEvent.started_on,
            AdverseEvent.ended_on,
            AdverseEvent.serious,
            AdverseEvent.immune_related,
            AdverseEvent.dlt,
            attributed.label("related"),
            AdverseEvent.action_taken,
            AdverseEvent.immunosuppression,
            AdverseEvent.outcome,
            Participant.undated,
            Participant.first_dose_on,
            Participant.last_dose_on,
            Participant.off_treatment_on,
            Trial.treatment_emergent_window_days.label("window"),
        )
        .join(AdverseEvent.participant)
        .join(Participant.trial)
        .where(participants)
        .order_by(AdverseEvent.id)
    )
    day, undated = pd.Timestamp(as_of), found["undated"].astype(bool)
    found = found[undated | (found["started_on"] <= day)].reset_index(drop=True)
    undated = found.pop("undated").astype(bool)
    found["ended_on"] = found["ended_on"].where(undated | (found["ended_on"] <= day))
    for name in ("serious", "immune_related", "dlt", "related"):
        found[name] = found[name].fillna(False).astype(bool)
    found["grade"] = found["grade"].astype("int64")
    found["treatment_emergent"] = treatment_emergent(
        found["started_on"],
        found.pop("first_dose_on").mask(undated, pd.Timestamp(on_study_day(1))),
        found.pop("last_dose_on").fillna(found.pop("off_treatment_on")),
        found.pop("window").astype("float64"),
    ).astype(bool)
    found["discontinued"] = found.pop("action_taken") == ActionTaken.WITHDRAWN
    found["steroids"] = found.pop("immunosuppression") == Immunosuppression.SYSTEMIC
    found["fatal"] = (found.pop("outcome") == EventOutcome.FATAL) | (found["grade"] == max(GRADES))
    return found


def attributions_frame(participants: sa.ColumnElement, as_of: datetime.date) -> pd.DataFrame:
    """One row an agent to which an adverse event was attributed. CDISC: RELREC.

    participant_id, trial_id, event_id, agent.
    """
    found = frame(
        sa.select(
            AdverseEvent.participant_id,
            Participant.trial_id,
            AdverseEvent.id.label("event_id"),
            Agent.name.label("agent"),
            AdverseEvent.started_on,
            Participant.undated,
        )
        .select_from(AdverseEvent)
        .join(AdverseEvent.participant)
        .join(AdverseEvent.attributions)
        .join(Attribution.agent)
        .where(participants, Attribution.causality.in_([one for one in Causality if one.is_related]))
        .order_by(Attribution.id)
    )
    is_known = found.pop("undated").astype(bool) | (found.pop("started_on") <= pd.Timestamp(as_of))
    return found[is_known].reset_index(drop=True)


def treated_frame(participants: sa.ColumnElement, as_of: datetime.date) -> pd.DataFrame:
    """participants_frame, with their time under observation for adverse events. CDISC: ADSL.

    treated: had a first dose; an undated participant also where their trial records adverse events,
    ended_on: the last dose, else the day off treatment; missing while treatment goes on,
    window_ends_on: the trial's window after that, or death or `as_of` where those are earlier; for an undated
    participant on treatment the last day on record,
    off_for_event: off treatment because of an adverse event.
    """
    found = participants_frame(participants, as_of)
    more = frame(
        sa.select(
            Participant.id.label("participant_id"),
            Participant.off_treatment_reason.label("reason"),
            Trial.treatment_emergent_window_days.label("window"),
        )
        .join(Participant.trial)
        .where(participants)
    )
    with_events = frame(
        sa.select(Participant.trial_id)
        .select_from(AdverseEvent)
        .join(AdverseEvent.participant)
        .where(participants)
        .distinct()
    )
    found = found.merge(more, on="participant_id", how="left")
    records_events = found["trial_id"].isin(with_events["trial_id"])
    undated, day = found["undated"], pd.Timestamp(as_of)
    found["treated"] = found["first_dose_on"].notna() | (undated & records_events)
    found["ended_on"] = found["last_dose_on"].fillna(found["off_treatment_on"])
    window = pd.to_timedelta(found.pop("window").astype("float64"), unit="D")
    last_seen = found[["off_study_on", "last_known_alive_on", "died_on", "new_therapy_on"]].max(
        axis="columns"
    )
    ongoing = last_seen.where(undated, day)
    ends = (found["ended_on"] + window).fillna(ongoing)
    ends = ends.where(undated | (ends <= day), day)
    found["window_ends_on"] = ends.where(~(found["died_on"] < ends), found["died_on"])
    found["off_for_event"] = found.pop("reason") == OffTreatmentReason.ADVERSE_EVENT
    return found
