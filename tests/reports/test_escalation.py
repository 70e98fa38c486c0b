"""The escalation report: counts by dose level, advice, two-stage designs and toxicity boundaries."""

import pytest

from tests.escalating import day, make_escalating, treat
from tests.factories import (
    make_administration,
    make_adverse_event,
    make_agent,
    make_arm,
    make_dose_decision,
    make_participant,
    make_regimen,
    make_reported_outcome,
    make_trial,
)
from tracker.audit import because
from tracker.extensions import db
from tracker.models import LevelDose
from tracker.reports.base import run_report
from tracker.stats.two_stage import Design, unbiased_rate
from tracker.terms.participant import BestResponse
from tracker.terms.regimen import DoseUnit
from tracker.terms.trial import DoseAction, DoseLevelStatus, EscalationRule
from tracker.values import Refusal


def report(*arguments):
    return run_report("escalation", arguments)


def tables(*arguments):
    return {table.name: table.rows for table in report(*arguments).tables}


def counts(*arguments):
    names = ("level", "treated", "evaluable", "dlt", "pending", "replaced")
    return [tuple(row[name] for name in names) for row in tables(*arguments)["levels"]]


def advice(*arguments):
    (row,) = tables(*arguments)["advice"]
    return row["action"], row["next_level"]


def test_levels_are_counted_and_the_rule_advises(app):
    _arm, (first, second, _third) = make_escalating()
    treat(first, 3)
    treat(second, 3, dlt=1, on=40)
    assert counts() == [(1, 3, 3, 0, 0, 0), (2, 3, 3, 1, 0, 0), (3, 0, 0, 0, 0, 0)]
    (row,) = tables()["advice"]
    assert (row["arm"], row["rule"], row["version"]) == ("ESC/A", "BOIN", "BOIN 2.7.2 boundaries; tracker 1")
    assert (row["action"], row["next_level"], row["current_level"]) == ("stay", 2, 2)


def test_the_columns_that_others_rely_on_come_first(app):
    make_escalating()
    found = {table.name: list(table.frame.columns) for table in report().tables}
    assert found["levels"][:7] == ["arm", "level", "dose", "treated", "evaluable", "dlt", "status"]
    assert found["advice"][:5] == ["arm", "rule", "version", "action", "next_level"]


def test_a_dlt_counts_in_its_window_only(app):
    _arm, (first, *_others) = make_escalating()
    inside, outside, _none = treat(first, 3)
    make_adverse_event(participant=inside, dlt=True, started_on=day(27))
    make_adverse_event(participant=outside, dlt=True, started_on=day(28))
    assert counts()[0] == (1, 3, 3, 1, 0, 0)


def test_a_window_that_is_not_over_is_pending_and_holds_the_advice(app):
    _arm, (first, *_others) = make_escalating()
    treat(first, 2)
    treat(first, 1, on=10)
    as_of = ("as_of", day(30).isoformat())
    assert counts(as_of)[0] == (1, 3, 2, 0, 1, 0)
    assert advice(as_of) == ("wait", 1)
    assert advice() == ("escalate", 2)


def test_who_got_too_little_or_is_typed_not_evaluable_is_replaced_and_listed(app):
    regimen = make_regimen([make_agent(name="pembrolizumab")])
    (component,) = regimen.components
    component.dose, component.unit = 200, DoseUnit.MG
    _arm, (first, *_others) = make_escalating(regimen=regimen)
    little, enough, withdrew = treat(first, 3)
    withdrew.dlt_not_evaluable_reason = "withdrew consent on day 3"
    for participant, second_dose in ((little, 99), (enough, 100)):
        make_administration(participant=participant, component=component, dose=200, given_on=day(0))
        make_administration(
            participant=participant, component=component, cycle=2, dose=second_dose, given_on=day(21)
        )
    assert counts()[0] == (1, 3, 1, 0, 0, 2)
    told = {row["participant"]: row for row in tables()["participants"]}
    assert told[little.code]["status"] == "not evaluable"
    assert told[little.code]["dose_percent"] == pytest.approx(74.75)
    assert told[enough.code]["status"] == "none"
    assert told[withdrew.code]["detail"] == "withdrew consent on day 3"


