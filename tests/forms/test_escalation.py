"""Dose levels and dose decisions: who enters them, what is refused, and what is stored beside a decision."""

import datetime

import pytest
import sqlalchemy as sa

from tests.conftest import form_values
from tests.escalating import day, make_escalating, treat
from tests.factories import make_arm, make_dose_level, make_participant, make_regimen, make_trial
from tracker import clock
from tracker.extensions import db
from tracker.models import Arm, DoseDecision, DoseLevel
from tracker.roles import Role
from tracker.terms.regimen import DoseUnit
from tracker.terms.trial import DoseAction, DoseLevelStatus, EscalationRule


@pytest.fixture
def arm(app):
    """BOIN at 0.3 with three levels: nobody of three had a DLT at the first."""
    arm, (first, *_others) = make_escalating()
    treat(first, 3)
    return arm


@pytest.fixture
def physician(sign_in, arm):
    return sign_in(Role.PHYSICIAN, [arm.trial])


def level(arm, number):
    return str(next(one.id for one in arm.dose_levels if one.level == number))


def address(arm):
    return f"/dose-decisions/new?arm={arm.id}"


def stored():
    db.session.rollback()
    return db.session.scalar(sa.select(DoseDecision))


def test_a_decision_that_follows_the_advice_needs_no_reason(physician, arm):
    answer = physician.submit(address(arm), decided="escalate", to_level=level(arm, 2))
    assert answer.status_code == 303
    decision = stored()
    assert (decision.decided, decision.to_level.level, decision.from_level.level) == (
        DoseAction.ESCALATE,
        2,
        1,
    )
    assert (decision.decided_on, decision.decided_by_id) == (clock.today(), physician.user_id)
    assert decision.override_reason is None


def test_the_advice_is_stored_as_it_was_with_its_figures(physician, arm):
    physician.submit(address(arm), decided="escalate", to_level=level(arm, 2))
    advice = stored().advice
    assert (advice["action"], advice["next_levels"], advice["rule"]) == ("escalate", [2], "BOIN")
    assert advice["version"] == "BOIN 2.7.2 boundaries; tracker 1"
    assert advice["reason"] == "0 of 3 had a DLT, at or below the boundary of 23.6%."
    assert advice["figures"]["levels"][0] == {"level": 1, "n": 3, "dlt": 0, "pending": 0, "is_closed": False}
    assert advice["figures"]["lambda_d"] == pytest.approx(0.35851946)


def test_the_advice_is_the_servers_not_the_forms(physician, arm):
    typed = {"advice": '{"action": "stay"}', "from_level": level(arm, 3), "decided_by": "1"}
    physician.submit(address(arm), decided="escalate", to_level=level(arm, 2), **typed)
    decision = stored()
    assert (decision.advice["action"], decision.from_level.level) == ("escalate", 1)
    assert decision.decided_by_id == physician.user_id


def test_a_decision_against_the_advice_needs_a_reason(physician, refused, arm):
    given = {"decided": "stay", "to_level": level(arm, 1)}
    refused(physician, address(arm), field="override_reason", **given)
    answer = physician.submit(address(arm), **given, override_reason="Two grade 2 events of concern.")
    assert answer.status_code == 303
    assert stored().override_reason == "Two grade 2 events of concern."


def test_another_level_than_the_advised_one_needs_a_reason(physician, refused, arm):
    refused(physician, address(arm), field="override_reason", decided="escalate", to_level=level(arm, 3))


@pytest.mark.parametrize(
    "decided, number",
    [("escalate", 1), ("de-escalate", 2), ("stay", 2), ("expand", 2), ("stop", 1), ("declare MTD", None)],
)
def test_a_level_that_does_not_fit_what_was_decided_is_refused(physician, refused, arm, decided, number):
    given = {"to_level": level(arm, number)} if number else {}
    why = "The committee met."
    refused(physician, address(arm), field="to_level", decided=decided, override_reason=why, **given)


def test_a_level_of_another_arm_is_not_found(physician, arm):
    other = make_dose_level(arm=make_arm(trial=arm.trial))
    answer = physician.submit(address(arm), decided="escalate", to_level=str(other.id))
    assert answer.status_code == 404


def test_a_day_to_come_is_refused(physician, refused, arm):
    tomorrow = (clock.today() + datetime.timedelta(days=1)).isoformat()
    given = {"decided": "escalate", "to_level": level(arm, 2), "decided_on": tomorrow}
    refused(physician, address(arm), field="decided_on", **given)


