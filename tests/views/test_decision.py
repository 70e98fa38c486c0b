"""Decisions about arms: what they do to the arm, the figures they keep, and who waits for one."""

import datetime

import pytest
import sqlalchemy as sa

from tests.factories import (
    make_arm,
    make_arm_decision,
    make_finding,
    make_participant,
    make_reported_outcome,
    make_trial,
)
from tracker import clock
from tracker.audit import because
from tracker.extensions import db
from tracker.models import ArmDecision, AuditEvent
from tracker.roles import Role
from tracker.terms.evidence import FindingStatus
from tracker.terms.participant import BestResponse
from tracker.terms.trial import ArmAction, EnrolmentStatus, TrialStatus

TODAY = clock.today()


def treat(arm, responses, **given):
    for best in responses:
        participant = make_participant(trial=arm.trial, arm=arm, **given)
        make_reported_outcome(participant=participant, best_overall_response=best)


@pytest.fixture
def arm(app):
    arm = make_arm(trial=make_trial(code="T-1"), code="A", planned_n=6)
    treat(arm, [BestResponse.PR] * 2 + [BestResponse.PD] * 4)
    return arm


@pytest.fixture
def director(sign_in):
    return sign_in(Role.DIRECTOR)


def decide(browser, arm, decision="pause", **typed):
    given = {"decision": decision, "reason": "Too toxic for what it does."} | typed
    return browser.submit(f"/arm-decisions/new?arm={arm.id}", **given)


@pytest.mark.parametrize(
    ("decision", "status"),
    [("open", "open"), ("expand", "open"), ("pause", "paused"), ("close", "closed")],
)
def test_a_decision_gives_the_arm_its_status_in_the_same_step(director, decision, status):
    arm = make_arm(status=EnrolmentStatus.PLANNED)
    assert decide(director, arm, decision).status_code == 303
    db.session.refresh(arm)
    assert arm.status == status
    stored = db.session.scalars(sa.select(ArmDecision)).one()
    assert (stored.decision, stored.decided_on, stored.author_id) == (decision, TODAY, director.user_id)
    events = db.session.scalars(sa.select(AuditEvent).where(AuditEvent.record_type == "arm")).all()
    assert [one.changes["status"] for one in events if one.reason == stored.reason] == [["planned", status]]


def test_a_paused_arm_takes_nobody_in(director, sign_in, refused, arm):
    decide(director, arm)
    physician = sign_in(Role.PHYSICIAN, [arm.trial])
    refused(
        physician,
        f"/participants/new?trial={arm.trial_id}",
        field="arm",
        code="T-1-099",
        arm=str(arm.id),
        sex="female",
        tumor_location="LUNG",
        enrolled_on=TODAY.isoformat(),
    )


def test_the_figures_are_kept_and_later_ones_stand_beside_them(director, arm):
    assert decide(director, arm, "expand").status_code == 303
    stored = db.session.scalars(sa.select(ArmDecision)).one()
    assert (stored.report, stored.as_of) == ("outcomes", TODAY)
    (table,) = stored.figures["tables"]
    assert (table["rows"][0]["responders"], table["rows"][0]["n"]) == (2, 6)
    page = director.get(f"/arm-decisions/{stored.id}").text
    assert "Nothing has changed since." in page
    treat(arm, [BestResponse.CR] * 4)
    page = director.get(f"/arm-decisions/{stored.id}").text
    assert "2 of 6 participants responded." in page or "33.3%" in page
    assert '<del class="muted">33.3% (4.3–77.7)</del> <ins>60.0% (26.2–87.8)</ins>' in page
    for address in (f"/arms/{arm.id}", f"/trials/{arm.trial_id}"):
        page = director.get(address).text
        assert "33.3%" in page
        assert "60.0%" in page


def test_a_decision_rests_on_the_report_that_led_to_it(director, arm):
    page = director.get("/reports/safety?trial=T-1").text
    address = "/arm-decisions/new?basis=safety?trial%3DT-1"
    assert f'href="{address}"' in page
    chosen = director.get(address).text
    assert 'name="basis" value="safety?trial=T-1"' in chosen
    answer = director.submit(f"{address}&arm={arm.id}", decision="close", reason="Futile.")
    assert answer.status_code == 303
    stored = db.session.scalars(sa.select(ArmDecision)).one()
    assert stored.report == "safety"
    assert ["trial", "T-1"] in stored.parameters
    assert director.get(f"/arm-decisions/{stored.id}").status_code == 200


def test_nobody_decides_on_figures_that_have_changed_since_they_were_seen(director, refused, arm):
    address = f"/arm-decisions/new?arm={arm.id}"
    refused(
        director,
        address,
        field="decision",
        decision="close",
        reason="Futile.",
        figures_seen="0" * 32,
        is_kept=False,
    )


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"decision": ""}, "decision"),
        ({"reason": ""}, "reason"),
        ({"decided_on": (TODAY + datetime.timedelta(days=2)).isoformat()}, "decided_on"),
    ],
)
def test_what_is_missing_or_to_come_is_refused(director, refused, arm, typed, field):
    given = {"decision": "close", "reason": "Futile."} | typed
    refused(director, f"/arm-decisions/new?arm={arm.id}", field=field, **given)


