"""Screens against one model at a time, against other programs, and for what their q promise."""

import numpy as np
import pytest

from tests.references import references
from tracker.stats.interaction import cox_interaction, logistic_interaction
from tracker.stats.screening import benjamini_hochberg, holm, screen_response, screen_survival
from tracker.stats.survival import cox

random = np.random.default_rng(20240101)
MARKERS = random.standard_normal((120, 30))
TREATED = np.arange(120) % 2 == 0
RESPONDED = random.random(120) < 0.35
TIMES = np.ceil(random.exponential(10, 120))  # with ties
EVENT = random.random(120) < 0.7


@pytest.mark.parametrize("case", references("multiplicity."))
def test_adjusted_p_are_those_of_r(case):
    p, expected = case["input"]["p"], case["expected"]
    if case["id"].endswith("holm"):
        assert holm(p) == pytest.approx(expected, abs=case["tolerance"])
    else:
        found = benjamini_hochberg(p)
        assert found == pytest.approx(expected["adjusted"], abs=case["tolerance"])
        assert (found <= 0.05).sum() == expected["rejected_at_5pct"]


def test_a_missing_p_is_not_counted_among_those_tried():
    assert benjamini_hochberg([0.01, np.nan, 0.04]) == pytest.approx([0.02, np.nan, 0.04], nan_ok=True)


def test_interactions_with_response_are_those_of_one_model_at_a_time():
    found = screen_response(MARKERS, RESPONDED, TREATED)
    alone = [logistic_interaction(TREATED, marker, RESPONDED) for marker in MARKERS.T]
    assert found["p"].to_numpy() == pytest.approx([one.p_lrt for one in alone], abs=1e-9)
    assert found["coef"].to_numpy() == pytest.approx([one.coef[-1] for one in alone], abs=1e-6)
    assert (found["n"] == 120).all()
    assert (found["events"] == RESPONDED.sum()).all()


def test_interactions_with_survival_are_those_of_one_model_at_a_time():
    found = screen_survival(MARKERS, TIMES, EVENT, TREATED)
    alone = [cox_interaction(TIMES, EVENT, TREATED, marker) for marker in MARKERS.T]
    assert found["p"].to_numpy() == pytest.approx([one.p_lrt for one in alone], abs=1e-7)
    assert found["coef"].to_numpy() == pytest.approx([one.coef[-1] for one in alone], abs=1e-5)


def test_associations_are_those_of_statsmodels_and_of_the_survival_report():
    import statsmodels.api as sm

    of_response = screen_response(MARKERS[:, :5], RESPONDED)
    of_survival = screen_survival(MARKERS[:, :5], TIMES, EVENT)
    for place, marker in enumerate(MARKERS[:, :5].T):
        fit = sm.GLM(RESPONDED.astype(float), sm.add_constant(marker), family=sm.families.Binomial()).fit()
        assert of_response["coef"][place] == pytest.approx(fit.params[1], abs=1e-6)
        assert of_response["chi2"][place] == pytest.approx(2 * (fit.llf - fit.llnull), abs=1e-6)
        one = cox(TIMES, EVENT, marker)
        assert of_survival["coef"][place] == pytest.approx(one.coef, abs=1e-5)
        assert of_survival["p"][place] == pytest.approx(one.p_lrt, abs=1e-7)


def test_who_lacks_a_value_is_left_out_of_that_marker_alone():
    markers = MARKERS.copy()
    markers[:7, 3] = np.nan
    for found, part in (
        (
            screen_response(markers, RESPONDED, TREATED),
            screen_response(MARKERS[7:], RESPONDED[7:], TREATED[7:]),
        ),
        (screen_survival(markers, TIMES, EVENT), screen_survival(MARKERS[7:], TIMES[7:], EVENT[7:])),
    ):
        assert found["n"][3] == 113
        assert found.loc[3, ["events", "coef", "chi2"]].tolist() == pytest.approx(
            part.loc[3, ["events", "coef", "chi2"]].tolist()
        )
        assert found["n"].drop(3).eq(120).all()


def test_markers_that_cannot_be_tested_say_nothing_and_do_not_disturb_the_others():
    markers = MARKERS.copy()
    markers[:, 0] = 5
    markers[:, 1] = np.nan
    markers[TREATED, 2] = 1
    found = screen_response(markers, RESPONDED, TREATED)
    assert found.loc[:2, ["coef", "chi2", "p", "q"]].isna().all(axis=None)
    assert found["p"][3:].to_numpy() == pytest.approx(screen_response(MARKERS, RESPONDED, TREATED)["p"][3:])


def test_a_marker_that_separates_has_a_likelihood_ratio_but_no_coefficient():
    separating = np.where(RESPONDED, 1.0, 0.0)[:, None]
    found = screen_response(np.hstack([separating, MARKERS]), RESPONDED)
    share = RESPONDED.mean()
    null = 120 * (share * np.log(share) + (1 - share) * np.log(1 - share))
    assert np.isnan(found["coef"][0])
    assert found["chi2"][0] == pytest.approx(-2 * null, abs=1e-4)


def test_q_hold_the_false_discovery_rate():
    """Of 400 markers 40 tell who responds; at q <= 0.1 at most about a tenth of the finds may be others."""
    random = np.random.default_rng(20240101)
    shares, finds = [], 0
    for _ in range(20):
        responded = np.arange(100) % 2 == 0
        markers = random.standard_normal((100, 400))
        markers[:, :40] += responded[:, None]
        found = np.flatnonzero(screen_response(markers, responded)["q"] <= 0.1)
        shares.append((found >= 40).mean() if len(found) else 0.0)
        finds += (found < 40).sum()
    assert np.mean(shares) <= 0.12
    assert finds > 0.8 * 20 * 40
    nothing = screen_response(random.standard_normal((100, 2000)), np.arange(100) % 2 == 0)
    assert (nothing["q"] <= 0.05).sum() <= 1
