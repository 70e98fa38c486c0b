"""Discrimination, cut points and agreement against R and published figures."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from tests.references import SHARED, references
from tracker.stats.agreement import cohen_kappa
from tracker.stats.association import (
    auc,
    auc_difference,
    cut_at,
    maximal_logrank,
    odds_ratio,
    predictive_values,
    roc_points,
    youden,
)
from tracker.stats.proportions import clopper_pearson
from tracker.stats.resampling import maximal_logrank_p, youden_optimism

SEPARATE = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=40).filter(
    lambda rows: len({outcome for _value, outcome in rows}) == 2
)


def dataset(name):
    cases = json.loads((SHARED / "REFERENCE_VALUES.json").read_text(encoding="utf-8"))["cases"]
    return next(case["input"] for case in cases if case["id"] == name)


def close(value, tolerance):
    return pytest.approx(value, abs=tolerance, rel=0)


@pytest.mark.parametrize("case", references("auc.aSAH"))
def test_area_and_its_limits_are_those_of_proc(case):
    data, expected = dataset("data.aSAH"), case["expected"]
    found = auc(data[case["input"]["marker"]], data["poor_outcome"])
    assert found.auc == close(expected["auc"], case["tolerance"])
    assert [found.low, found.high] == close(expected["ci"], case["tolerance"])
    assert found.variance == close(expected.get("variance", found.variance), case["tolerance"])
    assert (found.positives, found.negatives) == (41, 72)


@pytest.mark.parametrize("case", references("auc.paired"))
def test_two_areas_of_the_same_participants_are_compared_as_proc_does(case):
    data = dataset("data.aSAH")
    found = auc_difference(data["s100b"], data["ndka"], data["poor_outcome"])
    assert [found.z, found.p] == close(list(case["expected"].values()), case["tolerance"])


@pytest.mark.parametrize("case", references("youden."))
def test_best_cut_is_that_of_proc(case):
    data, expected = dataset("data.aSAH"), case["expected"]
    found = youden(data["s100b"], data["poor_outcome"])
    names = ["threshold", "sensitivity", "specificity", "J"]
    assert list(found) == close([expected[name] for name in names], case["tolerance"])
    values = predictive_values(found.sensitivity, found.specificity, 41 / 113)
    assert list(values) == close([expected["ppv"], expected["npv"]], case["tolerance"])
    assert cut_at(data["s100b"], data["poor_outcome"], found.threshold) == found


@pytest.mark.parametrize("case", references("optimism."))
def test_a_cut_sought_in_noise_loses_most_of_what_it_seems_to_tell(case):
    given_, expected = case["input"], case["expected"]
    random = np.random.default_rng(7)
    outcome = np.arange(60) < given_["n_pos"]
    found = [
        youden_optimism(random.standard_normal(60), outcome, draws=given_["bootstrap"], seed=number)
        for number in range(given_["repeats"])
    ]
    assert np.mean([one.apparent for one in found]) == close(expected["mean_apparent"], case["tolerance"])
    assert np.mean([one.corrected for one in found]) == close(expected["mean_corrected"], case["tolerance"])


def test_a_true_shift_is_kept_after_correction():
    """REFERENCE_VALUES.json, optimism.noise: apparent 0.470, corrected 0.389, true 0.383."""
    random = np.random.default_rng(7)
    outcome = np.arange(60) < 20
    found = [
        youden_optimism(random.standard_normal(60) + outcome, outcome, draws=100, seed=number)
        for number in range(200)
    ]
    assert np.mean([one.apparent for one in found]) == close(0.470, 0.02)
    assert np.mean([one.corrected for one in found]) == close(0.389, 0.02)


def test_a_seed_gives_the_same_draws():
    values, outcome = np.arange(30) % 11, np.arange(30) % 3 == 0
    assert youden_optimism(values, outcome) == youden_optimism(values, outcome)
    assert youden_optimism(values, outcome, seed=1) != youden_optimism(values, outcome, seed=2)


@pytest.mark.parametrize("case", references("maxstat."))
def test_the_best_of_all_cuts_pays_for_having_been_sought(case):
    """R's maxstat; by permutation 0.0108 (STATISTICS.md, section 5)."""
    data, expected = dataset("data.DLBCL"), case["expected"]
    found = maximal_logrank(data["mge"], data["time"], data["event"])
    names = ["cutpoint", "M", "p_lausen92", "naive_two_sided_p"]
    assert list(found) == close([expected[name] for name in names], case["tolerance"])
    assert maximal_logrank_p(data["mge"], data["time"], data["event"]) == close(0.0108, 0.003)


