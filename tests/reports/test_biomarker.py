"""The report on one marker: published numbers from stored data to table, and what it must not say."""

import json

import numpy as np
import pytest

from tests.factories import (
    make_assay,
    make_biomarker,
    make_measurement,
    make_participant,
    make_reported_outcome,
    make_trial,
)
from tests.references import SHARED, references
from tests.reports.test_survival import chowell  # noqa: F401
from tracker.extensions import db
from tracker.reports.base import run_report
from tracker.terms.biomarker import Qualifier, Scale
from tracker.terms.participant import BestResponse


def run(*arguments, **more):
    result = run_report("biomarker", [*arguments, *more.items()])
    return result, {table.name: table.rows for table in result.tables}


def store(values, responded=None, months=None, event=None, qualifiers=None, **assay):
    """One participant a value, with what became of each."""
    assay = make_assay(name="Marker", biomarker=make_biomarker(name="Protein"), **assay)
    trial = make_trial(code="ONE")
    for place, value in enumerate(values):
        participant = make_participant(trial=trial, undated=True, first_dose_on=None)
        best = None if responded is None else BestResponse.PR if responded[place] else BestResponse.PD
        times = {} if months is None else {"os_months": months[place], "os_event": bool(event[place])}
        make_reported_outcome(participant=participant, best_overall_response=best, **times)
        if value is not None:
            sign = Qualifier.EQUAL if qualifiers is None else qualifiers[place]
            make_measurement(assay=assay, participant=participant, value=value, qualifier=sign)
    return assay


def dataset(name):
    cases = json.loads((SHARED / "REFERENCE_VALUES.json").read_text(encoding="utf-8"))["cases"]
    return next(case["input"] for case in cases if case["id"] == name)


@pytest.mark.parametrize("youden", references("youden.aSAH"))
@pytest.mark.parametrize("area", references("auc.aSAH.s100b"))
def test_area_and_best_cutoff_of_stored_values_are_those_of_proc(app, area, youden):
    data = dataset("data.aSAH")
    store(data["s100b"], data["poor_outcome"])
    result, tables = run(marker="Marker")
    (roc,) = tables["roc"]
    assert [roc["auc"], roc["auc_low"], roc["auc_high"]] == pytest.approx(
        [area["expected"]["auc"], *area["expected"]["ci"]], abs=1e-7
    )
    (cut,) = tables["cutoff"]
    assert cut["origin"] == "data-driven"
    assert cut["cutoff"] == pytest.approx(youden["expected"]["threshold"])
    assert cut["sensitivity"] == pytest.approx(youden["expected"]["sensitivity"], abs=1e-6)
    assert cut["specificity"] == pytest.approx(youden["expected"]["specificity"], abs=1e-6)
    assert 0 < cut["youden_corrected"] < cut["youden"] == pytest.approx(youden["expected"]["J"], abs=1e-6)
    assert "chosen on these data" in result.sentence
    assert all("data-driven" in " ".join(map(str, figure.caption)) for figure in result.figures)


@pytest.mark.parametrize("case", references("maxstat."))
def test_the_best_cutoff_for_survival_pays_for_having_been_sought(app, case):
    data = dataset("data.DLBCL")
    store(data["mge"], months=data["time"], event=data["event"])
    result, tables = run(marker="Marker", endpoint="os")
    (cut,) = tables["cutoff"]
    assert (cut["endpoint"], cut["origin"]) == ("os", "data-driven")
    assert cut["statistic"] == pytest.approx(case["expected"]["M"], abs=1e-5)
    assert cut["p"] == pytest.approx(case["expected"]["p_lausen92"], abs=1e-5)
    above = min(value for value in data["mge"] if value > case["expected"]["cutpoint"] + 1e-6)
    assert case["expected"]["cutpoint"] < cut["cutoff"] < above
    assert [figure.name for figure in result.figures][-1] == "km_os"


