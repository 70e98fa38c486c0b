"""Interactions, Firth's estimates and qualitative interaction against R and published figures."""

import json

import numpy as np
import pandas as pd
import pytest

from tests.references import SHARED, references
from tracker.stats.firth import firth_cox, firth_logistic
from tracker.stats.interaction import cox_interaction, gail_simon, logistic_interaction
from tracker.stats.logistic import logistic

GBSG2 = SHARED / "data" / "real" / "survival" / "gbsg2.csv"

IPASS = ([1, 0, 1, 0], [1, 1, 0, 0], [94, 61, 1, 20], [132, 129, 91, 85])


def close(value, tolerance):
    return pytest.approx(value, abs=tolerance, rel=0)


def raw(treated, marker, responders, n):
    """The participants behind counts, one row each."""
    rows = np.repeat(np.column_stack([treated, marker]), n, axis=0)
    responded = np.concatenate([np.arange(total) < x for x, total in zip(responders, n)])
    return rows[:, 0], rows[:, 1], responded


@pytest.mark.parametrize("case", references("ipass.interaction"))
@pytest.mark.parametrize("form", ["counts", "participants"])
def test_ipass_has_its_interaction_although_one_responds_in_one_cell(case, form):
    expected, tolerance = case["expected"], case["tolerance"]
    found = logistic_interaction(*(IPASS if form == "counts" else raw(*IPASS)))
    names = ["intercept", "treatment", "marker", "interaction"]
    assert found.coef == close([expected["coef"][name] for name in names], tolerance)
    assert found.se == close(expected["se_interaction"], tolerance)
    assert found.ratio == pytest.approx(expected["ratio_of_odds_ratios"], rel=1e-6)
    assert found.chi2_lrt == close(expected["lrt_chi2"], tolerance)
    assert found.p_lrt == pytest.approx(expected["lrt_p"], rel=1e-5)
    assert found.p_wald == pytest.approx(5.1e-05, rel=0.01)
    assert not found.is_penalised


@pytest.mark.parametrize("case", references("cox.interaction"))
def test_an_effect_in_one_subgroup_alone_is_no_interaction(case):
    expected, rows = case["expected"], pd.read_csv(GBSG2)
    found = cox_interaction(rows["time"], rows["cens"], rows["horTh"] == "yes", rows["estrec"] >= 20)
    assert found.coef == close(expected["coef"], case["tolerance"])
    assert found.chi2_lrt == close(expected["lrt_chi2"], case["tolerance"])
    assert found.p_lrt == close(expected["p"], case["tolerance"])


def test_a_marker_with_many_values_is_tested_by_its_slope():
    """R: anova(coxph(Surv(time, cens) ~ horTh * x)) needs no cut; here both scales of x agree."""
    rows = np.random.default_rng(3).standard_normal((120, 2))
    treated, responded = np.arange(120) % 2, rows[:, 1] + rows[:, 0] > 0
    once, scaled = (logistic_interaction(treated, factor * rows[:, 0], responded) for factor in (1, 100))
    assert once.p_lrt == pytest.approx(scaled.p_lrt)
    assert once.coef[-1] == pytest.approx(100 * scaled.coef[-1])


def test_a_marker_that_one_group_does_not_vary_in_is_refused():
    with pytest.raises(ValueError, match="within both groups"):
        logistic_interaction([1, 1, 0, 0], [1, 1, 0, 1], [1, 0, 0, 1])


def test_an_empty_cell_is_estimated_by_firth():
    """The saturated model has a closed form: each cell gains half a responder and half a non-responder."""
    treated, marker, responders, n = IPASS
    responders = [94, 61, 0, 20]
    found = logistic_interaction(treated, marker, responders, n)
    cells = [(x + 0.5) / (total - x + 0.5) for x, total in zip(responders, n)]
    assert found.is_penalised
    assert found.ratio == pytest.approx(cells[0] / cells[1] / (cells[2] / cells[3]), rel=1e-5)
    assert found.low < found.ratio < found.high
    assert np.isnan(found.p_wald)


@pytest.mark.parametrize("case", references("firth."))
def test_separated_outcomes_are_estimated_as_logistf_and_coxphf_do(case):
    expected, tolerance, given = case["expected"], case["tolerance"], case["input"]
    if case["id"] == "firth.2x2":
        found = firth_logistic([0, 1], [0, 7], [12, 15])
        assert found.coef[-1] == close(expected["coef"], tolerance)
        assert found.coef[-1] == pytest.approx(np.log(7.5 * 12.5 / (8.5 * 0.5)))
        assert [found.low, found.high] == close(expected["profile_ci"], tolerance)
        assert found.p_lrt == close(expected["p_lr"], 1e-6)
    elif case["id"] == "firth.cox":
        found = firth_cox(given["time"], given["event"], given["x"])
        assert found.coef[0] == close(expected["coef"], tolerance)
        assert np.exp([found.low, found.high]) == close(expected["profile_hr_ci"], tolerance)
        assert found.p_lrt == close(expected["p_lr"], tolerance)
    else:
        cases = json.loads((SHARED / "REFERENCE_VALUES.json").read_text(encoding="utf-8"))["cases"]
        data = next(one["input"] for one in cases if one["id"] == "data.endometrial")
        for last, others in (("NV", ["PI", "EH"]), ("EH", ["PI", "NV"])):
            found = firth_logistic(np.column_stack([data[name] for name in [*others, last]]), data["HG"])
            if case["id"] == "firth.endometrial":
                names = ["intercept", *others, last]
                assert found.coef == close([expected["coef"][name] for name in names], tolerance)
                assert last != "NV" or found.p_lrt == close(expected["p_lr_NV"], tolerance)
            else:
                assert [found.low, found.high] == close(expected[last], tolerance)
                assert found.log_likelihood == close(expected["penalised_loglik"], tolerance)


@pytest.mark.parametrize("subsets, critical", [(2, 2.71), (3, 4.23), (4, 5.43), (5, 6.50)])
def test_critical_values_of_qualitative_interaction_are_the_published_ones(subsets, critical):
    """Gail and Simon 1985, table 1: at a level of 0.05."""
    effects = [critical**0.5, *[-10.0] * (subsets - 1)]
    statistic, p = gail_simon(effects, [1] * subsets)
    assert statistic == pytest.approx(critical)
    assert p == close(0.05, 2e-4)


def test_effects_of_one_direction_are_not_qualitative():
    assert gail_simon([-0.5, -2.0], [0.1, 0.1]) == (0.0, 1.0)


def test_separation_is_told_and_the_likelihood_is_its_limit():
    fit = logistic([0, 1], [0, 7], [12, 15])
    assert fit.is_separated
    assert np.isnan(fit.coef).all()
    assert fit.log_likelihood == close(7 * np.log(7 / 15) + 8 * np.log(8 / 15), 1e-6)


def test_interaction_p_values_of_permuted_markers_are_uniform():
    """Kolmogorov-Smirnov, seeded; markers that no treatment knows of."""
    from scipy.stats import kstest

    random = np.random.default_rng(20240101)
    treated = np.arange(300) % 2
    responded, times = random.random(300) < 0.4, random.exponential(10, 300)
    event = random.random(300) < 0.8
    marker = np.arange(300) % 3 == 0
    of_response, of_survival = [], []
    for _ in range(300):
        permuted = random.permutation(marker)
        of_response.append(logistic_interaction(treated, permuted, responded).p_lrt)
        of_survival.append(cox_interaction(times, event, treated, permuted).p_lrt)
    assert kstest(of_response, "uniform").pvalue > 0.01
    assert kstest(of_survival, "uniform").pvalue > 0.01