def test_the_plan_of_a_dose_is_that_of_the_level(app):
    regimen = make_regimen([make_agent(name="pembrolizumab")])
    (component,) = regimen.components
    component.dose, component.unit = 200, DoseUnit.MG
    _arm, (first, *_others) = make_escalating(regimen=regimen)
    first.doses.append(LevelDose(component=component, dose=100))
    (participant,) = treat(first, 1)
    make_administration(participant=participant, component=component, dose=100, given_on=day(0))
    assert tables()["participants"][0]["dose_percent"] == 100
    assert tables()["levels"][0]["dose"] == "pembrolizumab 100 mg"


def test_doses_in_another_unit_are_not_held_against_anybody(app):
    regimen = make_regimen([make_agent(name="pembrolizumab")])
    (component,) = regimen.components
    component.dose, component.unit = 2, DoseUnit.MG_KG
    _arm, (first, *_others) = make_escalating(regimen=regimen)
    (participant,) = treat(first, 1)
    make_administration(participant=participant, component=component, dose=1, given_on=day(0))
    (row,) = tables()["participants"]
    assert (row["dose_percent"], row["status"]) == (None, "none")


def test_three_plus_three_expands_and_declares(app):
    _arm, (first, second, *_third) = make_escalating(EscalationRule.THREE_PLUS_THREE)
    treat(first, 3)
    treat(second, 3, dlt=1, on=40)
    assert advice() == ("expand", 2)
    treat(second, 3, dlt=1, on=80)
    assert advice() == ("de-escalate", 1)
    treat(first, 3, on=120)
    assert advice() == ("declare MTD", 1)
    assert tables()["levels"][1]["eliminated"] is True
    assert tables()["passing"][0] == {"arm": "ESC/A", "dlt_rate": 0.1, "passes": pytest.approx(0.906147)}


def test_pairs_that_are_equals_are_all_told(app):
    """The documentation of R's BOIN, next.comb: there the tie is drawn by lot."""
    _arm, levels = make_escalating(EscalationRule.BOIN_COMB, levels=3, seconds=5)
    at = {(level.level, level.second_level): level for level in levels}
    treat(at[1, 1], 3)
    treat(at[2, 1], 7, dlt=1, on=40)
    treat(at[2, 2], 6, dlt=1, on=80)
    assert advice() == ("escalate", "(2, 3) = (3, 2)")
    assert tables()["levels"][1]["level"] == "(1, 2)"


def test_the_boundaries_are_printed_by_cohort(app):
    make_escalating(maximum_n=9)
    found = [
        (row["n"], row["escalate_at_most"], row["de_escalate_at_least"], row["eliminate_at_least"])
        for row in tables()["boundaries"]
    ]
    assert found == [(3, 0, 2, 3), (6, 1, 3, 4), (9, 2, 4, 5)]


def test_the_current_level_is_where_the_last_decision_led(app):
    arm, (first, second, third) = make_escalating()
    treat(first, 3)
    treat(second, 3, on=40)
    make_dose_decision(arm=arm, to_level=third, decided=DoseAction.ESCALATE, decided_on=day(90))
    treat(first, 1, on=95)  # backfill
    assert tables()["advice"][0]["current_level"] == 3
    assert tables(("as_of", day(85).isoformat()))["advice"][0]["current_level"] == 2


def test_a_decision_is_due_until_one_was_recorded_on_the_same_figures(app):
    arm, (first, second, _third) = make_escalating()
    treat(first, 3)
    (row,) = tables()["advice"]
    assert row["is_due"] is True
    assert str(report().sentence) == "Dose decisions are due in: ESC/A."
    figures = {
        "current": 1,
        "levels": [
            {"level": 1, "n": 3, "dlt": 0, "pending": 0, "is_closed": False},
            {"level": 2, "n": 0, "dlt": 0, "pending": 0, "is_closed": False},
            {"level": 3, "n": 0, "dlt": 0, "pending": 0, "is_closed": False},
        ],
    }
    make_dose_decision(
        arm=arm, to_level=first, decided=DoseAction.STAY, decided_on=day(60), advice={"figures": figures}
    )
    assert tables()["advice"][0]["is_due"] is False
    treat(second, 3, on=60)
    assert tables()["advice"][0]["is_due"] is True


