"""The ledger of combinations: CheckMate 067 through records, forms and report, and what must not be concluded."""

import numpy as np
import pytest

from tests.factories import (
    make_agent,
    make_arm,
    make_participant,
    make_reference_result,
    make_regimen,
    make_reported_outcome,
    make_trial,
)
from tracker.extensions import db
from tracker.models import ReferenceResult
from tracker.reports.base import run_report
from tracker.roles import Role
from tracker.terms.participant import BestResponse, Subtype
from tracker.terms.regimen import MechanismClass, ReferenceEndpoint
from tracker.terms.trial import ArmType, Setting, TrialStatus

LARKIN = "Larkin 2015, N Engl J Med 373:23-34 (CheckMate 067), PMID 26027431"


class Center:
    """Agents a, b and c, and the regimens of each alone and of several."""

    def __init__(self):
        self.agents = {name: make_agent(name=name) for name in "abc"}
        self.regimens = {}
        for names in ("a", "b", "c", "a + b", "a + b + c"):
            agents = [self.agents[name] for name in names.split(" + ")]
            self.regimens[names] = make_regimen(agents=agents, name=names)

    def publish(self, regimen, x, n, **given):
        return make_reference_result(regimen=self.regimens[regimen], x=x, n=n, **given)

    def treat(
        self, regimen, x, n, trial, *, code=None, location="SKIN", type=ArmType.EXPERIMENTAL, months=None
    ):
        """n participants of an arm, x of whom responded."""
        arm = make_arm(trial=trial, code=code or regimen, regimen=self.regimens[regimen], type=type)
        for number in range(n):
            person = make_participant(trial=trial, arm=arm, tumor_location=location)
            best = BestResponse.PR if number < x else BestResponse.PD
            times = {} if months is None else {"pfs_months": months[number], "pfs_event": True}
            make_reported_outcome(participant=person, best_overall_response=best, **times)
        return arm


@pytest.fixture
def center(app):
    return Center()


def run(**arguments):
    result = run_report("combinations", list(arguments.items()))
    return result, {table.name: table.rows for table in result.tables}


def test_checkmate_067_typed_into_forms_beats_its_best_component_only(sign_in, app):
    """Check 3 of the ledger: 57.6 % of 314, against 43.7 % of 316 and 19.0 % of 315."""
    agents = [make_agent(name="nivolumab"), make_agent(name="ipilimumab")]
    both = make_regimen(agents=agents, name="nivolumab + ipilimumab")
    single = [make_regimen(agents=[agent], name=agent.name) for agent in agents]
    browser = sign_in(Role.PHYSICIAN)
    for regimen, rate, n in zip((both, *single), ("57.6", "43.7", "19.0"), (314, 316, 315)):
        address = f"/reference-results/new?regimen={regimen.id}&tumor_location=SKIN"
        answer = browser.submit(address, rate=rate, n=str(n), citation=LARKIN)
        assert answer.status_code == 303, answer.text
    stored = db.session.query(ReferenceResult).order_by(ReferenceResult.id).all()
    assert [(one.x, one.x_is_rounded, one.tumor_location) for one in stored] == [
        (181, True, "SKIN"),
        (138, True, "SKIN"),
        (60, True, "SKIN"),
    ]
    answer = browser.get("/reports/combinations.json")
    (row,) = answer.json["tables"][0]["rows"]
    verdict = "better than its best component, not above independent action"
    assert (row["regimen"], row["tumor_location"], row["n"]) == ("nivolumab + ipilimumab", "SKIN", 314)
    assert (row["best_component"], row["verdict"], row["source"]) == ("nivolumab", verdict, "published")
    numbers = ["expected", "excess", "excess_low", "excess_high", "difference_low", "difference_high"]
    assert [round(row[name], 6) for name in numbers] == [
        0.544002,
        0.032431,
        -0.042023,
        0.106885,
        0.061677,
        0.21539,
    ]
    assert round(row["difference"], 3) == 0.140
    assert answer.json["verdict"]["code"] == verdict
    page = browser.get("/reports/combinations").text
    assert "Better than its best component, not above independent action." in page
    assert "Independent action expects 54.4%" in page
    assert "Above independent action: the lower limit of the excess is above 0." in page


