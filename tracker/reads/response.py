"""Lesions and tumor assessments, and the responses that are derived from them."""

import datetime
import functools
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd
import sqlalchemy as sa
from sqlalchemy.orm import selectinload

from tracker.extensions import db
from tracker.models import Lesion, LesionMeasurement, Participant, TumorAssessment
from tracker.reads.base import beside_rows, frame, rows_of
from tracker.reads.participant import SETTINGS, day_of_first_dose, participants_frame, started_on
from tracker.rules.baseline import baseline_questions
from tracker.rules.best_response import best_responses
from tracker.rules.irecist import immune_responses
from tracker.rules.reasons import response_reasons
from tracker.rules.recist import Responses, recist_responses
from tracker.rules.response import course_questions
from tracker.rules.time_to_event import DAYS_PER_MONTH
from tracker.terms.response import LesionRole

#: Fields of a participant that their responses rest on, besides lesions and assessments.
RESPONSES_REST_ON = {"trial_id", "undated", "enrolled_on", "first_dose_on", "new_therapy_on", "died_on"}


def lesions_of(participant: Participant) -> list[Lesion]:
    """The participant's lesions: targets first, then the others, each in the order of their labels."""
    found = db.session.scalars(sa.select(Lesion).where(Lesion.participant_id == participant.id))
    order = list(LesionRole)
    return sorted(found, key=lambda one: (order.index(one.role), one.label, one.id))


def assessments_of(participant: Participant) -> list[TumorAssessment]:
    """The participant's assessments with what they found, the earliest first."""
    return list(
        db.session.scalars(
            sa.select(TumorAssessment)
            .where(TumorAssessment.participant_id == participant.id)
            .options(selectinload(TumorAssessment.measurements).joinedload(LesionMeasurement.lesion))
            .order_by(TumorAssessment.assessed_on, TumorAssessment.id)
        )
    )


@dataclass(frozen=True)
class Derived:
    """What assessments tell of participants (see `derive`)."""

    people: pd.DataFrame
    lesions: pd.DataFrame
    found: pd.DataFrame
    responses: pd.DataFrame
    best: pd.DataFrame

    @functools.cached_property
    def counted(self) -> pd.DataFrame:
        """The responses after baseline, without superseded ones."""
        return _counted(self.responses)

    def of(self, participant_id: int) -> "Derived":
        """The lesions, findings and responses of one of them."""
        lesions, responses = (
            one[one["participant_id"].to_numpy() == participant_id] for one in (self.lesions, self.responses)
        )
        found = self.found[np.isin(self.found["assessment_id"], responses["assessment_id"])]
        return replace(self, lesions=lesions, found=found, responses=responses)


def derive(people: pd.DataFrame, participants: sa.ColumnElement, as_of: datetime.date) -> Derived:
    """The responses of participants and their best ones.

    people: of participants_frame for the same participants and day, whose later assessments are left out. Gives

    people: participant_id, first_dose_on (else enrolment; day 1 of who has no dates), start_on (time zero: enrolment
    where the trial is randomised, else the first dose, else enrolment), the trial's settings, new_therapy_on, died_on,
    lesions: lesion_id, participant_id, label, place, organ, role, nodal,
    found: what each assessment found of each lesion, and responses: each assessment, of `recist_responses`, with
    immune_response, first_iupd_on, confirmed_late of `immune_responses`, investigator_response and its reason,
    best: of `best_responses`.
    """
    kept = {name: people[name].values for name in ("participant_id", *SETTINGS, "new_therapy_on", "died_on")}
    first = day_of_first_dose(people).to_numpy()
    first = np.where(np.isnat(first), people["enrolled_on"].to_numpy(), first)
    rules = pd.DataFrame(kept | {"first_dose_on": first, "start_on": started_on(people).to_numpy()})
    lesions, assessments, measurements = _recorded(participants, as_of)
    derived = recist_responses(rules, lesions, assessments, measurements)
    responses = derived.assessments
    after = _counted(responses)
    immune = immune_responses(after).drop(columns=["participant_id", "assessed_on"])
    called = assessments[["assessment_id", "modality", "investigator_response", "investigator_reason"]]
    told = [rows_of(responses["assessment_id"], one, "assessment_id") for one in (immune, called)]
    responses = beside_rows(responses, told[0] | told[1])
    return Derived(rules, lesions, derived.lesions, responses, best_responses(rules, after))


def _counted(responses):
    return responses[(responses["phase"].to_numpy(object) == "after") & ~responses["superseded"].to_numpy()]


