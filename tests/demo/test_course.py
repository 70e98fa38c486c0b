"""What happened to the participants of the demonstration: doses, adverse events, responses, dose levels."""

import datetime

import pandas as pd
import pytest
import sqlalchemy as sa

from tests.demo.conftest import TODAY
from tracker import scope
from tracker.demo.chance import Chance
from tracker.demo.escalation import LADDERS
from tracker.demo.participant import enrol
from tracker.demo.regimen import store_regimens
from tracker.demo.response import store_responses
from tracker.demo.trial import PLANS, store_trial
from tracker.extensions import db
from tracker.models import (
    Administration,
    AdverseEvent,
    Arm,
    Attribution,
    DoseDecision,
    Lesion,
    LesionMeasurement,
    Participant,
    Regimen,
    RegimenComponent,
    Trial,
    TumorAssessment,
)
from tracker.reads.base import frame
from tracker.reads.escalation import standings_in_scope
from tracker.reads.treatment import unreported_serious_events
from tracker.rules.recist import recist_responses
from tracker.terms.trial import EscalationRule

# Responses


def _of_lesions():
    """Participants, lesions, assessments and measurements, as the rules take them."""
    return (
        frame(
            sa.select(
                Participant.id.label("participant_id"),
                Participant.first_dose_on,
                Trial.assessment_window_days,
            )
            .join(Trial)
            .where(Participant.first_dose_on.is_not(None), Participant.undated.is_(False))
        ),
        frame(sa.select(Lesion.id.label("lesion_id"), Lesion.participant_id, Lesion.role, Lesion.nodal)),
        frame(
            sa.select(
                TumorAssessment.id.label("assessment_id"),
                TumorAssessment.participant_id,
                TumorAssessment.assessed_on,
            )
        ),
        frame(
            sa.select(
                LesionMeasurement.assessment_id,
                LesionMeasurement.lesion_id,
                LesionMeasurement.diameter_mm,
                LesionMeasurement.state,
            )
        ),
    )


@pytest.mark.parametrize("code", ["CCI-BASKET-01", "CCI-MEL-02", "CCI-RCC-07"])
def test_the_diameters_derive_the_response_that_was_drawn(app, code):
    (plan,) = (plan for plan in PLANS if plan.code == code)
    trial = store_trial(plan, store_regimens(), TODAY)
    db.session.flush()
    people = [one for one in enrol(plan, trial, TODAY, [], Chance(7)) if one.row["first_dose_on"]]
    store_responses(people, Chance(8))
    found = recist_responses(*_of_lesions()).assessments
    found = found[(found["phase"] == "after") & (found["response"] != "NE")]
    derived = found.groupby("participant_id").apply(
        lambda rows: dict(zip(rows["assessed_on"], rows["response"]))
    )
    differing = {}
    for person in people:
        first = person.row["first_dose_on"]
        drawn = {
            pd.Timestamp(first + datetime.timedelta(days=day)): call for day, call in person.course.visits
        }
        told = derived.get(person.id, {})
        differing |= {
            (person.id, day): (drawn.get(day), call) for day, call in told.items() if drawn.get(day) != call
        }
    assert len(found) > 150
    assert set(found["response"]) == {"CR", "PR", "SD", "PD"}
    assert differing == {}


def test_every_kind_of_progression_is_seen(centre):
    found = recist_responses(*_of_lesions()).assessments
    reasons = found.loc[found["response"] == "PD", "reason"].value_counts()
    assert reasons["target grew"] > 50
    assert reasons["new lesion"] > 50
    assert reasons["non-target progressed"] >= 5
    assert (found["response"] == "NE").sum() >= 3
    assert (found["phase"] == "baseline").sum() == found["participant_id"].nunique()
    assert not found["baseline_old"].any()


# Doses