@pytest.mark.parametrize(
    ("combined", "expected"),
    [
        ((60, 100), "above independent action"),
        ((46, 100), "better than its best component, not above independent action"),
        ((40, 100), "not shown better than its best component"),
        ((3, 4), "not assessable: too few participants (4 with the combination)"),
    ],
)
def test_each_verdict_follows_its_rule(center, combined, expected):
    center.publish("a + b", *combined)
    center.publish("a", 30, 100)
    center.publish("b", 10, 100)
    result, tables = run()
    (row,) = tables["ledger"]
    assert row["verdict"] == result.verdict["code"] == expected
    if "not assessable" in expected:
        assert row["expected"] is row["excess"] is row["difference"] is row["best_component"] is None
    else:
        assert row["expected"] == pytest.approx(0.37)


def test_what_is_missing_is_named_and_leads_to_a_form_that_is_filled_in(center, sign_in):
    center.publish("a + b", 20, 40)
    center.publish("a", 5, 40)
    center.publish("b", 5, 40, tumor_location="LUNG")
    _result, tables = run()
    (row,) = tables["ledger"]
    assert row["verdict"] == "not assessable: no result of b alone in Skin"
    assert tables["missing"] == [{"regimen": "a + b", "tumor_location": "SKIN", "component": "b"}]
    address = f"/reference-results/new?regimen={center.regimens['b'].id}&amp;tumor_location=SKIN"
    assert f'href="{address}"' in sign_in(Role.PHYSICIAN).get("/reports/combinations").text
    page = sign_in(Role.DIRECTOR).get("/reports/combinations").text
    assert "Record a reference result" in page
    assert address not in page
    form = sign_in(Role.PHYSICIAN).get(address.replace("&amp;", "&")).text
    assert '<option value="SKIN" selected>' in form
    assert '<option value="orr" selected>' in form


def test_three_components_count_and_a_placebo_does_not(center):
    placebo = make_agent(name="placebo", mechanism_class=MechanismClass.PLACEBO)
    alone = make_regimen(agents=[center.agents["a"], placebo], name="a + placebo")
    make_reference_result(regimen=alone, x=20, n=100)
    for name in "bc":
        center.publish(name, 20, 100)
    center.publish("a + b + c", 60, 100)
    _result, tables = run()
    (row,) = tables["ledger"]
    assert row["regimen"] == "a + b + c"
    assert row["expected"] == pytest.approx(0.488)
    assert row["verdict"] == "better than its best component, not above independent action"


def test_own_arms_come_before_publications_and_their_source_is_told(center):
    trial, other = make_trial(status=TrialStatus.COMPLETED), make_trial(status=TrialStatus.COMPLETED)
    center.treat("a + b", 6, 10, trial)
    center.treat("a", 2, 8, other)
    center.publish("a", 50, 100)
    center.publish("b", 10, 100)
    center.publish("a + b", 70, 100)
    _result, tables = run()
    own, published = tables["ledger"]
    assert own["source"] == "observed: own; a: historical; b: published"
    assert (own["n"], own["observed"], published["n"]) == (10, 0.6, 100)
    assert own["expected"] == pytest.approx(1 - 0.75 * 0.9)
    assert (published["source"], published["expected"]) == ("published", pytest.approx(0.55))
    assert "own beside published" in own["caution"]
    (only,) = run(source="own")[1]["ledger"]
    assert only["verdict"].startswith("not assessable: no result of b alone")
    (only,) = run(source="published")[1]["ledger"]
    assert only["source"] == "published"


def test_of_several_publications_the_nearest_population_is_taken(center):
    about = {"tumor_location": "BREAST"}
    center.publish("a + b", 30, 60, subtype=Subtype.TNBC, prior_lines="0", citation="one trial", **about)
    center.publish("a", 60, 300, subtype=Subtype.HR_POSITIVE, prior_lines="1+", **about)
    center.publish("a", 9, 170, subtype=Subtype.TNBC, prior_lines="1+", **about)
    center.publish("a", 18, 84, subtype=Subtype.TNBC, prior_lines="0", **about)
    center.publish("b", 1, 40, **about)
    center.publish("b", 2, 20, citation="one trial", subtype=Subtype.HR_POSITIVE, **about)
    center.publish("b", 2, 2, endpoint=ReferenceEndpoint.DCR, **about)
    _result, tables = run()
    assert [(row["component"], row["n"]) for row in tables["components"]] == [
        (None, 60),
        ("a", 84),
        ("b", 20),
    ]
    assert tables["ledger"][0]["caution"] == "subtype"
    assert run(subtype="TNBC")[1]["ledger"][0]["verdict"].startswith("not assessable")