def test_a_suspended_level_is_not_entered(app):
    _arm, (first, second, _third) = make_escalating()
    treat(first, 3)
    with because("two DLTs at this dose in another trial"):
        second.status = DoseLevelStatus.SUSPENDED
        db.session.commit()
    assert advice() == ("stay", 1)


def test_some_of_an_arms_participants_are_no_ground_for_advice(app):
    _arm, (first, *_others) = make_escalating()
    treat(first, 2)
    treat(first, 1, dlt=1, tumor_location="SKIN")
    assert advice() == ("stay", 1)
    found = tables(("tumor_location", "LUNG"))
    assert found["advice"] == []
    assert found["levels"][0]["evaluable"] == 2


def test_arms_of_several_settings_stand_in_one_report(app):
    for code, setting in (("ADV", "advanced"), ("NEO", "neoadjuvant")):
        _arm, (first, *_others) = make_escalating(trial=make_trial(code=code, setting=setting))
        treat(first, 3)
    assert [row["arm"] for row in tables()["advice"]] == ["ADV/A", "NEO/A"]
    assert [row["arm"] for row in tables(("arm", "NEO/A"))["advice"]] == ["NEO/A"]


def test_an_arm_without_levels_or_target_gets_no_advice(app):
    make_arm(trial=make_trial(code="NONE"), code="A", escalation_rule=EscalationRule.BOIN)
    found = report()
    assert found.tables[1].rows == []
    assert any("NONE/A" in str(note) for note in found.tables[1].notes)
    assert "There is nothing to show." in found.figures[0].svg()


def test_nothing_escalates_in_an_empty_centre(app):
    assert tables() == {"levels": [], "advice": []}
    assert str(report().sentence) == "No arm escalates its dose, has two stages or watches toxicity."


def make_two_stage(responses, **given):
    """An arm of Simon's design 1/10, 5/29, whose participants had these best responses, in their order."""
    arm = make_arm(trial=make_trial(code="SIM"), code="A", r1=1, n1=10, r=5, n=29, **given)
    for number, response in enumerate(responses):
        participant = make_participant(
            trial=arm.trial, arm=arm, first_dose_on=day(number), enrolled_on=day(0)
        )
        if response:
            make_reported_outcome(participant=participant, best_overall_response=response)
    return arm


PR, SD = BestResponse.PR, BestResponse.SD


def test_a_two_stage_arm_says_how_many_responders_it_still_needs(app):
    make_two_stage([PR, SD, SD])
    (row,) = tables()["two_stage"]
    assert (row["stage"], row["responders"], row["needed"], row["crossed"]) == (1, 1, 1, False)
    assert row["reason"] == "1 responder more among the first 10 opens stage 2."


def test_a_crossed_boundary_is_told(app):
    make_two_stage([SD] * 10)
    (row,) = tables()["two_stage"]
    assert (row["action"], row["crossed"], row["rate"]) == ("stop for futility", True, 0)
    assert "A boundary was crossed in: SIM/A." in str(report().sentence)


def test_after_stage_two_the_rate_is_unbiased_and_has_its_p(app):
    make_two_stage([PR] * 6 + [SD] * 23)
    (row,) = tables()["two_stage"]
    assert row["rate"] == unbiased_rate(6, Design(1, 10, 5, 29))
    chances = {row["response_rate"]: row for row in tables()["chances"]}
    assert chances[0.1]["promising"] == chances[0.1]["p"] == pytest.approx(0.0470863066)
    assert chances[0.3]["promising"] == pytest.approx(0.8050629132)


def test_participants_too_recent_for_an_assessment_are_pending(app):
    make_two_stage([PR, SD, None])
    (row,) = tables(("as_of", day(30).isoformat()))["two_stage"]
    assert (row["responders"], row["pending"]) == (1, 2)


def test_the_boundary_for_toxicity_is_watched(app):
    """R's pbeta: P(p > 0.30) > 0.80 from Beta(0.6, 1.4) is reached at 3 of 4."""
    boundary = {
        "toxicity_limit": 0.3,
        "toxicity_certainty": 0.8,
        "toxicity_prior_a": 0.6,
        "toxicity_prior_b": 1.4,
    }
    _arm, (first, *_others) = make_escalating(**boundary)
    treat(first, 4, dlt=2)
    (row,) = tables()["toxicity"]
    assert (row["n"], row["dlt"], row["stops_at"], row["crossed"]) == (4, 2, 3, False)
    rises = [(row["n"], row["stops_at"]) for row in tables()["toxicity_boundary"]]
    assert rises[:7] == [(2, 2), (4, 3), (7, 4), (9, 5), (12, 6), (15, 7), (18, 8)]
    treat(first, 1, dlt=1)
    assert tables()["toxicity"][0]["crossed"] is True