def test_a_hazard_ratio_of_a_cutoff_that_was_sought_has_no_p_of_its_own(app):
    store(range(40), months=[2 + place % 7 + place // 20 * 4 for place in range(40)], event=[1] * 40)
    (compared,) = run(marker="Marker", endpoint="os")[1]["comparison"]
    assert compared["hr"] < 1
    assert compared["p_wald"] is None
    assert compared["logrank_p"] is None


def test_tumor_mutational_burden_of_a_real_cohort(chowell):  # noqa: F811
    """checks.csv: 175 of 404 at or above 10 and 234 of 1,075 below responded; hazard ratio of death 0.5917."""
    result, tables = run(marker="TMB (MSK-IMPACT)", cutoff="10")
    positive, negative = tables["response"]
    assert (positive["status"], positive["responders"], positive["n"]) == ("positive", 175, 404)
    assert (negative["status"], negative["responders"], negative["n"]) == ("negative", 234, 1075)
    assert (positive["orr_low"], positive["orr_high"]) == pytest.approx((0.3843, 0.4831), abs=1e-4)
    given, sought, *_survival = tables["cutoff"]
    assert (given["cutoff"], given["origin"], given["cutoffs_tried"]) == (10, "pre-specified", 1)
    assert given["sensitivity"] == pytest.approx(175 / 409)
    assert given["specificity"] == pytest.approx(841 / 1070)
    assert sought["origin"] == "data-driven"
    assert sought["youden_corrected"] < sought["youden"]
    death = next(row for row in tables["comparison"] if row["endpoint"] == "os")
    assert (death["hr"], death["hr_low"], death["hr_high"]) == pytest.approx(
        (0.5917, 0.5032, 0.6958), abs=1e-3
    )
    assert sum(row["n"] for row in tables["by_location"]) == 1479
    caption = " ".join(map(str, result.figures[0].caption))
    assert "Tumor mutational burden, by TMB (MSK-IMPACT)" in caption
    assert "Trial: CHOWELL." in caption
    assert "at or above 10 mut/Mb, pre-specified" in caption


def test_values_below_a_limit_are_tied_and_never_halved(app):
    """<5 and 3 are both below 5, and nobody knows which is the lower."""
    below, equal = Qualifier.BELOW, Qualifier.EQUAL
    values = [5, 5, 5, 3, 6, 7, 3, 8, 9, 10, 11, 12]
    responded = [0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1]
    responded[3] = 1
    signs = [below, below, below] + [equal] * 9
    store(values, responded, qualifiers=signs)
    result, tables = run(marker="Marker", cutoff="5")
    order = np.array([0, 0, 0, 0, 6, 7, 0, 8, 9, 10, 11, 12])
    pairs = [np.sign(one - other) for one in order[np.array(responded) == 1]
             for other in order[np.array(responded) == 0]]  # fmt: skip
    assert tables["roc"][0]["auc"] == pytest.approx(np.mean([(one + 1) / 2 for one in pairs]))
    assert {row["status"]: row["n"] for row in tables["response"]} == {"positive": 7, "negative": 5}
    of_all = tables["by_location"][0]
    assert (of_all["lowest"], of_all["below_limit"]) == (3, 3)
    drawn = next(figure for figure in result.figures if figure.name == "by_location")
    assert "bounds" in drawn.svg()
    assert {row.qualifier for row in drawn.data.itertuples()} == {"<", "="}


def test_a_bound_that_does_not_tell_is_a_missing_status(app):
    store([5, 8, 1], [1, 1, 0], qualifiers=[Qualifier.BELOW, Qualifier.EQUAL, Qualifier.EQUAL])
    _result, tables = run(marker="Marker", cutoff="4")
    assert {row["status"]: row["n"] for row in tables["response"]} == {
        "positive": 1,
        "negative": 1,
        "missing": 1,
    }


def test_of_few_participants_there_is_no_curve_and_no_cutoff(app):
    store([1, 2, 3, 4, 5, 6, 7, 8, 9], [0, 0, 0, 0, 0, 1, 1, 1, 1])
    result, tables = run(marker="Marker")
    assert tables["roc"][0]["auc"] is None
    assert tables["roc"][0]["n"] == 9
    assert tables["cutoff"] == []
    assert [row["n"] for row in tables["response"]] == [0, 0, 9]
    assert "roc" not in [figure.name for figure in result.figures]
    assert "too few" in result.sentence


def test_the_assays_own_cutoff_is_prespecified_and_said_to_be_its(app):
    store(range(20), np.arange(20) % 2, positive_cutoff=8, unit="%")
    result, tables = run(marker="Marker")
    assert (tables["cutoff"][0]["cutoff"], tables["cutoff"][0]["origin"]) == (8, "pre-specified")
    assert "the assay's positive cutoff" in " ".join(map(str, result.figures[0].caption))


def test_a_binary_marker_has_rates_and_no_boxes(app):
    store([1, 0] * 10, [1, 1, 0, 0] * 5, scale=Scale.BINARY)
    result, tables = run(marker="Marker")
    assert [row["n"] for row in tables["response"]] == [10, 10]
    assert {"by_location", "by_response"} & {figure.name for figure in result.figures} == set()


def test_without_a_marker_the_page_asks_for_one(app):
    result, tables = run()
    assert tables == {"response": [], "roc": [], "cutoff": []}
    assert "Choose a marker" in result.sentence


def test_a_finding_turns_stale_when_a_value_moves_even_if_its_status_stays(app):
    assay = store(range(20), np.arange(20) % 2, positive_cutoff=8)
    before = run(marker="Marker")[0].fingerprint
    changed = assay.measurements[3]
    db.session.info["reason"] = "read again"
    changed.value = 4.5
    db.session.flush()
    assert run(marker="Marker")[0].fingerprint != before


def test_assays_of_one_biomarker_are_compared_by_status_and_by_number(app):
    """Twenty participants: +/+ 8, +/- 2, -/+ 3, -/- 7; kappa (15/20 - 1/2) / (1 - 1/2) is 0.5 by hand."""
    first = [12] * 10 + [3] * 10
    second = [24] * 8 + [6] * 2 + [24] * 3 + [6] * 7
    assay = store(first, np.arange(20) % 2, positive_cutoff=10, unit="%", pool_group="A")
    other = make_assay(name="Other", biomarker=assay.biomarker, positive_cutoff=20, unit="%", pool_group="B")
    for one, value in zip(assay.measurements, second):
        make_measurement(assay=other, participant=one.participant, value=value)
    _result, tables = run(marker="Marker")
    (row,) = tables["agreement"]
    counts = [row[name] for name in ("both_positive", "first_only", "second_only", "both_negative")]
    assert counts == [8, 2, 3, 7]
    assert row["kappa"] == pytest.approx(0.5)
    assert row["bias"] == pytest.approx(np.mean(np.array(first) - np.array(second)))
    assert (row["n"], row["may_be_pooled"]) == (20, False)
    assert any("pool group" in str(note) for note in _result.tables[-1].notes)


def test_assays_in_other_units_are_compared_by_status_alone(app):
    assay = store(range(20), np.arange(20) % 2, positive_cutoff=10, unit="%")
    other = make_assay(name="Other", biomarker=assay.biomarker, positive_cutoff=5, unit="score")
    for one in assay.measurements:
        make_measurement(assay=other, participant=one.participant, value=one.value / 2)
    (row,) = run(marker="Marker")[1]["agreement"]
    assert row["kappa"] == 1
    assert row["bias"] is None
    assert row["slope"] is None