def test_figures_that_changed_since_the_page_was_opened_are_looked_at_again(physician, arm):
    typed = form_values(physician.get(address(arm)).text) | {"decided": "escalate", "to_level": level(arm, 2)}
    treat(arm.dose_levels[0], 1, dlt=1, on=30)
    answer = physician.post(address(arm), data=typed)
    assert answer.status_code == 422
    assert "The figures have changed since this page was opened" in answer.text
    assert stored() is None
    again = form_values(answer.text) | {"decided": "stay", "to_level": level(arm, 1)}
    assert physician.post(address(arm), data=again).status_code == 303  # 1 of 4 stays


def test_a_decision_is_never_rewritten(physician, arm):
    physician.submit(address(arm), decided="escalate", to_level=level(arm, 2))
    number = stored().id
    assert physician.get(f"/dose-decisions/{number}/edit").status_code == 404
    page = physician.get(f"/dose-decisions/{number}").text
    assert "The advice then, as it was stored" in page
    history = physician.get(f"/dose-decisions/{number}/history").text
    assert "escalate: 0 of 3 had a DLT, at or below the boundary of 23.6%." in history
    assert "lambda_d" not in history
    assert "0 of 3 had a DLT, at or below the boundary of 23.6%." in page


def test_a_decision_without_a_rule_keeps_no_advice(sign_in):
    arm = make_arm(trial=make_trial())
    browser = sign_in(Role.PHYSICIAN, [arm.trial])
    only = make_dose_level(arm=arm)
    assert browser.submit(address(arm), decided="declare MTD", to_level=str(only.id)).status_code == 303
    assert stored().advice is None


@pytest.mark.parametrize("role", [Role.RESEARCHER, Role.DIRECTOR, Role.MONITOR, Role.ADMIN])
def test_only_physicians_record_decisions_and_levels(sign_in, arm, role):
    browser = sign_in(role, [arm.trial])
    assert browser.get(address(arm)).status_code == 403
    assert browser.get(f"/dose-levels/new?arm={arm.id}").status_code == 403
    assert browser.get("/dose-decisions/").status_code == 200


# Dose levels


def make_paired_arm():
    regimen = make_regimen()
    component = regimen.components[0]
    component.dose, component.unit = 200, DoseUnit.MG
    return make_arm(
        trial=make_trial(), regimen=regimen, escalation_rule=EscalationRule.BOIN_COMB, target_dlt_rate=0.3
    )


def test_a_new_level_starts_from_the_regimens_doses(sign_in):
    arm = make_paired_arm()
    browser = sign_in(Role.PHYSICIAN, [arm.trial])
    answer = browser.submit(
        f"/dose-levels/new?arm={arm.id}", level="2", second_level="3", **{"doses-0-dose": "400"}
    )
    assert answer.status_code == 303
    stored = db.session.scalar(sa.select(DoseLevel))
    assert (stored.level, stored.second_level, stored.status) == (2, 3, DoseLevelStatus.PLANNED)
    assert [(dose.component_id, dose.dose) for dose in stored.doses] == [(arm.regimen.components[0].id, 400)]


def test_one_agent_has_no_second_level(physician, arm):
    page = physician.get(f"/dose-levels/new?arm={arm.id}").text
    assert "second_level" not in form_values(page)
    assert physician.submit(f"/dose-levels/new?arm={arm.id}", level="4").status_code == 303
    assert physician.get(f"/dose-levels/{arm.dose_levels[0].id}").status_code == 200


def test_a_level_that_exists_is_refused(physician, refused, arm):
    refused(physician, f"/dose-levels/new?arm={arm.id}", field="level", level="1")


@pytest.mark.parametrize("rows", [["another"], ["own", "own"]])
def test_a_level_has_each_component_of_its_regimen_once(sign_in, refused, rows):
    arm = make_paired_arm()
    known = {"another": make_regimen().components[0].id, "own": arm.regimen.components[0].id}
    browser = sign_in(Role.PHYSICIAN, [arm.trial])
    given = {}
    for place, name in enumerate(rows):
        given |= {f"doses-{place}-component": str(known[name]), f"doses-{place}-dose": "5"}
    answer = refused(browser, f"/dose-levels/new?arm={arm.id}", is_kept=False, level="1", **given)
    assert 'id="doses-0-component-error"' in answer.text


# Arms and participants


RIGHT = dict(code="B", title="B", type="experimental", status="open")