def test_simons_designs_are_searched_when_rates_are_asked(app):
    found = tables(("p0", "0.1"), ("p1", "0.3"))["designs"]
    assert [tuple(row[name] for name in ("design", "r1", "n1", "r", "n")) for row in found] == [
        ("optimal", 1, 10, 5, 29),
        ("minimax", 1, 15, 5, 25),
    ]
    assert found[0]["expected_n"] == pytest.approx(15.0141203)


def test_a_pocock_boundary_is_computed_when_looks_are_asked(app):
    """R's clinfun, toxbdry(0.2, 0.35, c(20, 40, 60, 75)): stop above 7, 12, 17, 21."""
    asked = [("p0", "0.2"), ("p1", "0.35"), ("alpha", "0.1"), ("looks", "20,40,60,75")]
    found = tables(*asked)
    assert [(row["n"], row["stops_above"]) for row in found["pocock"]] == [
        (20, 7),
        (40, 12),
        (60, 17),
        (75, 21),
    ]
    at_low, at_high = found["pocock_chances"]
    assert (at_low["crosses"], at_high["crosses"]) == pytest.approx((0.0875064098, 0.9114105815))
    assert at_high["expected_n"] == pytest.approx(39.9265968)
    assert "designs" not in found


def test_what_a_boundary_for_toxicity_does_is_told(app):
    make_escalating(toxicity_limit=0.3, toxicity_certainty=0.8, toxicity_least_n=3, maximum_n=30)
    found = {row["dlt_rate"]: row for row in tables()["toxicity_chances"]}
    assert [round(found[rate]["stops"], 2) for rate in (0.1, 0.3, 0.5)] == sorted(
        round(found[rate]["stops"], 2) for rate in (0.1, 0.3, 0.5)
    )
    assert found[0.5]["stops"] > 0.9 > 0.1 > found[0.1]["stops"]
    assert 3 <= found[0.5]["expected_n"] < found[0.1]["expected_n"] <= 30


@pytest.mark.parametrize(
    "arguments",
    [
        [("looks", "40,20")],
        [("looks", "0,20")],
        [("p0", "2")],
        [("alpha", "x")],
        [("p0", "0.3"), ("p1", "0.2")],
        [("by", "arm")],
    ],
)
def test_what_is_no_fraction_is_refused(app, arguments):
    with pytest.raises(Refusal):
        report(*arguments)


def test_masked_arms_are_left_out(app, sign_in):
    trial = make_trial(code="RND", is_randomised=True)
    _arm, (first, *_others) = make_escalating(trial=trial)
    treat(first, 3)
    assert len(tables()["levels"]) == 3
    page = sign_in("researcher", [trial]).get("/reports/escalation.json").get_json()
    assert [table["rows"] for table in page["tables"]] == [[], []]


@pytest.mark.parametrize("format", ["json", "csv", "xlsx", "svg", "pdf"])
def test_every_format_is_written(app, sign_in, format):
    _arm, (first, *_others) = make_escalating()
    treat(first, 3, dlt=1)
    answer = sign_in("director").get(f"/reports/escalation.{format}")
    assert answer.status_code == 200
    assert answer.data


def test_who_came_without_dates_has_no_dates_and_is_not_pending(app):
    _arm, (first, *_others) = make_escalating()
    (participant,) = treat(first, 1, undated=True)
    assert counts()[0] == (1, 1, 1, 0, 0, 0)
    (row,) = tables()["participants"]
    assert (row["participant"], row["first_dose_on"], row["window_ends_on"]) == (participant.code, None, None)


def test_a_target_that_boin_cannot_aim_at_gives_no_advice(app):
    """Forms refuse it; a file or a later version may bring it nevertheless."""
    arm, (first, *_others) = make_escalating()
    treat(first, 3)
    with because("for the test"):
        arm.target_dlt_rate = 0.9
        db.session.commit()
    assert tables()["advice"] == []
    assert tables()["levels"][0]["evaluable"] == 3