def responses_frame(participants: sa.ColumnElement, as_of: datetime.date) -> pd.DataFrame:
    """One row an assessment, by participant and date, up to `as_of`. CDISC: ADTR and ADRS.

    The columns of `recist_responses` and `immune_responses`, trial_id, months (since the participant's time zero;
    negative before it), and counts: after baseline, not superseded, up to the first PD and to the day of a new
    anticancer therapy.
    """
    people = participants_frame(participants, as_of)
    derived = derive(people, participants, as_of)
    found = derived.responses.merge(people[["participant_id", "trial_id"]], on="participant_id")
    known = derived.people.set_index("participant_id").loc[found["participant_id"]]
    start, therapy = (known[name].to_numpy() for name in ("start_on", "new_therapy_on"))
    found["months"] = (found["assessed_on"] - start).dt.days / DAYS_PER_MONTH
    counts = (found["phase"] == "after") & ~found["superseded"] & ~(found["assessed_on"] > therapy)
    progressed = (counts & (found["response"] == "PD")).groupby(found["participant_id"]).cumsum()
    found["counts"] = counts & ((progressed == 0) | ((progressed == 1) & (found["response"] == "PD")))
    return found


class Visit(NamedTuple):
    """An assessment: its row of the responses, the sentences that say why, and what was found, by lesion's id."""

    response: dict
    reasons: list[str]
    found: dict[int, dict]


def told(derived: Derived, show_date=str) -> tuple[list[dict], list[Visit]]:
    """The lesions of one participant, targets first, and their assessments, the earliest first.

    show_date: how a date is written in the reasons.
    """
    order = {role.value: place for place, role in enumerate(LesionRole)}
    lesions = derived.lesions.to_dict("records")
    lesions.sort(key=lambda one: (order[one["role"]], one["label"]))
    named = {one["lesion_id"]: {name: one[name] for name in ("label", "place", "role")} for one in lesions}
    found = defaultdict(dict)
    for row in derived.found.to_dict("records"):
        found[row["assessment_id"]][row["lesion_id"]] = row | named[row["lesion_id"]]
    visits = []
    for response in derived.responses.to_dict("records"):
        here = found[response["assessment_id"]]
        visits.append(Visit(response, response_reasons(response, here.values(), show_date), here))
    return lesions, visits


def visits_of(participant: Participant, as_of: datetime.date, show_date=str) -> list[Visit]:
    """The participant's assessments as `told`; none of a withdrawn participant."""
    condition = Participant.id == participant.id
    people = participants_frame(condition, as_of)
    return [] if people.empty else told(derive(people, condition, as_of), show_date)[1]


def response_questions(participants: sa.ColumnElement, as_of: datetime.date) -> pd.DataFrame:
    """What is asked about baselines and courses: participant_id, trial_id, assessment_id and question.

    question: a BaselineQuestion or a CourseQuestion. A question about a baseline is one about its assessment, or
    about the participant's first where there is none up to the first dose.
    """
    people = participants_frame(participants, as_of)
    derived = derive(people, participants, as_of)
    first = derived.responses.sort_values("phase", key=lambda phase: phase != "baseline", kind="stable")
    first = first.drop_duplicates("participant_id")[["participant_id", "assessment_id"]]
    asked = baseline_questions(derived.lesions, Responses(derived.responses, derived.found))
    asked = asked[["participant_id", "question"]].drop_duplicates().merge(first, on="participant_id")
    both = pd.concat([asked, course_questions(derived.counted)], ignore_index=True)
    return both.merge(people[["participant_id", "trial_id"]], on="participant_id")


def _recorded(participants, as_of):
    """Lesions, assessments up to a day (those without dates: all), and measurements, also of later assessments.

    Whose they are is asked by a list of participants rather than by a join, which would begin at the participants.
    """
    chosen = sa.select(Participant.id).where(participants)
    undated = sa.select(Participant.id).where(participants, Participant.undated)
    lesions = frame(
        sa.select(
            Lesion.id.label("lesion_id"),
            Lesion.participant_id,
            Lesion.label,
            Lesion.place,
            Lesion.organ,
            Lesion.role,
            Lesion.nodal,
        ).where(Lesion.participant_id.in_(chosen))
    )
    assessments = frame(
        sa.select(
            TumorAssessment.id.label("assessment_id"),
            TumorAssessment.participant_id,
            TumorAssessment.assessed_on,
            TumorAssessment.modality,
            TumorAssessment.investigator_response,
            TumorAssessment.investigator_reason,
        )
        .where(TumorAssessment.participant_id.in_(chosen))
        .where(sa.or_(TumorAssessment.assessed_on <= as_of, TumorAssessment.participant_id.in_(undated)))
    )
    measurements = frame(
        sa.select(
            LesionMeasurement.assessment_id,
            LesionMeasurement.lesion_id,
            LesionMeasurement.diameter_mm,
            LesionMeasurement.state,
        )
        .join(LesionMeasurement.assessment)
        .where(TumorAssessment.participant_id.in_(chosen))
    )
    return lesions, assessments, measurements