def test_doses_agree_with_the_participants_first_and_last_dose(centre):
    given = frame(
        sa.select(
            Administration.participant_id,
            Administration.given_on,
            Administration.dose,
            Administration.modification,
        )
    )
    days = given[given["dose"] > 0].groupby("participant_id")["given_on"].agg(["min", "max"])
    stored = frame(
        sa.select(Participant.id, Participant.first_dose_on, Participant.last_dose_on).where(
            Participant.first_dose_on.is_not(None), Participant.undated.is_(False)
        )
    ).set_index("id")
    days = days.reindex(stored.index)
    assert (days["min"] == stored["first_dose_on"]).all()
    assert (days["max"] == stored["last_dose_on"]).all()
    modified = given["modification"].value_counts()
    assert min(modified[kind] for kind in ("delayed", "reduced", "omitted")) > 15
    assert given["modification"].notna().mean() < 0.2


# Adverse events


@pytest.fixture(scope="module")
def events(loaded):
    with loaded.app_context(), scope.everything("the tests"):
        found = frame(
            sa.select(
                AdverseEvent.participant_id,
                AdverseEvent.ctcae_term,
                AdverseEvent.grade,
                AdverseEvent.serious,
                AdverseEvent.immune_related,
                AdverseEvent.dlt,
                AdverseEvent.aware_on,
                AdverseEvent.reported_to_sponsor_on,
                Regimen.name.label("regimen"),
                Trial.code.label("trial"),
            )
            .join(AdverseEvent.participant)
            .join(Participant.trial)
            .join(Participant.arm)
            .join(Arm.regimen)
        )
        treated = frame(
            sa.select(Participant.id, Regimen.name.label("regimen"))
            .join(Participant.arm)
            .join(Arm.regimen)
            .where(Participant.first_dose_on.is_not(None), Participant.undated.is_(False))
        )
        db.session.remove()
    return found, treated["regimen"].value_counts()


@pytest.mark.parametrize(
    "regimen, term, grade, low, high",
    [
        ("pembrolizumab", "Fatigue", 1, 0.14, 0.28),
        ("pembrolizumab", "Hypothyroidism", 1, 0.05, 0.14),
        ("pembrolizumab", "Pneumonitis", 1, 0.015, 0.07),
        ("pembrolizumab", "Colitis", 1, 0.01, 0.05),
        ("pembrolizumab", "Rash maculo-papular", 1, 0.07, 0.16),
        ("nivolumab + ipilimumab", "Diarrhea", 1, 0.3, 0.6),
        ("nivolumab + ipilimumab", "Colitis", 1, 0.08, 0.25),
        ("docetaxel", "Neutrophil count decreased", 3, 0.12, 0.35),
        ("docetaxel", "Alopecia", 1, 0.25, 0.45),
        ("lenvatinib", "Hypertension", 1, 0.4, 0.75),
    ],
)
def test_adverse_events_are_about_as_frequent_as_published(events, regimen, term, grade, low, high):
    found, treated = events
    chosen = found[(found["regimen"] == regimen) & (found["ctcae_term"] == term) & (found["grade"] >= grade)]
    assert low <= chosen["participant_id"].nunique() / treated[regimen] <= high


def test_events_are_of_every_weight(events):
    found, treated = events
    assert 1_200 < len(found) < 3_000
    affected = found["participant_id"].nunique() / treated.sum()
    severe = found[found["grade"] >= 3]["participant_id"].nunique() / treated.sum()
    assert 0.75 < affected < 0.98
    assert 0.2 < severe < 0.5
    assert 3 <= (found["grade"] == 5).sum() <= 12
    immune = found[found["immune_related"]]["ctcae_term"]
    assert {"Hypothyroidism", "Colitis", "Pneumonitis", "Rash maculo-papular", "Hypophysitis"} <= set(immune)


def test_combinations_are_more_toxic_than_their_parts(events):
    found, treated = events
    severe = found[found["grade"] >= 3].groupby("regimen")["participant_id"].nunique() / treated
    assert severe["nivolumab + ipilimumab"] > max(severe["nivolumab"], severe["ipilimumab"])
    assert severe["pembrolizumab + lenvatinib"] > severe["pembrolizumab"]


def test_some_serious_events_wait_for_their_report_and_none_for_long(centre):
    waiting = unreported_serious_events()
    assert 4 <= len(waiting) <= 15
    days = [(TODAY - event.aware_on).days for event in waiting]
    assert all(0 <= day <= 14 for day in days)