def test_nothing_is_cut_where_no_cut_is_allowed():
    with pytest.raises(ValueError, match="a cut between"):
        maximal_logrank([1.0] * 8, range(8), [1] * 8)


@pytest.mark.parametrize("case", references("ppv_npv."))
def test_predictive_values_belong_to_a_prevalence(case):
    expected, tolerance = case["expected"], case["tolerance"]
    found = predictive_values(26 / 41, 58 / 72, case["input"]["prevalence"])
    assert np.ravel(found[0]) == close(np.ravel(expected["ppv"]), tolerance)
    assert np.ravel(found[1]) == close(np.ravel(expected["npv"]), tolerance)
    if "sens_ci" in expected:
        assert list(clopper_pearson(26, 41)) == close(expected["sens_ci"], tolerance)
        assert list(clopper_pearson(58, 72)) == close(expected["spec_ci"], tolerance)
    else:
        assert close(expected["lr_positive"], tolerance) == (26 / 41) / (14 / 72)
        assert odds_ratio(26, 41, 14, 72).ratio == close(expected["dor"], tolerance)


@pytest.mark.parametrize("case", references("ipass.or"))
def test_odds_ratio_of_ipass(case):
    found = odds_ratio(94, 132, 61, 129)
    assert found.ratio == close(case["expected"]["odds_ratio"], case["tolerance"])
    assert [found.low, found.high] == close(case["expected"]["ci"], case["tolerance"])


def test_an_empty_cell_has_no_odds_ratio_but_a_likelihood_ratio():
    """R: anova(glm(cbind(x, n - x) ~ g, binomial), test = "LRT"), by its closed form."""
    *estimates, p = odds_ratio(0, 12, 7, 15)
    assert np.isnan(estimates).all()
    full = 7 * np.log(7 / 15) + 8 * np.log(8 / 15)
    null = 7 * np.log(7 / 27) + 20 * np.log(20 / 27)
    assert p == pytest.approx(chi2.sf(2 * (full - null), 1))


@pytest.mark.parametrize("case", references("kappa."))
def test_kappa_is_that_of_vcd(case):
    table, expected, tolerance = case["input"]["table"], case["expected"], case["tolerance"]
    if case["id"].endswith("quadratic"):
        found = cohen_kappa(table, "quadratic")
        assert [found.kappa, found.se] == close([expected["kappa"], expected["ase"]], tolerance)
        return
    found, linear = cohen_kappa(table), cohen_kappa(table, "linear")
    assert [found.kappa, found.se] == close([expected["kappa"], expected["ase"]], tolerance)
    assert [found.low, found.high] == close(expected["ci"], tolerance)
    assert [linear.kappa, linear.se] == close([expected["linear"], expected["linear_ase"]], tolerance)


@given(SEPARATE)
def test_area_is_the_share_of_pairs_in_order(rows):
    values, outcome = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    difference = values[outcome][:, None] - values[~outcome]
    found = auc(values, outcome)
    assert found.auc == pytest.approx(((difference > 0) + (difference == 0) / 2).mean())
    assert auc(-values, outcome).auc == pytest.approx(1 - found.auc)


@given(SEPARATE)
def test_the_curve_runs_from_nobody_to_everybody_and_encloses_the_area(rows):
    values, outcome = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    points = roc_points(values, outcome)
    assert points[["sensitivity", "specificity"]].iloc[[0, -1]].to_numpy().tolist() == [[0, 1], [1, 0]]
    assert (points["sensitivity"].diff().dropna() >= 0).all()
    area = np.trapezoid(points["sensitivity"], 1 - points["specificity"])
    assert area == pytest.approx(auc(values, outcome).auc)
    for point in points.itertuples():
        assert point.sensitivity == (values >= point.threshold)[outcome].mean()


@pytest.mark.parametrize(
    "values, outcome",
    [([1, 2], [1, 1]), ([1, np.nan], [0, 1]), ([1, 2, 3], [0, 1]), ([1, 2], [0, 2])],
)
def test_what_cannot_be_compared_is_refused(values, outcome):
    with pytest.raises(ValueError):
        auc(values, outcome)