@pytest.mark.parametrize(
    "field, given",
    [
        ("target_dlt_rate", dict(escalation_rule="BOIN")),
        ("target_dlt_rate", dict(escalation_rule="BOIN-COMB", target_dlt_rate="0.7")),
        ("target_dlt_rate", dict(escalation_rule="BOIN", target_dlt_rate="30")),
        ("n", dict(r1="1", n1="10", r="5")),
        ("n", dict(r1="1", n1="10", r="5", n="10")),
        ("n", dict(r1="10", n1="10", r="12", n="29")),
        ("n", dict(r1="5", n1="10", r="4", n="29")),
        ("toxicity_certainty", dict(toxicity_limit="0.3")),
        ("toxicity_prior_b", dict(toxicity_limit="0.3", toxicity_certainty="0.8", toxicity_prior_a="1")),
    ],
)
def test_a_design_that_cannot_be_is_refused(physician, refused, arm, field, given):
    regimen = str(arm.regimen_id)
    refused(
        physician,
        f"/arms/new?trial={arm.trial_id}",
        field=field,
        is_kept=False,
        **RIGHT,
        regimen=regimen,
        **given,
    )


def test_a_design_is_stored(physician, arm):
    given = dict(escalation_rule="BOIN", target_dlt_rate="0.25", cohort_size="3", maximum_n="30")
    given |= dict(r1="1", n1="10", r="5", n="29", toxicity_limit="0.3", toxicity_certainty="0.8")
    answer = physician.submit(
        f"/arms/new?trial={arm.trial_id}", **RIGHT, regimen=str(arm.regimen_id), **given
    )
    assert answer.status_code == 303
    made = db.session.scalar(sa.select(Arm).where(Arm.code == "B"))
    assert (made.escalation_rule, made.target_dlt_rate, made.maximum_n) == (EscalationRule.BOIN, 0.25, 30)
    assert (made.r1, made.n1, made.r, made.n, made.toxicity_limit) == (1, 10, 5, 29, 0.3)


def test_a_participants_level_belongs_to_their_arm(physician, refused, arm):
    participant = make_participant(trial=arm.trial)
    other = make_dose_level(arm=make_arm(trial=arm.trial))
    edit = f"/participants/{participant.id}/edit"
    refused(
        physician,
        edit,
        field="dose_level",
        is_kept=False,
        arm=str(arm.id),
        dose_level=str(other.id),
        reason="x",
    )
    given = dict(
        arm=str(arm.id), dose_level=level(arm, 2), dlt_not_evaluable_reason="no dose on day 8", reason="x"
    )
    assert physician.submit(edit, **given).status_code == 303
    db.session.rollback()
    assert participant.dose_level.level == 2


# The page of an arm


def test_the_page_of_an_arm_shows_where_it_stands(physician, arm):
    page = physician.get(f"/arms/{arm.id}").text
    for said in ("A dose decision is due.", "Advice: Escalate", "BOIN 2.7.2 boundaries; tracker 1"):
        assert said in page
    for said in ("0 of 3 had a DLT, at or below the boundary of 23.6%.", "Boundaries of the rule", "No DLT"):
        assert said in page
    assert f"/dose-decisions/new?arm={arm.id}" in page


@pytest.mark.parametrize("role, sees", [(Role.PHYSICIAN, True), (Role.ADMIN, False)])
def test_the_page_of_a_trial_shows_the_ladder(sign_in, arm, role, sees):
    page = sign_in(role, [arm.trial]).get(f"/trials/{arm.trial_id}").text
    assert ("Advice, BOIN: Escalate (level 2)." in page) == sees


def test_a_recorded_decision_is_no_longer_due(physician, arm):
    physician.submit(address(arm), decided="escalate", to_level=level(arm, 2))
    page = physician.get(f"/arms/{arm.id}").text
    assert "A dose decision is due." not in page
    assert "The cohort at level 2 is not complete: enrol 3 participants more." in page


@pytest.mark.parametrize("role, sees", [(Role.RESEARCHER, True), (Role.MONITOR, True), (Role.ADMIN, False)])
def test_who_sees_participants_sees_where_an_arm_stands(sign_in, arm, role, sees):
    page = sign_in(role, [arm.trial]).get(f"/arms/{arm.id}").text
    assert ("Advice: Escalate" in page) == sees
    assert "Record a dose decision" not in page


def test_a_masked_arm_shows_nobody(sign_in):
    arm, (first, *_others) = make_escalating(trial=make_trial(code="RND", is_randomised=True))
    treat(first, 3, dlt=1, on=1)
    assert "Advice" not in sign_in(Role.PHYSICIAN, [arm.trial]).get(f"/arms/{arm.id}").text
    assert "Advice" in sign_in(Role.DIRECTOR).get(f"/arms/{arm.id}").text


def test_a_crossed_boundary_stands_on_the_arms_page(sign_in):
    boundary = {"toxicity_limit": 0.3, "toxicity_certainty": 0.8}
    arm, (first, *_others) = make_escalating(**boundary)
    treat(first, 3, dlt=3)
    page = sign_in(Role.DIRECTOR).get(f"/arms/{arm.id}").text
    assert "A boundary was crossed: 3 of 3 had a DLT; 2 or more stop the arm." in page
    assert str(day(0)) in page