def test_every_event_is_attributed_to_each_agent_of_the_regimen(centre):
    attributed = set(db.session.execute(sa.select(Attribution.adverse_event_id, Attribution.agent_id)).all())
    expected = set(
        db.session.execute(
            sa.select(AdverseEvent.id, RegimenComponent.agent_id)
            .join(AdverseEvent.participant)
            .join(Participant.arm)
            .join(RegimenComponent, RegimenComponent.regimen_id == Arm.regimen_id)
            .distinct()
        ).all()
    )
    assert attributed == expected


# Dose levels


@pytest.mark.parametrize("code", list(LADDERS))
def test_the_levels_show_what_the_ladder_was_meant_to_show(centre, code):
    seen = frame(
        sa.select(
            Participant.id,
            Participant.dose_level_id,
            Participant.first_dose_on,
            Participant.dlt_not_evaluable_reason.label("replaced"),
        )
        .join(Participant.trial)
        .where(Trial.code == code)
    )
    dlts = set(db.session.scalars(sa.select(AdverseEvent.participant_id).where(AdverseEvent.dlt.is_(True))))
    seen["dlt"] = seen["id"].isin(dlts)
    (arm,) = db.session.scalars(sa.select(Arm).join(Arm.trial).where(Trial.code == code))
    of_level = seen.groupby("dose_level_id")
    ladder = LADDERS[code]
    names = {level.id: (level.level, level.second_level) for level in arm.dose_levels}
    if not isinstance(next(iter(ladder.levels)), tuple):
        names = {key: first for key, (first, _second) in names.items()}
    counts = {
        name: (
            int(of_level.size().get(key, 0)),
            int(of_level["dlt"].sum().get(key, 0)),
            int(of_level["replaced"].count().get(key, 0)),
        )
        for key, name in names.items()
    }
    meant = {name: [0, 0, 0] for name in ladder.levels}
    for step in ladder.steps:
        meant[step.level] = [
            old + new for old, new in zip(meant[step.level], (step.n, step.dlt, step.replaced), strict=True)
        ]
    assert counts == {name: tuple(one) for name, one in meant.items()}
    for level in arm.dose_levels:
        escalated, _status = ladder.levels[names[level.id]]
        assert escalated.items() <= {one.component.agent.name: one.dose for one in level.doses}.items()


def test_decisions_follow_the_advice_unless_they_say_why_not(centre):
    decisions = db.session.scalars(sa.select(DoseDecision).order_by(DoseDecision.id)).all()
    assert len(decisions) == 13
    against = [one for one in decisions if one.advice["action"] != one.decided]
    assert [bool(one.override_reason) for one in decisions] == [one in against for one in decisions]
    assert len(against) == 1
    for one in decisions:
        if one not in against:
            pair = [one.to_level.level, one.to_level.second_level]
            is_pair = one.arm.escalation_rule is EscalationRule.BOIN_COMB
            assert (pair if is_pair else pair[0]) in one.advice["next_levels"]
        later = [
            participant.first_dose_on
            for participant in one.to_level.participants
            if participant.first_dose_on > max(other.first_dose_on for other in one.from_level.participants)
        ]
        assert all(day > one.decided_on for day in later)


def test_dose_limiting_toxicities_start_within_their_window(centre):
    rows = db.session.execute(
        sa.select(AdverseEvent.started_on, Participant.first_dose_on, Trial.dlt_window_days)
        .join(AdverseEvent.participant)
        .join(Participant.trial)
        .where(AdverseEvent.dlt.is_(True))
    ).all()
    assert len(rows) == 15
    assert all(first <= started < first + datetime.timedelta(days=window) for started, first, window in rows)


def test_what_waits_for_a_decision_is_one_dose_and_one_boundary(centre):
    arms = standings_in_scope(TODAY)
    assert [arm.arm for arm in arms if arm.decision_is_due] == ["CCI-ITX-09/PEMBRO-ITX"]
    assert [arm.arm for arm in arms if arm.toxicity and arm.toxicity.is_crossed] == ["CCI-HN-10/PEMBRO-ITX"]
    assert [arm.arm for arm in arms if arm.advice and arm.advice.is_held] == ["CCI-ITX-12/ITX-DUO"]
    (two_stage,) = (arm for arm in arms if arm.stages)
    assert two_stage.stages.action == "promising"