def test_settings_are_never_mixed(center):
    before = make_trial(setting=Setting.NEOADJUVANT, status=TrialStatus.COMPLETED)
    center.treat("a + b", 6, 8, before)
    center.publish("a", 10, 40)
    center.publish("b", 10, 40)
    assert run()[1]["ledger"] == []
    (row,) = run(setting="neoadjuvant")[1]["ledger"]
    assert row["verdict"] == "not assessable: no result of a, b alone in Skin"


def test_arms_of_one_randomised_trial_are_concurrent_and_tested_against_each_component(center):
    """Counts as in the reference: 27 of 60 against 9 of 45 and 12 of 40; here in thirds."""
    trial = make_trial(is_randomised=True, status=TrialStatus.COMPLETED, results_released=True)
    random = np.random.default_rng(3)
    for name, x, n, scale in (("a + b", 9, 20, 14), ("a", 3, 15, 6), ("b", 4, 14, 5)):
        center.treat(name, x, n, trial, months=random.exponential(scale, n).round(2))
    result, tables = run()
    (row,) = tables["ledger"]
    assert row["source"] == "observed: own; a: concurrent; b: concurrent"
    assert row["caution"] is None
    response = [one for one in tables["tests"] if one["endpoint"] == "response"]
    assert [one["component"] for one in response] == ["a", "b", None]
    assert response[2]["p"] == max(response[0]["p"], response[1]["p"]) == pytest.approx(0.3320, abs=5e-4)
    assert response[0]["estimate"] == pytest.approx(0.25)
    times = [one for one in tables["tests"] if one["endpoint"] == "pfs"]
    assert [one["measure"] for one in times] == ["HR"] * 3
    assert times[2]["p"] == max(times[0]["p"], times[1]["p"])
    months = [one["month"] for one in tables["pfs"]]
    assert months == sorted(months)
    assert months
    for one in tables["pfs"]:
        assert one["expected_rho_05"] <= one["expected"] <= one["expected_rho_0"]
        assert one["position"] in ("above", "within", "below")
    assert [figure.name for figure in result.figures] == ["ledger", "pfs"]


def test_masked_arms_are_in_no_line(center, sign_in):
    trial = make_trial(is_randomised=True)
    for name in ("a + b", "a", "b"):
        center.treat(name, 3, 6, trial)
    browser = sign_in(Role.MONITOR, [trial])
    assert browser.get("/reports/combinations.json").json["tables"][0]["rows"] == []
    assert len(sign_in(Role.DIRECTOR).get("/reports/combinations.json").json["tables"][0]["rows"]) == 1


def test_a_regimen_chooses_lines_and_leaves_the_components_in(center):
    for name in ("a + b", "a + b + c", "a", "b", "c"):
        center.publish(name, 10, 40)
    assert len(run()[1]["ledger"]) == 2
    (row,) = run(regimen="a + b")[1]["ledger"]
    assert row["expected"] == pytest.approx(1 - 0.75**2)
    assert run(combination="no")[1]["ledger"] == []
    assert run(tumor_location="LUNG")[1]["ledger"] == []


@pytest.mark.parametrize("format", ["csv", "xlsx", "pdf", "svg", "png"])
def test_every_format_holds_the_ledger_empty_or_not(center, sign_in, format):
    browser = sign_in(Role.DIRECTOR)
    assert browser.get(f"/reports/combinations.{format}").status_code == 200
    center.publish("a + b", 10, 40)
    center.publish("a", 2, 40)
    center.publish("b", 0, 40)
    answer = browser.get(f"/reports/combinations.{format}")
    assert answer.status_code == 200
    if format == "csv":
        assert answer.text.splitlines()[1].startswith("a + b,SKIN,40,0.25,")


def test_the_page_of_a_combination_is_its_ledger(center, sign_in):
    center.publish("a + b", 46, 100)
    center.publish("a", 30, 100)
    browser = sign_in(Role.DIRECTOR)
    page = browser.get(f"/regimens/{center.regimens['a + b'].id}").text
    assert "Not assessable: no result of b alone in Skin." in page
    center.publish("b", 10, 100)
    page = browser.get(f"/regimens/{center.regimens['a + b'].id}").text
    assert "Better than its best component, not above independent action." in page
    assert "46 of 100 participants responded." in page
    assert "Does it do more" not in browser.get(f"/regimens/{center.regimens['a'].id}").text
    assert "Does it do more" not in sign_in(Role.ADMIN).get(f"/regimens/{center.regimens['a + b'].id}").text