def test_an_unknown_report_is_refused_and_a_finding_can_be_linked(director, arm):
    assert director.get(f"/arm-decisions/new?arm={arm.id}&basis=nothing").status_code == 404
    finding = make_finding(status=FindingStatus.ACCEPTED)
    row = {"linked_findings-0-finding": str(finding.id), "linked_findings-0-id": ""}
    assert decide(director, arm, **row).status_code == 303
    stored = db.session.scalars(sa.select(ArmDecision)).one()
    assert [one.finding_id for one in stored.linked_findings] == [finding.id]
    assert f'href="/findings/{finding.id}"' in director.get(f"/arm-decisions/{stored.id}").text


@pytest.mark.parametrize("role", [Role.PHYSICIAN, Role.RESEARCHER, Role.MONITOR])
def test_others_read_the_decision_but_no_figures_of_masked_arms_or_other_trials(director, sign_in, role):
    arm = make_arm(trial=make_trial(is_randomised=True))
    treat(arm, [BestResponse.PR] * 3 + [BestResponse.PD] * 3)
    decide(director, arm)
    stored = db.session.scalars(sa.select(ArmDecision)).one()
    browser = sign_in(role, [arm.trial])
    assert browser.get(f"/arm-decisions/new?arm={arm.id}").status_code == 403
    assert "Decide on an arm" not in browser.get("/reports/outcomes").text
    for address in (f"/arm-decisions/{stored.id}", f"/arm-decisions/{stored.id}/history", f"/arms/{arm.id}"):
        page = browser.get(address).text
        assert "Too toxic for what it does." in page
        assert "50.0%" not in page
    arm.trial.status = TrialStatus.COMPLETED
    arm.trial.results_released = True
    with because("done"):
        db.session.commit()
    assert "50.0%" in browser.get(f"/arm-decisions/{stored.id}").text


def test_an_arm_that_is_full_or_crossed_a_boundary_awaits_a_decision_until_there_is_one(director):
    full = make_arm(trial=make_trial(code="T-1"), code="FULL", planned_n=2)
    treat(full, [BestResponse.PR] * 2)
    crossed = make_arm(trial=full.trial, code="FUTILE", r1=1, n1=4, r=3, n=9)
    treat(crossed, [BestResponse.PD] * 4)
    make_arm(trial=full.trial, code="BUSY", planned_n=40)
    page = director.get("/").text
    awaited = page[page.index("Arms awaiting a decision") :].split("</section>")[0]
    assert "T-1/FULL" in awaited
    assert "2 of 2 planned are enrolled" in awaited
    assert "T-1/FUTILE" in awaited
    assert "T-1/BUSY" not in awaited
    decide(director, full, "expand")
    decide(director, crossed, "pause")
    assert "Arms awaiting a decision" not in director.get("/").text
    treat(full, [BestResponse.PD])
    assert "Arms awaiting a decision" not in director.get("/").text


def test_a_decision_is_withdrawn_but_never_rewritten(director, arm):
    decide(director, arm)
    stored = db.session.scalars(sa.select(ArmDecision)).one()
    assert director.get(f"/arm-decisions/{stored.id}/edit").status_code == 404
    answer = director.submit(f"/arm-decisions/{stored.id}/withdraw", reason="The wrong arm.")
    assert answer.status_code == 303
    assert "Too toxic" not in director.get(f"/arms/{arm.id}").text


def test_a_decision_without_figures_is_shown_as_it_is(director):
    stored = make_arm_decision(decision=ArmAction.CLOSE)
    assert director.get(f"/arm-decisions/{stored.id}").status_code == 200
    assert director.get(f"/arms/{stored.arm_id}").status_code == 200


def test_a_comment_from_a_report_keeps_its_figures_too(sign_in, arm):
    physician = sign_in(Role.PHYSICIAN, [arm.trial])
    page = physician.get("/reports/outcomes?trial=T-1").text
    address = "/comments/new?basis=outcomes?trial%3DT-1"
    assert f'href="{address}"' in page
    chosen = physician.get(address).text
    link = f"/comments/new?record_type=trial&amp;record_id={arm.trial_id}&amp;basis=outcomes?trial%3DT-1"
    assert f'href="{link}"' in chosen
    answer = physician.submit(link.replace("&amp;", "&"), text="Two of six: go on.")
    assert answer.status_code == 303
    page = physician.get(f"/trials/{arm.trial_id}").text
    assert "Two of six: go on." in page
    assert "33.3%" in page
    assert "Unchanged since." in page
    treat(arm, [BestResponse.CR] * 4)
    page = physician.get(f"/trials/{arm.trial_id}").text
    assert "Now: " in page
    assert "60.0%" in page
